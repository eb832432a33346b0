// One vector of 4 doubles (AVX2 with FMA).
#pragma once
#include <immintrin.h>

#include <cstdint>

#define SL_INLINE inline __attribute__((always_inline))

namespace shardlearn::SHARDLEARN_ISA {

constexpr int W = 4;

struct V {
    __m256d v;
};
struct M {
    __m256d m;
};
struct I {
    __m256i v;
};

SL_INLINE __m256i first(int count) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_set_epi64x(3, 2, 1, 0));
}
SL_INLINE __m128i first32(int count) {
    return _mm_cmpgt_epi32(_mm_set1_epi32(count), _mm_set_epi32(3, 2, 1, 0));
}

SL_INLINE V set(double x) { return {_mm256_set1_pd(x)}; }
SL_INLINE V zero() { return {_mm256_setzero_pd()}; }
SL_INLINE V load(const double* p) { return {_mm256_loadu_pd(p)}; }
SL_INLINE V load(const float* p) { return {_mm256_cvtps_pd(_mm_loadu_ps(p))}; }
SL_INLINE V load_n(const double* p, int count) { return {_mm256_maskload_pd(p, first(count))}; }
SL_INLINE V load_n(const float* p, int count) { return {_mm256_cvtps_pd(_mm_maskload_ps(p, first32(count)))}; }
SL_INLINE void store(double* p, V a) { _mm256_storeu_pd(p, a.v); }
SL_INLINE void store_n(double* p, V a, int count) { _mm256_maskstore_pd(p, first(count), a.v); }

SL_INLINE V operator+(V a, V b) { return {_mm256_add_pd(a.v, b.v)}; }
SL_INLINE V operator-(V a, V b) { return {_mm256_sub_pd(a.v, b.v)}; }
SL_INLINE V operator*(V a, V b) { return {_mm256_mul_pd(a.v, b.v)}; }
SL_INLINE V operator/(V a, V b) { return {_mm256_div_pd(a.v, b.v)}; }
SL_INLINE V fma(V a, V b, V c) { return {_mm256_fmadd_pd(a.v, b.v, c.v)}; }
SL_INLINE V fnma(V a, V b, V c) { return {_mm256_fnmadd_pd(a.v, b.v, c.v)}; }
SL_INLINE V sqrt(V a) { return {_mm256_sqrt_pd(a.v)}; }
SL_INLINE V min(V a, V b) { return {_mm256_min_pd(a.v, b.v)}; }  // a < b ? a : b
SL_INLINE V max(V a, V b) { return {_mm256_max_pd(a.v, b.v)}; }  // a > b ? a : b

SL_INLINE M lt(V a, V b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_LT_OQ)}; }
SL_INLINE M eq(V a, V b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_EQ_OQ)}; }
SL_INLINE bool any(M a) { return _mm256_movemask_pd(a.m) != 0; }
SL_INLINE V select(M m, V yes, V no) { return {_mm256_blendv_pd(no.v, yes.v, m.m)}; }

SL_INLINE I bits(V a) { return {_mm256_castpd_si256(a.v)}; }
SL_INLINE V from_bits(I a) { return {_mm256_castsi256_pd(a.v)}; }
SL_INLINE I seti(std::int64_t x) { return {_mm256_set1_epi64x(x)}; }
SL_INLINE I operator+(I a, I b) { return {_mm256_add_epi64(a.v, b.v)}; }
SL_INLINE I operator&(I a, I b) { return {_mm256_and_si256(a.v, b.v)}; }
SL_INLINE I operator|(I a, I b) { return {_mm256_or_si256(a.v, b.v)}; }
template <int K>
SL_INLINE I shl(I a) {
    return {_mm256_slli_epi64(a.v, K)};
}
template <int K>
SL_INLINE I shr(I a) {
    return {_mm256_srli_epi64(a.v, K)};
}

// One vector of 8 floats, for scores.
constexpr int FW = 8;

struct F {
    __m256 v;
};
struct FM {
    __m256 m;
};

