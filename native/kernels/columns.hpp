// Sums, squares, extremes and bad values of each column.
#pragma once
#include "csr.hpp"

namespace shardlearn::SHARDLEARN_ISA {

struct MomentParts {
    double *sum, *square;  // (p,) of the current sub-leaf
};

template <class X>
inline void chain_moments(const X& x, i64 rows, const double* weight, const MomentParts& part) {
    for (i64 i = 0; i < rows; ++i) {
        V w = set(weight ? weight[i] : 1.0);
        for_vectors(x.p, [&](i64 j, int count) {
            V value = x.at(i, j, count), weighted = w * value;
            store_some(part.sum + j, load_some(part.sum + j, count) + weighted, count);
            store_some(part.square + j, fma(weighted, value, load_some(part.square + j, count)), count);
        });
    }
}
template <class T>
inline void chain_moments(const Sparse<T>& x, i64 rows, const double* weight, const MomentParts& part) {
    for (i64 i = 0; i < rows; ++i)
        for (i64 t = x.indptr[i]; t < x.indptr[i + 1]; ++t) {
            double value = static_cast<double>(x.data[t]), weighted = (weight ? weight[i] : 1.0) * value;
            i64 j = x.indices[t];
            part.sum[j] += weighted;
            part.square[j] = fma(weighted, value, part.square[j]);
        }
}

inline double moments(const Rows& x, const double* weight, const double* pivot, double* sum, double* sum_sq) {
    double* room = zeros(0, 2 * x.p);
    MomentParts part = {room, room + x.p};
    with_rows(x, pivot, [&](auto rows) {
        for (i64 i = 0; i < x.n; i += SUB_LEAF) {
            i64 count = least(SUB_LEAF, x.n - i);
            chain_moments(rows.from(i), count, weight ? weight + i : nullptr, part);
            flush_touched(rows.from(i), count, part.sum, sum);
            flush_touched(rows.from(i), count, part.square, sum_sq);
        }
    });
    return weight_total(weight, x.n, 0.0);
}

template <class X>
inline void range_of(const X& x, i64 n, double* low, double* high) {
    constexpr i64 GROUP = 16;
    for (i64 i = 0; i < n; i += GROUP) {
        i64 rows = least(GROUP, n - i);
        for_vectors(x.p, [&](i64 j, int count) {
            V least_seen = load_some(low + j, count), most_seen = load_some(high + j, count);
            for (i64 r = i; r < i + rows; ++r) {
                V value = count == W ? x.at(r, j) : x.at(r, j, count);
                least_seen = min(value, least_seen), most_seen = max(value, most_seen);  // NaN loses
            }
            store_some(low + j, least_seen, count);
            store_some(high + j, most_seen, count);
        });
    }
}
template <class T>
inline void range_of(const Sparse<T>& x, i64 n, double* low, double* high) {
    double* stored = zeros(0, x.p);
    for (i64 t = x.indptr[0]; t < x.indptr[n]; ++t) {
        i64 j = x.indices[t];
        double value = static_cast<double>(x.data[t]);
        if (value < low[j]) low[j] = value;
        if (value > high[j]) high[j] = value;
        stored[j] += 1.0;
    }
    for (i64 j = 0; j < x.p; ++j)
        if (stored[j] < static_cast<double>(n)) low[j] = least(low[j], 0.0), high[j] = most(high[j], 0.0);
}

inline void column_range(const Rows& x, double* low, double* high) {
    for (i64 j = 0; j < x.p; ++j) low[j] = INF, high[j] = -INF;
    with_rows(x, nullptr, [&](auto rows) { range_of(rows, x.n, low, high); });
    for (i64 j = 0; j < x.p; ++j) low[j] += 0.0, high[j] += 0.0;  // one zero, whatever its sign
}

// Whether every value is finite: x * 0 is NaN for the others.
template <class T>
inline bool finite(const T* x, i64 n) {
    constexpr int N = 8;
    V acc[N];
    for (int v = 0; v < N; ++v) acc[v] = zero();
    i64 j = 0;
    for (; j + N * W <= n; j += N * W)
        for (int v = 0; v < N; ++v) acc[v] = fma(load(x + j + v * W), zero(), acc[v]);
    for (; j < n; j += W) acc[0] = fma(load_n(x + j, static_cast<int>(least<i64>(W, n - j))), zero(), acc[0]);
    V all = acc[0];
    for (int v = 1; v < N; ++v) all = all + acc[v];
    double lanes[W];
    store(lanes, all);
    for (int l = 0; l < W; ++l)
        if (!(lanes[l] == 0.0)) return false;
    return true;
}

inline bool all_finite(const void* data, bool single, i64 count) {
    return single ? finite(static_cast<const float*>(data), count) : finite(static_cast<const double*>(data), count);
}

SL_INLINE void note(double value, i64 i, i64 j, const Bad& bad) {
    if (value - value == 0.0) return;
    bool nan = value != value;
    i64 *count = nan ? bad.nans : bad.infs, *at = nan ? bad.first_nan : bad.first_inf;
    if (count[j]++ == 0) at[j] = i;
}

template <class T>
inline void count_bad_of(const T* data, const Rows& x, const Bad& bad) {
    for (i64 i = 0; i < x.n; ++i)
        if (x.indptr)
            for (i64 t = x.indptr[i]; t < x.indptr[i + 1]; ++t) note(static_cast<double>(data[t]), i, x.indices[t], bad);
        else
            for (i64 j = 0; j < x.p; ++j) note(static_cast<double>(data[i * x.p + j]), i, j, bad);
}

inline void count_bad(const Rows& x, const Bad& bad) {
    x.single ? count_bad_of(static_cast<const float*>(x.data), x, bad)
             : count_bad_of(static_cast<const double*>(x.data), x, bad);
}

}  // namespace shardlearn::SHARDLEARN_ISA
