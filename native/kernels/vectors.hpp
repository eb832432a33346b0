// Vectors and matrix-vector products: dot, axpy, gemv, elementwise functions.
#pragma once
#include "../table.hpp"
#include "math.hpp"

namespace shardlearn::SHARDLEARN_ISA {

SL_INLINE Lanes no_lanes() {
    Lanes out;
    for (int v = 0; v < LANES / W; ++v) out.v[v] = zero();
    return out;
}
// How many of the lanes v W .. v W + W lie below `rest`.
SL_INLINE int inside(i64 rest, int v) {
    i64 left = rest - static_cast<i64>(v) * W;
    return static_cast<int>(left < 0 ? 0 : left > W ? W : left);
}

inline double dot(const double* a, const double* b, i64 n) {
    Lanes acc = no_lanes();
    i64 j = 0;
    for (; j + LANES <= n; j += LANES)
        for (int v = 0; v < LANES / W; ++v) acc.v[v] = fma(load(a + j + v * W), load(b + j + v * W), acc.v[v]);
    if (j < n)
        for (int v = 0; v < LANES / W; ++v) {
            int count = inside(n - j, v);
            acc.v[v] = fma(load_n(a + j + v * W, count), load_n(b + j + v * W, count), acc.v[v]);
        }
    return fold(acc);
}

inline double lane_sum(const double* a, i64 n) {
    Lanes acc = no_lanes();
    i64 j = 0;
    for (; j + LANES <= n; j += LANES)
        for (int v = 0; v < LANES / W; ++v) acc.v[v] = acc.v[v] + load(a + j + v * W);
    if (j < n)
        for (int v = 0; v < LANES / W; ++v) acc.v[v] = acc.v[v] + load_n(a + j + v * W, inside(n - j, v));
    return fold(acc);
}

// The sum of weights: 16 lanes along a sub-leaf, sub-leaves in order.
inline double weight_total(const double* weight, i64 n, double total) {
    for (i64 i = 0; i < n; i += SUB_LEAF) {
        i64 rows = least(SUB_LEAF, n - i);
        total += weight ? lane_sum(weight + i, rows) : static_cast<double>(rows);
    }
    return total;
}

inline void axpy(double alpha, const double* x, const double* y, double* out, i64 n) {
    for_vectors(n, [&](i64 j, int count) {
        store_some(out + j, fma(set(alpha), load_some(x + j, count), load_some(y + j, count)), count);
    });
}

// The upper triangle alone: half of the memory of a sum of whole matrices.
inline void add_upper(const double* a, double* into, i64 p) {
    for (i64 i = 0; i < p; ++i) axpy(1.0, a + i * p + i, into + i * p + i, into + i * p + i, p - i);
}

inline void gemv(const double* a, const double* x, double* out, i64 rows, i64 columns) {
    for (i64 i = 0; i < rows; ++i) out[i] = dot(a + i * columns, x, columns);
}

// The square of each row's length.
inline void row_squares(const double* a, double* out, i64 rows, i64 columns) {
    for (i64 i = 0; i < rows; ++i) out[i] = dot(a + i * columns, a + i * columns, columns);
}

inline void gemv_t(const double* a, const double* x, double* out, i64 rows, i64 columns) {
    constexpr int GROUP = 8;
    for (i64 j = 0; j < columns; ++j) out[j] = 0.0;
    for (i64 i = 0; i < rows; i += GROUP) {
        int group = static_cast<int>(least<i64>(GROUP, rows - i));
        for_vectors(columns, [&](i64 j, int count) {
            V acc = load_some(out + j, count);
            for (int r = 0; r < group; ++r)
                acc = fma(load_some(a + (i + r) * columns + j, count), set(x[i + r]), acc);
            store_some(out + j, acc, count);
        });
    }
}

template <class F>
SL_INLINE void map(const double* x, double* out, i64 n, F f) {
    for_vectors(n, [&](i64 j, int count) { store_some(out + j, f(load_some(x + j, count)), count); });
}

inline void elementwise(Function which, const double* x, double* out, i64 n) {
    switch (which) {
        case EXP: return map(x, out, n, [](V a) { return exp(a); });
        case LOG: return map(x, out, n, [](V a) { return log(a); });
        case LOG1P: return map(x, out, n, [](V a) { return log1p(a); });
        case EXPM1: return map(x, out, n, [](V a) { return expm1(a); });
        case TANH: return map(x, out, n, [](V a) { return tanh(a); });
        case EXPIT: return map(x, out, n, [](V a) { return expit(a); });
        case SOFTPLUS: return map(x, out, n, [](V a) { return softplus(a); });
        case SIN: return map(x, out, n, [](V a) { return sin(a); });
        case COS: return map(x, out, n, [](V a) { return cos(a); });
        case ASIN: return map(x, out, n, [](V a) { return asin(a); });
        default: return;
    }
}

}  // namespace shardlearn::SHARDLEARN_ISA
