// Rows that choose between two points, each row between those of its own pair: which is nearer, and sums of rows that
// changed. It is what a tree of pairs asks of all its leaves in one pass.
//
// With m = (a + b) / 2 and w = b - a half of |x - a|^2 - |x - b|^2 is (x - m) . w. Its sign says which point is nearer where
// it is above what rounding may do to it and to the two squared distances. 2 (p + 8) u (|x - m|^2 + |w|^2) + 2 u |m| |w| covers
// that, u = 2^-53; twice as much is asked for, and a little for what is too small for a float64. Elsewhere these distances
// decide, the first point of equal ones.
#pragma once
#include "clusters.hpp"

namespace shardlearn::SHARDLEARN_ISA {

struct Halfway {  // between the points of each pair
    i64 p;
    double *middle, *way, *apart;  // (pairs, p), (pairs, p), (pairs,)

    Halfway(const double* points, i64 pairs, i64 features)
        : p(features), middle(scratch(0, pairs * p)), way(scratch(1, pairs * p)), apart(scratch(2, pairs)) {
        double more = margin();
        for (i64 j = 0; j < pairs; ++j) {
            const double *a = points + 2 * j * p, *b = a + p;
            double *m = middle + j * p, *w = way + j * p, length = 0.0, far = 0.0;
            for (i64 t = 0; t < p; ++t) {
                m[t] = 0.5 * a[t] + 0.5 * b[t], w[t] = b[t] - a[t];
                length = fma(w[t], w[t], length), far = fma(m[t], m[t], far);
            }
            apart[j] = more * length + 0x1p-51 * std::sqrt(far) * std::sqrt(length) + 0x1p-1000;
        }
    }
    double margin() const { return static_cast<double>(p + 8) * 0x1p-51; }

    // Whether the second point of pair j is surely nearer: 1, surely not: 0, or neither: -1.
    template <class T>
    SL_INLINE int side(const T* x, i64 j) const {
        const double *m = middle + j * p, *w = way + j * p;
        V along = zero(), square = zero();
        for_vectors(p, [&](i64 t, int count) {
            V from = load_some(x + t, count) - load_some(m + t, count);
            along = fma(from, load_some(w + t, count), along);
            square = fma(from, from, square);
        });
        double each[W], part[W], ahead = 0.0, size = 0.0;
        store(each, along), store(part, square);
        for (int l = 0; l < W; ++l) ahead += each[l], size += part[l];
        double doubt = margin() * size + apart[j];
        return ahead > doubt ? 1 : ahead < -doubt ? 0 : -1;  // a NaN is neither
    }
};

template <class T>
inline void sides_of(const Rows& x, const double* points, const InPairs& pair, std::int32_t* side) {
    Halfway between(points, pair.pairs, x.p);
    const T* rows = static_cast<const T*>(x.data);
    for (i64 i = 0; i < x.n; ++i) {
        i64 j = pair.of[pair.node[i]];
        if (j < 0) continue;
        const T* row = rows + i * x.p;
        int found = between.side(row, j);
        if (found < 0) {
            const double* a = points + 2 * j * x.p;
            found = squared(row, a + x.p, x.p) < squared(row, a, x.p);
        }
        side[i] = found;
    }
}

// Of each row the nearer point of its pair, 0 or 1, as `nearest` has it; rows without a pair (-1) are left as they are.
inline void sides(const Rows& x, const double* points, const InPairs& pair, std::int32_t* side) {
    x.single ? sides_of<float>(x, points, pair, side) : sides_of<double>(x, points, pair, side);
}

template <class T>
inline void pair_sums_of(const Rows& x, const InPairs& pair, const Moves& m, const Fixed& f, i64* sums, i64* weight,
                         i64* changed) {
    Dense<T, false> rows{static_cast<const T*>(x.data), nullptr, x.p};
    Limbs room(x.p, f.room);
    for (i64 i = 0; i < x.n; ++i) {
        i64 j = pair.of[pair.node[i]];
        if (j < 0) continue;
        changed[j] += move_row(rows, i, m, f, f.factor + j * x.p, 2, room, sums + j * f.limbs * 2 * x.p, weight + 2 * j);
    }
}

// As `cluster_sums`, for the two clusters of each pair, whose features have factors of their own: factor (pairs, p), sums
// (pairs, limbs, 2, p), weight (pairs, 2), changed (pairs,).
inline void pair_sums(const Rows& x, const InPairs& pair, const Moves& m, const Fixed& f, i64* sums, i64* weight,
                      i64* changed) {
    x.single ? pair_sums_of<float>(x, pair, m, f, sums, weight, changed)
             : pair_sums_of<double>(x, pair, m, f, sums, weight, changed);
}

}  // namespace shardlearn::SHARDLEARN_ISA