SL_INLINE F setf(float x) { return {_mm256_set1_ps(x)}; }
SL_INLINE F loadf(const float* p) { return {_mm256_loadu_ps(p)}; }
SL_INLINE void storef(float* p, F a) { _mm256_storeu_ps(p, a.v); }
SL_INLINE F operator+(F a, F b) { return {_mm256_add_ps(a.v, b.v)}; }
SL_INLINE F operator-(F a, F b) { return {_mm256_sub_ps(a.v, b.v)}; }
SL_INLINE F operator*(F a, F b) { return {_mm256_mul_ps(a.v, b.v)}; }
SL_INLINE F fma(F a, F b, F c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
SL_INLINE F fnma(F a, F b, F c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }
SL_INLINE F min(F a, F b) { return {_mm256_min_ps(a.v, b.v)}; }
SL_INLINE F max(F a, F b) { return {_mm256_max_ps(a.v, b.v)}; }
SL_INLINE FM lt(F a, F b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
SL_INLINE F select(FM m, F yes, F no) { return {_mm256_blendv_ps(no.v, yes.v, m.m)}; }
SL_INLINE FM both(FM a, FM b) { return {_mm256_and_ps(a.m, b.m)}; }
SL_INLINE unsigned lanes_of(FM m) { return static_cast<unsigned>(_mm256_movemask_ps(m.m)); }
// Those lanes, beside each other; up to a vector more may be written to. And first + lane, for those lanes.
SL_INLINE void compress(float* to, unsigned lanes, F a) {
    float all[FW];
    storef(all, a);
    for (; lanes; lanes &= lanes - 1) *to++ = all[__builtin_ctz(lanes)];
}
SL_INLINE void compress_count(std::int32_t* to, unsigned lanes, std::int32_t first) {
    for (; lanes; lanes &= lanes - 1) *to++ = first + __builtin_ctz(lanes);
}
SL_INLINE F loadf_n(const float* p, int count) {
    __m256i some = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0));
    return {_mm256_maskload_ps(p, some)};
}
SL_INLINE F sqrt(F a) { return {_mm256_sqrt_ps(a.v)}; }
SL_INLINE F narrow(const V* a) {
    return {_mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(a[0].v)), _mm256_cvtpd_ps(a[1].v), 1)};
}

// Row r of an 8 x 8 square becomes its column r.
SL_INLINE void transpose(F (&r)[FW]) {
    __m256 a[8], b[8];
    for (int i = 0; i < 8; i += 2) {
        a[i] = _mm256_unpacklo_ps(r[i].v, r[i + 1].v);
        a[i + 1] = _mm256_unpackhi_ps(r[i].v, r[i + 1].v);
    }
    for (int i = 0; i < 8; i += 4)
        for (int half = 0; half < 2; ++half) {
            __m256d low = _mm256_castps_pd(a[i + half]), high = _mm256_castps_pd(a[i + half + 2]);
            b[i + 2 * half] = _mm256_castpd_ps(_mm256_unpacklo_pd(low, high));
            b[i + 2 * half + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low, high));
        }
    for (int i = 0; i < 4; ++i) {
        r[i].v = _mm256_permute2f128_ps(b[i], b[4 + i], 0x20);
        r[4 + i].v = _mm256_permute2f128_ps(b[i], b[4 + i], 0x31);
    }
}

// The 16 virtual lanes of a row product: lane l takes the elements j with j mod 16 == l.
struct Lanes {
    V v[4];
};

// The fixed fold: 16 -> 8 -> 4 -> 2 -> 1, lane l plus lane l + half.
SL_INLINE double fold(const Lanes& a) {
    __m256d low = _mm256_add_pd(a.v[0].v, a.v[2].v);
    __m256d high = _mm256_add_pd(a.v[1].v, a.v[3].v);
    __m256d four = _mm256_add_pd(low, high);
    __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

SL_INLINE void fold4(const Lanes& a, const Lanes& b, const Lanes& c, const Lanes& d, double* out) {
    out[0] = fold(a), out[1] = fold(b), out[2] = fold(c), out[3] = fold(d);
}

}  // namespace shardlearn::SHARDLEARN_ISA
