// One vector of 4 doubles, as two registers (NEON of AArch64): as many lanes as AVX2 has.
#pragma once
#include <arm_neon.h>

#include <cstdint>

#define SL_INLINE inline __attribute__((always_inline))

namespace shardlearn::SHARDLEARN_ISA {

constexpr int W = 4;

struct V {
    float64x2_t a, b;
};
struct M {
    uint64x2_t a, b;
};
struct I {
    uint64x2_t a, b;
};

SL_INLINE V set(double x) { return {vdupq_n_f64(x), vdupq_n_f64(x)}; }
SL_INLINE V zero() { return set(0.0); }
SL_INLINE V load(const double* p) { return {vld1q_f64(p), vld1q_f64(p + 2)}; }
SL_INLINE V load(const float* p) {
    float32x4_t all = vld1q_f32(p);
    return {vcvt_f64_f32(vget_low_f32(all)), vcvt_high_f64_f32(all)};
}
template <class T>
SL_INLINE V load_n(const T* p, int count) {
    double all[W] = {};
    for (int l = 0; l < W && l < count; ++l) all[l] = static_cast<double>(p[l]);
    return load(all);
}
SL_INLINE void store(double* p, V x) { vst1q_f64(p, x.a), vst1q_f64(p + 2, x.b); }
SL_INLINE void store_n(double* p, V x, int count) {
    double all[W];
    store(all, x);
    for (int l = 0; l < W && l < count; ++l) p[l] = all[l];
}

SL_INLINE V operator+(V x, V y) { return {vaddq_f64(x.a, y.a), vaddq_f64(x.b, y.b)}; }
SL_INLINE V operator-(V x, V y) { return {vsubq_f64(x.a, y.a), vsubq_f64(x.b, y.b)}; }
SL_INLINE V operator*(V x, V y) { return {vmulq_f64(x.a, y.a), vmulq_f64(x.b, y.b)}; }
SL_INLINE V operator/(V x, V y) { return {vdivq_f64(x.a, y.a), vdivq_f64(x.b, y.b)}; }
SL_INLINE V fma(V x, V y, V z) { return {vfmaq_f64(z.a, x.a, y.a), vfmaq_f64(z.b, x.b, y.b)}; }
SL_INLINE V fnma(V x, V y, V z) { return {vfmsq_f64(z.a, x.a, y.a), vfmsq_f64(z.b, x.b, y.b)}; }
SL_INLINE V sqrt(V x) { return {vsqrtq_f64(x.a), vsqrtq_f64(x.b)}; }

SL_INLINE M lt(V x, V y) { return {vcltq_f64(x.a, y.a), vcltq_f64(x.b, y.b)}; }
SL_INLINE M eq(V x, V y) { return {vceqq_f64(x.a, y.a), vceqq_f64(x.b, y.b)}; }
SL_INLINE bool any(M m) { return vmaxvq_u32(vreinterpretq_u32_u64(vorrq_u64(m.a, m.b))) != 0; }
SL_INLINE V select(M m, V yes, V no) { return {vbslq_f64(m.a, yes.a, no.a), vbslq_f64(m.b, yes.b, no.b)}; }
// Not vminq: of NaN, and of zeros, these take what x86 takes.
SL_INLINE V min(V x, V y) { return select(lt(x, y), x, y); }  // x < y ? x : y
SL_INLINE V max(V x, V y) { return select(lt(y, x), x, y); }  // x > y ? x : y

SL_INLINE I bits(V x) { return {vreinterpretq_u64_f64(x.a), vreinterpretq_u64_f64(x.b)}; }
SL_INLINE V from_bits(I x) { return {vreinterpretq_f64_u64(x.a), vreinterpretq_f64_u64(x.b)}; }
SL_INLINE I seti(std::int64_t x) {
    uint64x2_t all = vdupq_n_u64(static_cast<std::uint64_t>(x));
    return {all, all};
}
SL_INLINE I operator+(I x, I y) { return {vaddq_u64(x.a, y.a), vaddq_u64(x.b, y.b)}; }
SL_INLINE I operator&(I x, I y) { return {vandq_u64(x.a, y.a), vandq_u64(x.b, y.b)}; }
SL_INLINE I operator|(I x, I y) { return {vorrq_u64(x.a, y.a), vorrq_u64(x.b, y.b)}; }
template <int K>
SL_INLINE I shl(I x) {
    return {vshlq_n_u64(x.a, K), vshlq_n_u64(x.b, K)};
}
template <int K>
SL_INLINE I shr(I x) {
    return {vshrq_n_u64(x.a, K), vshrq_n_u64(x.b, K)};
}

// One vector of 8 floats, for scores.
constexpr int FW = 8;

struct F {
    float32x4_t a, b;
};
struct FM {
    uint32x4_t a, b;
};

SL_INLINE F setf(float x) { return {vdupq_n_f32(x), vdupq_n_f32(x)}; }
// Whatever lies there: lanes may be numbers of points.
SL_INLINE F loadf(const float* p) {
    F out;
    __builtin_memcpy(&out.a, p, sizeof out.a), __builtin_memcpy(&out.b, p + 4, sizeof out.b);
    return out;
}
SL_INLINE F loadf_n(const float* p, int count) {
    float all[FW] = {};
    for (int l = 0; l < FW && l < count; ++l) all[l] = p[l];
    return loadf(all);
}
SL_INLINE void storef(float* p, F x) { __builtin_memcpy(p, &x.a, sizeof x.a), __builtin_memcpy(p + 4, &x.b, sizeof x.b); }
SL_INLINE F operator+(F x, F y) { return {vaddq_f32(x.a, y.a), vaddq_f32(x.b, y.b)}; }
SL_INLINE F operator-(F x, F y) { return {vsubq_f32(x.a, y.a), vsubq_f32(x.b, y.b)}; }
SL_INLINE F operator*(F x, F y) { return {vmulq_f32(x.a, y.a), vmulq_f32(x.b, y.b)}; }
SL_INLINE F fma(F x, F y, F z) { return {vfmaq_f32(z.a, x.a, y.a), vfmaq_f32(z.b, x.b, y.b)}; }
SL_INLINE F fnma(F x, F y, F z) { return {vfmsq_f32(z.a, x.a, y.a), vfmsq_f32(z.b, x.b, y.b)}; }
SL_INLINE F sqrt(F x) { return {vsqrtq_f32(x.a), vsqrtq_f32(x.b)}; }
SL_INLINE FM lt(F x, F y) { return {vcltq_f32(x.a, y.a), vcltq_f32(x.b, y.b)}; }
SL_INLINE F select(FM m, F yes, F no) { return {vbslq_f32(m.a, yes.a, no.a), vbslq_f32(m.b, yes.b, no.b)}; }
SL_INLINE F min(F x, F y) { return select(lt(x, y), x, y); }
SL_INLINE F max(F x, F y) { return select(lt(y, x), x, y); }
SL_INLINE FM both(FM x, FM y) { return {vandq_u32(x.a, y.a), vandq_u32(x.b, y.b)}; }
SL_INLINE unsigned lanes_of(FM m) {
    const std::uint32_t weights[4] = {1, 2, 4, 8};
    uint32x4_t low = vld1q_u32(weights);
    return vaddvq_u32(vorrq_u32(vandq_u32(m.a, low), vandq_u32(m.b, vshlq_n_u32(low, 4))));
}
// Those lanes, beside each other; up to a vector more may be written to. And first + lane, for those lanes.
SL_INLINE void compress(float* to, unsigned lanes, F x) {
    float all[FW];
    storef(all, x);
    for (; lanes; lanes &= lanes - 1) *to++ = all[__builtin_ctz(lanes)];
}
SL_INLINE void compress_count(std::int32_t* to, unsigned lanes, std::int32_t first) {
    for (; lanes; lanes &= lanes - 1) *to++ = first + __builtin_ctz(lanes);
}
SL_INLINE F narrow(const V* x) {
    return {vcvt_high_f32_f64(vcvt_f32_f64(x[0].a), x[0].b), vcvt_high_f32_f64(vcvt_f32_f64(x[1].a), x[1].b)};
}

// Row r of a 4 x 4 square becomes its column r.
SL_INLINE void transpose4(float32x4_t& r0, float32x4_t& r1, float32x4_t& r2, float32x4_t& r3) {
    float64x2_t even01 = vreinterpretq_f64_f32(vtrn1q_f32(r0, r1)), odd01 = vreinterpretq_f64_f32(vtrn2q_f32(r0, r1));
    float64x2_t even23 = vreinterpretq_f64_f32(vtrn1q_f32(r2, r3)), odd23 = vreinterpretq_f64_f32(vtrn2q_f32(r2, r3));
    r0 = vreinterpretq_f32_f64(vtrn1q_f64(even01, even23)), r1 = vreinterpretq_f32_f64(vtrn1q_f64(odd01, odd23));
    r2 = vreinterpretq_f32_f64(vtrn2q_f64(even01, even23)), r3 = vreinterpretq_f32_f64(vtrn2q_f64(odd01, odd23));
}
// The same of an 8 x 8 square.
SL_INLINE void transpose(F (&r)[FW]) {
    for (int i = 0; i < FW; i += 4) {
        transpose4(r[i].a, r[i + 1].a, r[i + 2].a, r[i + 3].a);
        transpose4(r[i].b, r[i + 1].b, r[i + 2].b, r[i + 3].b);
    }
    for (int i = 0; i < 4; ++i) {
        float32x4_t right = r[i].b;
        r[i].b = r[4 + i].a, r[4 + i].a = right;
    }
}

// The 16 virtual lanes of a row product: lane l takes the elements j with j mod 16 == l.
struct Lanes {
    V v[4];
};

// The fixed fold: 16 -> 8 -> 4 -> 2 -> 1, lane l plus lane l + half.
SL_INLINE double fold(const Lanes& x) {
    V four = (x.v[0] + x.v[2]) + (x.v[1] + x.v[3]);
    float64x2_t two = vaddq_f64(four.a, four.b);
    return vgetq_lane_f64(two, 0) + vgetq_lane_f64(two, 1);
}

SL_INLINE void fold4(const Lanes& a, const Lanes& b, const Lanes& c, const Lanes& d, double* out) {
    out[0] = fold(a), out[1] = fold(b), out[2] = fold(c), out[3] = fold(d);
}

}  // namespace shardlearn::SHARDLEARN_ISA
