// Picks the vector type of this build: SHARDLEARN_ISA names it (and the namespace, so that no symbol is shared).
#pragma once

#if SHARDLEARN_WIDTH == 8
#include "avx512.hpp"
#elif SHARDLEARN_WIDTH == 4 && defined(__aarch64__)
#include "neon.hpp"
#elif SHARDLEARN_WIDTH == 4
#include "avx2.hpp"
#else
#include "scalar.hpp"
#endif

namespace shardlearn::SHARDLEARN_ISA {

using i64 = std::int64_t;

constexpr int LANES = 16;      // of a row product
constexpr i64 SUB_LEAF = 256;  // rows of one chain in a sum over rows

template <class T>
SL_INLINE T least(T a, T b) {
    return a < b ? a : b;
}
template <class T>
SL_INLINE T most(T a, T b) {
    return a > b ? a : b;
}
SL_INLINE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
SL_INLINE double fnma(double a, double b, double c) { return __builtin_fma(-a, b, c); }

// Calls f(j, count) for the vectors that cover 0..n: count is W, but for the last one.
template <class F>
SL_INLINE void for_vectors(i64 n, F f) {
    i64 j = 0;
    for (; j + W <= n; j += W) f(j, W);
    if (j < n) f(j, static_cast<int>(n - j));
}
template <class T>
SL_INLINE V load_some(const T* p, int count) {
    return count == W ? load(p) : load_n(p, count);
}
SL_INLINE void store_some(double* p, V a, int count) {
    if (count == W)
        store(p, a);
    else
        store_n(p, a, count);
}

}  // namespace shardlearn::SHARDLEARN_ISA
