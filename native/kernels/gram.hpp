// Weighted second moments: chains over the rows of a sub-leaf, sub-leaves added in order.
#pragma once
#include "csr.hpp"

namespace shardlearn::SHARDLEARN_ISA {

struct Leaf {          // a sub-leaf less the pivots, row-major
    double *x, *wx;    // (rows, p)
    double *y, *wy;    // (rows, t)
};

template <class X>
inline void fill_leaf(const X& x, const GramInput& in, i64 start, i64 rows, Leaf& leaf) {
    for (i64 i = 0; i < rows; ++i) {
        double w = in.weight ? in.weight[start + i] : 1.0;
        for_vectors(in.x.p, [&](i64 j, int count) {
            V value = x.at(start + i, j, count);
            store_some(leaf.x + i * in.x.p + j, value, count);
            store_some(leaf.wx + i * in.x.p + j, set(w) * value, count);
        });
        for (i64 q = 0; q < in.t; ++q) {
            double value = in.y[(start + i) * in.t + q] - (in.pivot_y ? in.pivot_y[q] : 0.0);
            leaf.y[i * in.t + q] = value;
            leaf.wy[i * in.t + q] = w * value;
        }
    }
}

// sum[b] += chain over rows of left[i] * right[i][b], for b from `low`.
inline void outer_row(const double* left, i64 stride, const double* right, i64 n, i64 rows, i64 low, double* sum) {
    for_vectors(n - low, [&](i64 j, int count) {
        V acc = zero();
        for (i64 i = 0; i < rows; ++i) acc = fma(set(left[i * stride]), load_some(right + i * n + low + j, count), acc);
        store_some(sum + low + j, load_some(sum + low + j, count) + acc, count);
    });
}

inline void add_leaf(const Leaf& leaf, i64 rows, i64 p, i64 t, const GramSums& out) {
    for (i64 a = 0; a < p; ++a) {
        outer_row(leaf.wx + a, p, leaf.x, p, rows, a, out.g + a * p);
        outer_row(leaf.wx + a, p, leaf.y, t, rows, 0, out.h + a * t);
        double sum = 0.0;
        for (i64 i = 0; i < rows; ++i) sum += leaf.wx[i * p + a];
        out.sum_x[a] += sum;
    }
    for (i64 q = 0; q < t; ++q) {
        double sum = 0.0, squares = 0.0;
        for (i64 i = 0; i < rows; ++i) {
            sum += leaf.wy[i * t + q];
            squares = fma(leaf.wy[i * t + q], leaf.y[i * t + q], squares);
        }
        out.sum_y[q] += sum, out.yy[q] += squares;
    }
}

template <class X>
inline void gram_rows(const X& x, const GramInput& in, const GramSums& out) {
    i64 p = in.x.p, t = in.t, n = in.x.n;
    double* room = scratch(0, 2 * SUB_LEAF * (p + t));
    Leaf leaf = {room, room + SUB_LEAF * p, room + 2 * SUB_LEAF * p, room + 2 * SUB_LEAF * p + SUB_LEAF * t};
    for (i64 start = 0; start < n; start += SUB_LEAF) {
        i64 rows = least(SUB_LEAF, n - start);
        fill_leaf(x, in, start, rows, leaf);
        add_leaf(leaf, rows, p, t, out);
    }
}

// Sparse rows: every sum is one chain over the rows of all blocks in order.
template <class T>
inline void gram_rows(const Sparse<T>& x, const GramInput& in, const GramSums& out) {
    i64 p = in.x.p, t = in.t;
    for (i64 i = 0; i < in.x.n; ++i) {
        double w = in.weight ? in.weight[i] : 1.0;
        for (i64 a = x.indptr[i]; a < x.indptr[i + 1]; ++a) {
            double wx = w * static_cast<double>(x.data[a]);
            i64 row = x.indices[a];
            for (i64 b = a; b < x.indptr[i + 1]; ++b) {
                double& g = out.g[row * p + x.indices[b]];
                g = fma(wx, static_cast<double>(x.data[b]), g);
            }
            out.sum_x[row] += wx;
            for (i64 q = 0; q < t; ++q) {
                double y = in.y[i * t + q] - (in.pivot_y ? in.pivot_y[q] : 0.0);
                out.h[row * t + q] = fma(wx, y, out.h[row * t + q]);
            }
        }
        for (i64 q = 0; q < t; ++q) {
            double y = in.y[i * t + q] - (in.pivot_y ? in.pivot_y[q] : 0.0), wy = w * y;
            out.sum_y[q] += wy;
            out.yy[q] = fma(wy, y, out.yy[q]);
        }
    }
}

inline void gram(const GramInput& in, const GramSums& out) {
    *out.weight_sum = weight_total(in.weight, in.x.n, *out.weight_sum);
    with_rows(in.x, in.pivot, [&](auto rows) { gram_rows(rows, in, out); });
}

}  // namespace shardlearn::SHARDLEARN_ISA
