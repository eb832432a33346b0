// The same products and sums for sparse rows: chains over the stored values in index order.
#pragma once
#include "rows.hpp"

namespace shardlearn::SHARDLEARN_ISA {

template <class T>
struct Sparse {
    const T* data;
    const std::int32_t* indices;
    const i64* indptr;
    i64 p;
    Sparse from(i64 i) const { return {data, indices, indptr + i, p}; }
};

template <class F>
SL_INLINE void with_sparse(const Rows& x, F f) {
    if (x.single)
        f(Sparse<float>{static_cast<const float*>(x.data), x.indices, x.indptr, x.p});
    else
        f(Sparse<double>{static_cast<const double*>(x.data), x.indices, x.indptr, x.p});
}

template <class T>
inline void all_products(const Sparse<T>& x, i64 n, const Model& m, double* out, i64 row, i64 column) {
    for (i64 i = 0; i < n; ++i)
        for (i64 q = 0; q < m.k; ++q) {
            const double* w = m.w + q * x.p;
            double z = 0.0;
            for (i64 t = x.indptr[i]; t < x.indptr[i + 1]; ++t) z = fma(static_cast<double>(x.data[t]), w[x.indices[t]], z);
            out[i * row + q * column] = z + (m.b ? m.b[q] : 0.0);
        }
}

template <class T>
inline void chain_rows(const Sparse<T>& x, i64 n, i64 k, Factors f, double* sum) {
    for (i64 q = 0; q < k; ++q, sum += x.p)
        for (i64 i = 0; i < n; ++i)
            for (i64 t = x.indptr[i]; t < x.indptr[i + 1]; ++t) {
                double& s = sum[x.indices[t]];
                s = fma(f.r[i * f.row + q * f.column], static_cast<double>(x.data[t]), s);
            }
}

// sum += part and part = 0 in the columns that the n rows touch: elsewhere part is zero already.
template <class T>
inline void flush_touched(const Sparse<T>& x, i64 n, double* part, double* sum) {
    if (2 * (x.indptr[n] - x.indptr[0]) > x.p) return flush(part, sum, x.p);
    for (i64 t = x.indptr[0]; t < x.indptr[n]; ++t) {
        i64 j = x.indices[t];
        sum[j] = sum[j] + part[j];
        part[j] = 0.0;
    }
}
template <class X>
inline void flush_touched(const X& x, i64, double* part, double* sum) {
    flush(part, sum, x.p);
}

template <class F>
SL_INLINE void with_rows(const Rows& x, const double* pivot, F f) {
    if (x.indptr)
        with_sparse(x, f);
    else
        with_dense(x, pivot, f);
}

inline void row_products(const Rows& x, const Model& m, double* z) {
    with_rows(x, m.pivot, [&](auto rows) { all_products(rows, x.n, m, z, m.k, 1); });
}

inline double* zeros(int slot, i64 n) {
    double* out = scratch(slot, n);
    for (i64 i = 0; i < n; ++i) out[i] = 0.0;
    return out;
}

inline void weighted_rows_sum(const Rows& x, const double* r, i64 k, const double* pivot, double* out) {
    double* part = zeros(0, k * x.p);
    with_rows(x, pivot, [&](auto rows) {
        for (i64 i = 0; i < x.n; i += SUB_LEAF) {
            i64 count = least(SUB_LEAF, x.n - i);
            chain_rows(rows.from(i), count, k, {r + i * k, k, 1}, part);
            for (i64 q = 0; q < k; ++q) flush_touched(rows.from(i), count, part + q * x.p, out + q * x.p);
        }
    });
}

}  // namespace shardlearn::SHARDLEARN_ISA
