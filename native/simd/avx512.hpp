// One vector of 8 doubles (AVX-512).
#pragma once
#include <immintrin.h>

#include <cstdint>

#define SL_INLINE inline __attribute__((always_inline))

namespace shardlearn::SHARDLEARN_ISA {

constexpr int W = 8;

struct V {
    __m512d v;
};
struct M {
    __mmask8 m;
};
struct I {
    __m512i v;
};

SL_INLINE __mmask8 first(int count) { return static_cast<__mmask8>((1u << count) - 1u); }

SL_INLINE V set(double x) { return {_mm512_set1_pd(x)}; }
SL_INLINE V zero() { return {_mm512_setzero_pd()}; }
SL_INLINE V load(const double* p) { return {_mm512_loadu_pd(p)}; }
SL_INLINE V load(const float* p) { return {_mm512_cvtps_pd(_mm256_loadu_ps(p))}; }
SL_INLINE V load_n(const double* p, int count) { return {_mm512_maskz_loadu_pd(first(count), p)}; }
SL_INLINE V load_n(const float* p, int count) {
    return {_mm512_cvtps_pd(_mm256_maskz_loadu_ps(first(count), p))};
}
SL_INLINE void store(double* p, V a) { _mm512_storeu_pd(p, a.v); }
SL_INLINE void store_n(double* p, V a, int count) { _mm512_mask_storeu_pd(p, first(count), a.v); }

SL_INLINE V operator+(V a, V b) { return {_mm512_add_pd(a.v, b.v)}; }
SL_INLINE V operator-(V a, V b) { return {_mm512_sub_pd(a.v, b.v)}; }
SL_INLINE V operator*(V a, V b) { return {_mm512_mul_pd(a.v, b.v)}; }
SL_INLINE V operator/(V a, V b) { return {_mm512_div_pd(a.v, b.v)}; }
SL_INLINE V fma(V a, V b, V c) { return {_mm512_fmadd_pd(a.v, b.v, c.v)}; }
SL_INLINE V fnma(V a, V b, V c) { return {_mm512_fnmadd_pd(a.v, b.v, c.v)}; }
SL_INLINE V sqrt(V a) { return {_mm512_sqrt_pd(a.v)}; }
SL_INLINE V min(V a, V b) { return {_mm512_min_pd(a.v, b.v)}; }  // a < b ? a : b
SL_INLINE V max(V a, V b) { return {_mm512_max_pd(a.v, b.v)}; }  // a > b ? a : b

SL_INLINE M lt(V a, V b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_LT_OQ)}; }
SL_INLINE M eq(V a, V b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_EQ_OQ)}; }
SL_INLINE bool any(M a) { return a.m != 0; }
SL_INLINE V select(M m, V yes, V no) { return {_mm512_mask_blend_pd(m.m, no.v, yes.v)}; }

SL_INLINE I bits(V a) { return {_mm512_castpd_si512(a.v)}; }
SL_INLINE V from_bits(I a) { return {_mm512_castsi512_pd(a.v)}; }
SL_INLINE I seti(std::int64_t x) { return {_mm512_set1_epi64(x)}; }
SL_INLINE I operator+(I a, I b) { return {_mm512_add_epi64(a.v, b.v)}; }
SL_INLINE I operator&(I a, I b) { return {_mm512_and_si512(a.v, b.v)}; }
SL_INLINE I operator|(I a, I b) { return {_mm512_or_si512(a.v, b.v)}; }
template <int K>
SL_INLINE I shl(I a) {
    return {_mm512_slli_epi64(a.v, K)};
}
template <int K>
SL_INLINE I shr(I a) {
    return {_mm512_srli_epi64(a.v, K)};
}

// One vector of 16 floats, for scores.
constexpr int FW = 16;

struct F {
    __m512 v;
};
struct FM {
    __mmask16 m;
};

