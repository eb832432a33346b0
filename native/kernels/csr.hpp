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

// Several sums at once: W and the sums transposed, so that one stored value meets neighbours (k lanes, padded to whole
// vectors). The same chains, hence the same bits.
template <class T>
struct SparseMany {
    Sparse<T> x;
    const double* w;  // (p, padded), or null
    i64 p, k, padded;
    SparseMany from(i64 i) const { return {x.from(i), w, p, k, padded}; }
};

template <class T>
inline SparseMany<T> many(const Sparse<T>& x, const double* w, i64 k) {
    i64 padded = (k + W - 1) / W * W;
    double* t = w ? scratch(4, x.p * padded) : nullptr;
    if (w)
        for (i64 j = 0; j < x.p; ++j)
            for (i64 q = 0; q < padded; ++q) t[j * padded + q] = q < k ? w[q * x.p + j] : 0.0;
    return {x, t, x.p, k, padded};
}

template <class T>
inline void all_products(const SparseMany<T>& m, i64 n, const Model& model, double* out, i64 row, i64 column) {
    const Sparse<T>& x = m.x;
    for (i64 i = 0; i < n; ++i)
        for (i64 q = 0; q < m.k; q += W) {
            V z = zero();
            for (i64 t = x.indptr[i]; t < x.indptr[i + 1]; ++t)
                z = fma(set(static_cast<double>(x.data[t])), load(m.w + x.indices[t] * m.padded + q), z);
            double lanes[W];
            store(lanes, z);
            for (i64 l = 0; l < least<i64>(W, m.k - q); ++l)
                out[i * row + (q + l) * column] = lanes[l] + (model.b ? model.b[q + l] : 0.0);
        }
}

template <class T>
inline void chain_rows(const SparseMany<T>& m, i64 n, i64 k, Factors f, double* part) {
    const Sparse<T>& x = m.x;
    for (i64 i = 0; i < n; ++i)
        for (i64 q = 0; q < k; q += W) {
            double lanes[W] = {};
            for (i64 l = 0; l < least<i64>(W, k - q); ++l) lanes[l] = f.r[i * f.row + (q + l) * f.column];
            V factor = load(lanes);
            for (i64 t = x.indptr[i]; t < x.indptr[i + 1]; ++t) {
                double* s = part + x.indices[t] * m.padded + q;
                store(s, fma(factor, set(static_cast<double>(x.data[t])), load(s)));
            }
        }
}

// What the sums of a sub-leaf need; for SparseMany the block's sums follow them, until `finish`.
template <class X>
SL_INLINE i64 part_size(const X& x, i64 k) {
    return k * x.p;
}
template <class T>
SL_INLINE i64 part_size(const SparseMany<T>& m, i64) {
    return 2 * m.p * m.padded;
}

template <class X>
inline void flush_all(const X& x, i64 n, i64 k, double* part, double* out) {
    for (i64 q = 0; q < k; ++q) flush_touched(x, n, part + q * x.p, out + q * x.p);
}
template <class T>
inline void flush_all(const SparseMany<T>& m, i64 n, i64, double* part, double*) {
    double* sums = part + m.p * m.padded;
    if (2 * (m.x.indptr[n] - m.x.indptr[0]) > m.p) return flush(part, sums, m.p * m.padded);
    for (i64 t = m.x.indptr[0]; t < m.x.indptr[n]; ++t)
        flush(part + m.x.indices[t] * m.padded, sums + m.x.indices[t] * m.padded, m.padded);
}

template <class X>
inline void finish(const X&, const double*, double*) {}
template <class T>
inline void finish(const SparseMany<T>& m, const double* part, double* out) {
    const double* sums = part + m.p * m.padded;
    for (i64 j = 0; j < m.p; ++j)
        for (i64 q = 0; q < m.k; ++q) out[q * m.p + j] += sums[j * m.padded + q];
}

// As with_rows, for k sums of which W (k, p) may be null.
template <class F>
SL_INLINE void with_model(const Rows& x, const double* pivot, const double* w, i64 k, F f) {
    if (!x.indptr)
        with_dense(x, pivot, f);
    else if (k > 1)
        with_sparse(x, [&](auto rows) { f(many(rows, w, k)); });
    else
        with_sparse(x, f);
}

template <class F>
SL_INLINE void with_rows(const Rows& x, const double* pivot, F f) {
    if (x.indptr)
        with_sparse(x, f);
    else
        with_dense(x, pivot, f);
}

inline void row_products(const Rows& x, const Model& m, double* z) {
    with_model(x, m.pivot, m.w, m.k, [&](auto rows) { all_products(rows, x.n, m, z, m.k, 1); });
}

inline double* zeros(int slot, i64 n) {
    double* out = scratch(slot, n);
    for (i64 i = 0; i < n; ++i) out[i] = 0.0;
    return out;
}

inline void weighted_rows_sum(const Rows& x, const double* r, i64 k, const double* pivot, double* out) {
    with_model(x, pivot, nullptr, k, [&](auto rows) {
        double* part = zeros(0, part_size(rows, k));
        for (i64 i = 0; i < x.n; i += SUB_LEAF) {
            i64 count = least(SUB_LEAF, x.n - i);
            chain_rows(rows.from(i), count, k, {r + i * k, k, 1}, part);
            flush_all(rows.from(i), count, k, part, out);
        }
        finish(rows, part, out);
    });
}

}  // namespace shardlearn::SHARDLEARN_ISA
