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

// The sum of lanes, in any order: it decides nothing that rounding could.
template <int COUNT>
SL_INLINE double folded(double* lanes) {
    for (int l = 0; l < COUNT; ++l) lanes[l] += lanes[l + COUNT];
    if constexpr (COUNT > 1)
        return folded<COUNT / 2>(lanes);
    else
        return lanes[0];
}

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

    // How much nearer the second point of pair j is, if `sure`.
    template <class T>
    SL_INLINE double ahead(const T* x, i64 j, bool& sure) const {
        const double *m = middle + j * p, *w = way + j * p;
        V along = zero(), square = zero();
        for_vectors(p, [&](i64 t, int count) {
            V from = load_some(x + t, count) - load_some(m + t, count);
            along = fma(from, load_some(w + t, count), along);
            square = fma(from, from, square);
        });
        double each[W], part[W];
        store(each, along), store(part, square);
        double found = folded<W / 2>(each);
        sure = __builtin_fabs(found) > margin() * folded<W / 2>(part) + apart[j];  // a NaN is not
        return found;
    }
};

constexpr i64 SOME_ROWS = 512;

// f(i) for the rows i that are wanted, which are listed before: they come in no order that a processor could guess.
template <class Wanted, class F>
SL_INLINE void for_wanted(i64 n, Wanted wanted, F f) {
    i64 some[SOME_ROWS];
    for (i64 first = 0; first < n; first += SOME_ROWS) {
        i64 count = 0;
        for (i64 i = first; i < least(first + SOME_ROWS, n); ++i) some[count] = i, count += wanted(i);
        for (i64 t = 0; t < count; ++t) f(some[t]);
    }
}

template <class T>
inline void sides_of(const Rows& x, const double* points, const InPairs& pair, std::int32_t* side) {
    Halfway between(points, pair.pairs, x.p);
    const T* rows = static_cast<const T*>(x.data);
    for_wanted(
        x.n, [&](i64 i) { return pair.of[pair.node[i]] >= 0; },
        [&](i64 i) {
            i64 j = pair.of[pair.node[i]];
            const T* row = rows + i * x.p;
            bool sure, second = between.ahead(row, j, sure) > 0.0;
            if (!sure) {
                const double* a = points + 2 * j * x.p;
                second = squared(row, a + x.p, x.p) < squared(row, a, x.p);
            }
            side[i] = second;
        });
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
    for_wanted(
        x.n, [&](i64 i) { return (m.label[i] != m.before[i]) & (pair.of[pair.node[i]] >= 0); },
        [&](i64 i) {
            i64 j = pair.of[pair.node[i]];
            changed[j] += move_row(rows, i, m, f, f.factor + j * x.p, 2, room, sums + j * f.limbs * 2 * x.p, weight + 2 * j);
        });
}

// As `cluster_sums`, for the two clusters of each pair, whose features have factors of their own: factor (pairs, p), sums
// (pairs, limbs, 2, p), weight (pairs, 2), changed (pairs,).
inline void pair_sums(const Rows& x, const InPairs& pair, const Moves& m, const Fixed& f, i64* sums, i64* weight,
                      i64* changed) {
    x.single ? pair_sums_of<float>(x, pair, m, f, sums, weight, changed)
             : pair_sums_of<double>(x, pair, m, f, sums, weight, changed);
}

}  // namespace shardlearn::SHARDLEARN_ISA
