// Products along rows (z = (x - pivot) . w) and sums over rows (sum of r (x - pivot)), dense.
#pragma once
#include "vectors.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr i64 FETCH_ROWS = 16;  // how far ahead rows are fetched that are read once
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
    SL_INLINE V pivot_at(i64 j) const { return PIVOT ? load(pivot + j) : zero(); }
    SL_INLINE V at(i64 i, i64 j, V less) const {  // less = pivot_at(j), for the caller who has it at hand
        V value = load(x + i * p + j);
        return PIVOT ? value - less : value;
    }
    Dense from(i64 i) const { return {x + i * p, pivot, p}; }
    // Into the second cache, ahead of use: it asks memory for more lines at once than the first. No harm beyond the end.
    SL_INLINE void fetch(i64 i, i64 j, i64 values) const {
        const char* at = reinterpret_cast<const char*>(x + i * p + j);
        for (i64 byte = 0; byte < values * static_cast<i64>(sizeof(T)); byte += 64) __builtin_prefetch(at + byte, 0, 2);
    }
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
    for (int v = 0; v < LANES / W; ++v) {
        int count = inside(x.p - j, v);
        if (count == 0) break;
        for (int r = 0; r < R; ++r) {
            V value = x.at(r, j + v * W, count);
            for (int q = 0; q < C; ++q)
                acc[r][q].v[v] = fma(value, load_n(w + q * x.p + j + v * W, count), acc[r][q].v[v]);
        }
    }
    for (int q = 0; q < C; ++q) {
        double sums[R];
        if constexpr (R == 4)
            fold4(acc[0][q], acc[1][q], acc[2][q], acc[3][q], sums);
        else
            for (int r = 0; r < R; ++r) sums[r] = fold(acc[r][q]);
        double bias = b ? b[q] : 0.0;
        for (int r = 0; r < R; ++r) out[r * row + q * column] = sums[r] + bias;
    }
}

template <int R, class X>
SL_INLINE void products_of(const X& x, const Model& m, double* out, i64 row, i64 column) {
    constexpr int C = W == 1 ? 1 : 3;
    i64 q = 0;
    for (; q + C <= m.k; q += C) products<R, C>(x, m.w + q * x.p, m.b ? m.b + q : nullptr, out + q * column, row, column);
    for (; q < m.k; ++q) products<R, 1>(x, m.w + q * x.p, m.b ? m.b + q : nullptr, out + q * column, row, column);
}

// out[i * row + q * column] = x_i . w_q + b_q for n rows; meanwhile 1 / SHARE as many from row `ahead` on are fetched.
template <int SHARE, class X>
inline void products_ahead(const X& x, i64 n, const Model& m, double* out, i64 row, i64 column, i64 ahead) {
    constexpr int R = ROWS_AT_ONCE;
    i64 i = 0;
    for (; i + R <= n; i += R) {
        x.fetch(ahead + i / SHARE, 0, R * x.p / SHARE);
        products_of<R>(x.from(i), m, out + i * row, row, column);
    }
    for (; i < n; ++i) products_of<1>(x.from(i), m, out + i * row, row, column);
}

template <class X>
inline void all_products(const X& x, i64 n, const Model& m, double* out, i64 row, i64 column) {
    products_ahead<1>(x, n, m, out, row, column, FETCH_ROWS);
}

// The same for a tile whose rows are used a second time, in `chain_rows`: each of the two fetches half of the next tile,
// so that memory is read all the time.
template <class T, bool PIVOT>
inline void tile_products(const Dense<T, PIVOT>& x, i64 n, const Model& m, double* out, i64 column) {
    products_ahead<2>(x, n, m, out, 1, column, n);
}
template <class X>
inline void tile_products(const X& x, i64 n, const Model& m, double* out, i64 column) {  // sparse
    all_products(x, n, m, out, 1, column);
}

struct Factors {  // of row i for sum q: r[i * row + q * column]
    const double* r;
    i64 row, column;
};

// sum[q][j] = fma(r_iq, x_ij, sum[q][j]) over n rows in order, for N vectors (the last of `count` columns) and C sums.
template <int N, int C, bool AHEAD, class X>
SL_INLINE void chain_columns(const X& x, i64 n, Factors f, i64 j, int count, double* sum) {
    V acc[C][N];
    for (int q = 0; q < C; ++q) {
        for (int v = 0; v < N - 1; ++v) acc[q][v] = load(sum + q * x.p + j + v * W);
        acc[q][N - 1] = load_n(sum + q * x.p + j + (N - 1) * W, count);
    }
    for (i64 i = 0; i < n; ++i) {
        if (AHEAD && i % 2 == 0) x.fetch(n + (n + i) / 2, j, N * W);
        V value[N];
        for (int v = 0; v < N - 1; ++v) value[v] = x.at(i, j + v * W);
        value[N - 1] = x.at(i, j + (N - 1) * W, count);
        for (int q = 0; q < C; ++q) {
            V factor = set(f.r[i * f.row + q * f.column]);
            for (int v = 0; v < N; ++v) acc[q][v] = fma(factor, value[v], acc[q][v]);
        }
    }
    for (int q = 0; q < C; ++q) {
        for (int v = 0; v < N - 1; ++v) store(sum + q * x.p + j + v * W, acc[q][v]);
        store_n(sum + q * x.p + j + (N - 1) * W, acc[q][N - 1], count);
    }
}

template <int N, int C, bool AHEAD, class X>
SL_INLINE void chain_vectors(int vectors, const X& x, i64 n, Factors f, i64 j, int count, double* sum) {
    if (vectors == N)
        chain_columns<N, C, AHEAD>(x, n, f, j, count, sum);
    else if constexpr (N > 1)
        chain_vectors<N - 1, C, AHEAD>(vectors, x, n, f, j, count, sum);
}

// The same for every column, N vectors at a time.
template <int N, int C, bool AHEAD, class X>
inline void chain_sums(const X& x, i64 n, Factors f, double* sum) {
    for (i64 j = 0; j < x.p; j += N * W) {
        i64 columns = least<i64>(N * W, x.p - j);
        int vectors = static_cast<int>((columns + W - 1) / W), count = static_cast<int>(columns - (vectors - 1) * W);
        chain_vectors<N, C, AHEAD>(vectors, x, n, f, j, count, sum);
    }
}

// The same for k sums.
template <class X>
inline void chain_rows(const X& x, i64 n, i64 k, Factors f, double* sum) {
    constexpr int C = 4, N = W == 8 ? 4 : 2;
    if (k >= C)
        chain_sums<N, C, true>(x, n, f, sum);
    else if (k > 0)
        chain_sums<8, 1, true>(x, n, f, sum);
    i64 q = k >= C ? C : 1;
    for (; q + C <= k; q += C) chain_sums<N, C, false>(x, n, {f.r + q * f.column, f.row, f.column}, sum + q * x.p);
    for (; q < k; ++q) chain_sums<8, 1, false>(x, n, {f.r + q * f.column, f.row, f.column}, sum + q * x.p);
}

// sum += part, and part = 0.
inline void flush(double* part, double* sum, i64 n) {
    for_vectors(n, [&](i64 j, int count) {
        store_some(sum + j, load_some(sum + j, count) + load_some(part + j, count), count);
        store_some(part + j, zero(), count);
    });
}

}  // namespace shardlearn::SHARDLEARN_ISA
