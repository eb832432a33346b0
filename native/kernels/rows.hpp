// Products along rows (z = (x - pivot) . w) and sums over rows (sum of r (x - pivot)), dense.
#pragma once
#include "vectors.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr int ROWS_AT_ONCE = W == 8 ? 4 : W == 4 ? 2 : 1;

template <class T, bool PIVOT>
struct Dense {  // rows of a matrix, seen as doubles less the pivot
    const T* x;
    const double* pivot;
    i64 p;
    SL_INLINE V at(i64 i, i64 j) const {
        V value = load(x + i * p + j);
        return PIVOT ? value - load(pivot + j) : value;
    }
    SL_INLINE V at(i64 i, i64 j, int count) const {
        V value = load_n(x + i * p + j, count);
        return PIVOT ? value - load_n(pivot + j, count) : value;
    }
    Dense from(i64 i) const { return {x + i * p, pivot, p}; }
};

// Calls f with the matrix as a Dense of its own type.
template <class F>
SL_INLINE void with_dense(const Rows& x, const double* pivot, F f) {
    if (x.single) {
        const float* data = static_cast<const float*>(x.data);
        pivot ? f(Dense<float, true>{data, pivot, x.p}) : f(Dense<float, false>{data, nullptr, x.p});
    } else {
        const double* data = static_cast<const double*>(x.data);
        pivot ? f(Dense<double, true>{data, pivot, x.p}) : f(Dense<double, false>{data, nullptr, x.p});
    }
}

// out[r * row + q * column] = x_r . w_q + b_q for R rows and C columns of W.
template <int R, int C, class X>
SL_INLINE void products(const X& x, const double* w, const double* b, double* out, i64 row, i64 column) {
    Lanes acc[R][C];
    for (int r = 0; r < R; ++r)
        for (int q = 0; q < C; ++q) acc[r][q] = no_lanes();
    i64 j = 0;
    for (; j + LANES <= x.p; j += LANES)
        for (int v = 0; v < LANES / W; ++v)
            for (int r = 0; r < R; ++r) {
                V value = x.at(r, j + v * W);
                for (int q = 0; q < C; ++q) acc[r][q].v[v] = fma(value, load(w + q * x.p + j + v * W), acc[r][q].v[v]);
            }
    if (j < x.p)
        for (int v = 0; v < LANES / W; ++v) {
            int count = inside(x.p - j, v);
            for (int r = 0; r < R; ++r) {
                V value = x.at(r, j + v * W, count);
                for (int q = 0; q < C; ++q)
                    acc[r][q].v[v] = fma(value, load_n(w + q * x.p + j + v * W, count), acc[r][q].v[v]);
            }
        }
    for (int r = 0; r < R; ++r)
        for (int q = 0; q < C; ++q) out[r * row + q * column] = fold(acc[r][q]) + (b ? b[q] : 0.0);
}

template <int R, class X>
SL_INLINE void products_of(const X& x, const Model& m, double* out, i64 row, i64 column) {
    constexpr int C = W == 1 ? 1 : 3;
    i64 q = 0;
    for (; q + C <= m.k; q += C) products<R, C>(x, m.w + q * x.p, m.b ? m.b + q : nullptr, out + q * column, row, column);
    for (; q < m.k; ++q) products<R, 1>(x, m.w + q * x.p, m.b ? m.b + q : nullptr, out + q * column, row, column);
}

// out[i * row + q * column] = x_i . w_q + b_q for n rows.
template <class X>
inline void all_products(const X& x, i64 n, const Model& m, double* out, i64 row, i64 column) {
    constexpr int R = ROWS_AT_ONCE;
    i64 i = 0;
    for (; i + R <= n; i += R) products_of<R>(x.from(i), m, out + i * row, row, column);
    for (; i < n; ++i) products_of<1>(x.from(i), m, out + i * row, row, column);
}

// sum[j] = fma(r_i, x_ij, sum[j]) over n rows in order, for N vectors; the last holds `count` columns.
template <int N, class X>
SL_INLINE void chain_columns(const X& x, i64 n, const double* r, i64 row, i64 j, int count, double* sum) {
    V acc[N];
    for (int v = 0; v < N - 1; ++v) acc[v] = load(sum + j + v * W);
    acc[N - 1] = load_n(sum + j + (N - 1) * W, count);
    for (i64 i = 0; i < n; ++i) {
        V factor = set(r[i * row]);
        for (int v = 0; v < N - 1; ++v) acc[v] = fma(factor, x.at(i, j + v * W), acc[v]);
        acc[N - 1] = fma(factor, x.at(i, j + (N - 1) * W, count), acc[N - 1]);
    }
    for (int v = 0; v < N - 1; ++v) store(sum + j + v * W, acc[v]);
    store_n(sum + j + (N - 1) * W, acc[N - 1], count);
}

// The same for every column.
template <class X>
inline void chain_rows(const X& x, i64 n, const double* r, i64 row, double* sum) {
    constexpr int N = 8;
    for (i64 j = 0; j < x.p; j += N * W) {
        i64 columns = least<i64>(N * W, x.p - j);
        int vectors = static_cast<int>((columns + W - 1) / W), count = static_cast<int>(columns - (vectors - 1) * W);
        switch (vectors) {
            case 8: chain_columns<8>(x, n, r, row, j, count, sum); break;
            case 7: chain_columns<7>(x, n, r, row, j, count, sum); break;
            case 6: chain_columns<6>(x, n, r, row, j, count, sum); break;
            case 5: chain_columns<5>(x, n, r, row, j, count, sum); break;
            case 4: chain_columns<4>(x, n, r, row, j, count, sum); break;
            case 3: chain_columns<3>(x, n, r, row, j, count, sum); break;
            case 2: chain_columns<2>(x, n, r, row, j, count, sum); break;
            default: chain_columns<1>(x, n, r, row, j, count, sum);
        }
    }
}

// sum += part, and part = 0.
inline void flush(double* part, double* sum, i64 n) {
    for_vectors(n, [&](i64 j, int count) {
        store_some(sum + j, load_some(sum + j, count) + load_some(part + j, count), count);
        store_some(part + j, zero(), count);
    });
}

}  // namespace shardlearn::SHARDLEARN_ISA
