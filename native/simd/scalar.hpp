// One double: the definition of the bits, in plain C++ with fused multiply-add.
#pragma once
#include <cstdint>
#include <cstring>

#define SL_INLINE inline __attribute__((always_inline))

namespace shardlearn::SHARDLEARN_ISA {

constexpr int W = 1;

struct V {
    double v;
};
struct M {
    bool m;
};
struct I {
    std::uint64_t v;
};

SL_INLINE V set(double x) { return {x}; }
SL_INLINE V zero() { return {0.0}; }
SL_INLINE V load(const double* p) { return {*p}; }
SL_INLINE V load(const float* p) { return {static_cast<double>(*p)}; }
template <class T>
SL_INLINE V load_n(const T* p, int count) {
    return {count > 0 ? static_cast<double>(*p) : 0.0};
}
SL_INLINE void store(double* p, V a) { *p = a.v; }
SL_INLINE void store_n(double* p, V a, int count) {
    if (count > 0) *p = a.v;
}

SL_INLINE V operator+(V a, V b) { return {a.v + b.v}; }
SL_INLINE V operator-(V a, V b) { return {a.v - b.v}; }
SL_INLINE V operator*(V a, V b) { return {a.v * b.v}; }
SL_INLINE V operator/(V a, V b) { return {a.v / b.v}; }
SL_INLINE V fma(V a, V b, V c) { return {__builtin_fma(a.v, b.v, c.v)}; }
SL_INLINE V fnma(V a, V b, V c) { return {__builtin_fma(-a.v, b.v, c.v)}; }
SL_INLINE V sqrt(V a) { return {__builtin_sqrt(a.v)}; }
SL_INLINE V min(V a, V b) { return {a.v < b.v ? a.v : b.v}; }
SL_INLINE V max(V a, V b) { return {a.v > b.v ? a.v : b.v}; }

SL_INLINE M lt(V a, V b) { return {a.v < b.v}; }
SL_INLINE M eq(V a, V b) { return {a.v == b.v}; }
SL_INLINE bool any(M a) { return a.m; }
SL_INLINE V select(M m, V yes, V no) { return {m.m ? yes.v : no.v}; }

SL_INLINE I bits(V a) {
    I out;
    std::memcpy(&out.v, &a.v, 8);
    return out;
}
SL_INLINE V from_bits(I a) {
    V out;
    std::memcpy(&out.v, &a.v, 8);
    return out;
}
SL_INLINE I seti(std::int64_t x) { return {static_cast<std::uint64_t>(x)}; }
SL_INLINE I operator+(I a, I b) { return {a.v + b.v}; }
SL_INLINE I operator&(I a, I b) { return {a.v & b.v}; }
SL_INLINE I operator|(I a, I b) { return {a.v | b.v}; }
template <int K>
SL_INLINE I shl(I a) {
    return {a.v << K};
}
template <int K>
SL_INLINE I shr(I a) {
    return {a.v >> K};
}

// One float, for scores.
constexpr int FW = 1;

struct F {
    float v;
};
struct FM {
    bool m;
};

SL_INLINE F setf(float x) { return {x}; }
// Whatever lies there: lanes may be numbers of points.
SL_INLINE F loadf(const float* p) {
    F out;
    __builtin_memcpy(&out.v, p, sizeof(float));
    return out;
}
SL_INLINE void storef(float* p, F a) { __builtin_memcpy(p, &a.v, sizeof(float)); }
SL_INLINE F operator+(F a, F b) { return {a.v + b.v}; }
SL_INLINE F operator-(F a, F b) { return {a.v - b.v}; }
SL_INLINE F operator*(F a, F b) { return {a.v * b.v}; }
SL_INLINE F fma(F a, F b, F c) { return {__builtin_fmaf(a.v, b.v, c.v)}; }
SL_INLINE F fnma(F a, F b, F c) { return {__builtin_fmaf(-a.v, b.v, c.v)}; }
SL_INLINE F min(F a, F b) { return {a.v < b.v ? a.v : b.v}; }
SL_INLINE F max(F a, F b) { return {a.v > b.v ? a.v : b.v}; }
SL_INLINE FM lt(F a, F b) { return {a.v < b.v}; }
SL_INLINE F select(FM m, F yes, F no) { return {m.m ? yes.v : no.v}; }
SL_INLINE FM both(FM a, FM b) { return {a.m && b.m}; }
SL_INLINE unsigned lanes_of(FM m) { return m.m ? 1u : 0u; }
// Those lanes, beside each other; up to a vector more may be written to. And first + lane, for those lanes.
SL_INLINE void compress(float* to, unsigned lanes, F a) {
    if (lanes) *to = a.v;
}
SL_INLINE void compress_count(std::int32_t* to, unsigned lanes, std::int32_t first) {
    if (lanes) *to = first;
}
SL_INLINE F loadf_n(const float* p, int count) { return {count > 0 ? *p : 0.0f}; }
SL_INLINE F sqrt(F a) { return {__builtin_sqrtf(a.v)}; }
SL_INLINE F narrow(const V* a) { return {static_cast<float>(a[0].v)}; }
SL_INLINE void transpose(F (&)[FW]) {}

// The 16 virtual lanes of a row product: lane l takes the elements j with j mod 16 == l.
struct Lanes {
    V v[16];
};

// The fixed fold: 16 -> 8 -> 4 -> 2 -> 1, lane l plus lane l + half.
SL_INLINE double fold(const Lanes& a) {
    double x[16];
    for (int l = 0; l < 16; ++l) x[l] = a.v[l].v;
    for (int half = 8; half > 0; half /= 2)
        for (int l = 0; l < half; ++l) x[l] = x[l] + x[l + half];
    return x[0];
}

SL_INLINE void fold4(const Lanes& a, const Lanes& b, const Lanes& c, const Lanes& d, double* out) {
    out[0] = fold(a), out[1] = fold(b), out[2] = fold(c), out[3] = fold(d);
}

}  // namespace shardlearn::SHARDLEARN_ISA