SL_INLINE F setf(float x) { return {_mm512_set1_ps(x)}; }
SL_INLINE F loadf(const float* p) { return {_mm512_loadu_ps(p)}; }
SL_INLINE void storef(float* p, F a) { _mm512_storeu_ps(p, a.v); }
SL_INLINE F operator+(F a, F b) { return {_mm512_add_ps(a.v, b.v)}; }
SL_INLINE F operator-(F a, F b) { return {_mm512_sub_ps(a.v, b.v)}; }
SL_INLINE F operator*(F a, F b) { return {_mm512_mul_ps(a.v, b.v)}; }
SL_INLINE F fma(F a, F b, F c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
SL_INLINE F fnma(F a, F b, F c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
SL_INLINE F min(F a, F b) { return {_mm512_min_ps(a.v, b.v)}; }
SL_INLINE F max(F a, F b) { return {_mm512_max_ps(a.v, b.v)}; }
SL_INLINE FM lt(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
SL_INLINE F select(FM m, F yes, F no) { return {_mm512_mask_blend_ps(m.m, no.v, yes.v)}; }
SL_INLINE FM both(FM a, FM b) { return {static_cast<__mmask16>(a.m & b.m)}; }
SL_INLINE unsigned lanes_of(FM m) { return m.m; }
// Those lanes, beside each other; up to a vector more may be written to. And first + lane, for those lanes.
SL_INLINE void compress(float* to, unsigned lanes, F a) {
    _mm512_storeu_ps(to, _mm512_maskz_compress_ps(static_cast<__mmask16>(lanes), a.v));
}
SL_INLINE void compress_count(std::int32_t* to, unsigned lanes, std::int32_t first) {
    __m512i count = _mm512_add_epi32(_mm512_set1_epi32(first), _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
    _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(static_cast<__mmask16>(lanes), count));
}
SL_INLINE F loadf_n(const float* p, int count) {
    return {_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1u), p)};
}
SL_INLINE F sqrt(F a) { return {_mm512_sqrt_ps(a.v)}; }
SL_INLINE F narrow(const V* a) {
    __m512d low = _mm512_castps_pd(_mm512_castps256_ps512(_mm512_cvtpd_ps(a[0].v)));
    return {_mm512_castpd_ps(_mm512_insertf64x4(low, _mm256_castps_pd(_mm512_cvtpd_ps(a[1].v)), 1))};
}

// Row r of a 16 x 16 square becomes its column r.
SL_INLINE void transpose(F (&r)[FW]) {
    __m512 a[16], b[16];
    for (int i = 0; i < 16; i += 2) {
        a[i] = _mm512_unpacklo_ps(r[i].v, r[i + 1].v);
        a[i + 1] = _mm512_unpackhi_ps(r[i].v, r[i + 1].v);
    }
    for (int i = 0; i < 16; i += 4)
        for (int half = 0; half < 2; ++half) {
            __m512d low = _mm512_castps_pd(a[i + half]), high = _mm512_castps_pd(a[i + half + 2]);
            b[i + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
            b[i + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
        }
    for (int i = 0; i < 4; ++i) {  // b[4 q + i]: of rows 4 q to 4 q + 3, the columns i, i + 4, i + 8, i + 12
        __m512 even01 = _mm512_shuffle_f32x4(b[i], b[4 + i], 0x88), odd01 = _mm512_shuffle_f32x4(b[i], b[4 + i], 0xdd);
        __m512 even23 = _mm512_shuffle_f32x4(b[8 + i], b[12 + i], 0x88), odd23 = _mm512_shuffle_f32x4(b[8 + i], b[12 + i], 0xdd);
        r[i].v = _mm512_shuffle_f32x4(even01, even23, 0x88);
        r[8 + i].v = _mm512_shuffle_f32x4(even01, even23, 0xdd);
        r[4 + i].v = _mm512_shuffle_f32x4(odd01, odd23, 0x88);
        r[12 + i].v = _mm512_shuffle_f32x4(odd01, odd23, 0xdd);
    }
}

// The same of an 8 x 8 square of doubles.
SL_INLINE void transpose(V (&r)[W]) {
    __m512d a[8], b[8];
    for (int i = 0; i < 8; i += 2) {
        a[i] = _mm512_unpacklo_pd(r[i].v, r[i + 1].v);
        a[i + 1] = _mm512_unpackhi_pd(r[i].v, r[i + 1].v);
    }
    for (int i = 0; i < 8; i += 4)  // b[i + j]: of rows i to i + 3, the columns j, j + 4
        for (int j = 0; j < 2; ++j) {
            b[i + j] = _mm512_shuffle_f64x2(a[i + j], a[i + 2 + j], 0x88);
            b[i + 2 + j] = _mm512_shuffle_f64x2(a[i + j], a[i + 2 + j], 0xdd);
        }
    for (int j = 0; j < 4; ++j) {
        r[j].v = _mm512_shuffle_f64x2(b[j], b[4 + j], 0x88);
        r[4 + j].v = _mm512_shuffle_f64x2(b[j], b[4 + j], 0xdd);
    }
}

// The 16 virtual lanes of a row product: lane l takes the elements j with j mod 16 == l.
struct Lanes {
    V v[2];
};

// The fixed fold: 16 -> 8 -> 4 -> 2 -> 1, lane l plus lane l + half.
SL_INLINE double fold(const Lanes& a) {
    __m512d eight = _mm512_add_pd(a.v[0].v, a.v[1].v);
    __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd(eight, 1));
    __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

// Four folds at once: the same sums, lanes of different rows side by side.
SL_INLINE void fold4(const Lanes& a, const Lanes& b, const Lanes& c, const Lanes& d, double* out) {
    __m512d a8 = _mm512_add_pd(a.v[0].v, a.v[1].v), b8 = _mm512_add_pd(b.v[0].v, b.v[1].v);
    __m512d c8 = _mm512_add_pd(c.v[0].v, c.v[1].v), d8 = _mm512_add_pd(d.v[0].v, d.v[1].v);
    __m512d ab = _mm512_add_pd(_mm512_shuffle_f64x2(a8, b8, 0x44), _mm512_shuffle_f64x2(a8, b8, 0xee));  // 4 of a, 4 of b
    __m512d cd = _mm512_add_pd(_mm512_shuffle_f64x2(c8, d8, 0x44), _mm512_shuffle_f64x2(c8, d8, 0xee));
    __m512d two = _mm512_add_pd(_mm512_shuffle_f64x2(ab, cd, 0x88), _mm512_shuffle_f64x2(ab, cd, 0xdd));  // 2 of each
    __m512d one = _mm512_add_pd(two, _mm512_unpackhi_pd(two, two));
    _mm256_storeu_pd(out, _mm512_castpd512_pd256(_mm512_permutexvar_pd(_mm512_set_epi64(0, 0, 0, 0, 6, 4, 2, 0), one)));
}

}  // namespace shardlearn::SHARDLEARN_ISA
