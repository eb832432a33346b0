// What k-means asks of rows: the sums of clusters in fixed point, and sums of scalars.
#pragma once
#include "csr.hpp"
#include "losses.hpp"
#include "tile.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr double SHIFT = 0x1.8p52;  // adding it rounds |x| <= 2^51 to a whole number, in the low bits of the sum

SL_INLINE i64 bits_of(double x) {
    i64 out;
    __builtin_memcpy(&out, &x, 8);
    return out;
}

// The next whole number in each rest, times q; the rest goes on, 2^room times as large. The loop has one form, so that it
// is done in vectors: what is exact has the same bits in any order.
SL_INLINE void next_limb(double* rest, i64 n, double up, i64 q, i64* limb) {
    for (i64 t = 0; t < n; ++t) {
        double shifted = rest[t] + SHIFT;
        limb[t] = q * (bits_of(shifted) - bits_of(SHIFT));
        rest[t] = (rest[t] - (shifted - SHIFT)) * up;
    }
}

template <class T>
SL_INLINE i64 scaled_row(const Dense<T, false>& x, i64 i, const double* factor, double* rest) {
    for (i64 t = 0; t < x.p; ++t) rest[t] = static_cast<double>(x.x[i * x.p + t]) * factor[t];
    return x.p;
}
template <class T>
SL_INLINE i64 scaled_row(const Sparse<T>& x, i64 i, const double* factor, double* rest) {
    i64 from = x.indptr[i], n = x.indptr[i + 1] - from;
    for (i64 t = 0; t < n; ++t) rest[t] = static_cast<double>(x.data[from + t]) * factor[x.indices[from + t]];
    return n;
}

template <class T>
SL_INLINE void add_limb(const Dense<T, false>&, i64, const i64* limb, i64 n, i64 sign, i64* sum) {
    for (i64 t = 0; t < n; ++t) sum[t] += sign * limb[t];
}
template <class T>
SL_INLINE void add_limb(const Sparse<T>& x, i64 i, const i64* limb, i64 n, i64 sign, i64* sum) {
    const std::int32_t* at = x.indices + x.indptr[i];
    for (i64 t = 0; t < n; ++t) sum[at[t]] += sign * limb[t];
}

struct Limbs {  // of one row, and how it is taken apart
    double up, *rest;
    i64* limb;
    Limbs(i64 p, i64 room)
        : up(static_cast<double>(i64{1} << room)), rest(scratch(0, p)), limb(reinterpret_cast<i64*>(scratch(1, p))) {}
};

// Takes a row to its cluster if that is another one than before; returns what it weighs.
template <class X>
SL_INLINE i64 move_row(const X& x, i64 i, const Moves& m, const Fixed& f, const double* factor, i64 k, const Limbs& room,
                       i64* sums, i64* weight) {
    i64 q = m.weight ? m.weight[i] : 1, to = m.label[i], from = m.before ? m.before[i] : -1;
    if (to == from || q == 0) return 0;
    weight[to] += q;
    if (from >= 0) weight[from] -= q;
    double up = room.up, *rest = room.rest;
    i64 *limb = room.limb, p = x.p, limbs = f.limbs, count = scaled_row(x, i, factor, rest);
    for (i64 l = 0; l < limbs; ++l) {
        next_limb(rest, count, up, q, limb);
        add_limb(x, i, limb, count, 1, sums + (l * k + to) * p);
        if (from >= 0) add_limb(x, i, limb, count, -1, sums + (l * k + from) * p);
    }
    return q;
}

template <class X>
inline i64 moved_rows(const X& x, i64 n, const Moves& m, const Fixed& f, i64 k, i64* sums, i64* weight) {
    i64 changed = 0;
    Limbs room(x.p, f.room);
    for (i64 i = 0; i < n; ++i) changed += move_row(x, i, m, f, f.factor, k, room, sums, weight);
    return changed;
}

// Rows whose label is another than before go from the one cluster to the other; -1 before is none. Returns their weight.
inline i64 cluster_sums(const Rows& x, const Moves& m, const Fixed& f, i64 k, i64* sums, i64* weight) {
    i64 changed = 0;
    auto all = [&](auto rows) { changed = moved_rows(rows, x.n, m, f, k, sums, weight); };
    if (x.indptr)
        with_sparse(x, all);
    else if (x.single)
        all(Dense<float, false>{static_cast<const float*>(x.data), nullptr, x.p});
    else
        all(Dense<double, false>{static_cast<const double*>(x.data), nullptr, x.p});
    return changed;
}

constexpr i64 MOST_LIMBS = 8, MOST_LAYERS = 8;

// What one of the rest that the last limb leaves is worth.
inline double below(const Fixed& f) { return std::ldexp(1.0, -static_cast<int>(f.room * f.limbs)); }

// Means where weights have several layers.
struct Layered {
    const Fixed& f;
    const i64* weight;  // (layers, k)
    i64 k;
    double up, down, next, last;

    Layered(const Fixed& fixed, const i64* weights, i64 clusters)
        : f(fixed), weight(weights), k(clusters), up(static_cast<double>(i64{1} << f.room)), down(1.0 / up),
          next(1.0 / static_cast<double>(i64{1} << f.bits)), last(below(f)) {}

    double of(i64 j) const {  // what a cluster weighs, as the first layer counts
        double total = 0.0;
        for (i64 a = f.layers; a-- > 0;) total = static_cast<double>(weight[a * k + j]) + total * next;
        return total;
    }
    // sum / weight of cluster j, to the last bit; limbs lie `apart`.
    double mean(const i64* sum, i64 apart, i64 j, double total, double factor) const {
        i64 cell[MOST_LAYERS][MOST_LIMBS];
        for (i64 a = 0; a < f.layers; ++a)
            for (i64 l = 0; l < f.limbs; ++l) cell[a][l] = sum[(a * f.limbs + l) * apart];
        double first = value(cell) / factor / total, rest = first * factor;
        for (i64 l = 0; l < f.limbs; ++l) {
            i64 limb;
            next_limb(&rest, 1, up, 1, &limb);
            for (i64 a = 0; a < f.layers; ++a) cell[a][l] -= limb * weight[a * k + j];
        }
        return first - rest * last / factor + value(cell) / factor / total;
    }

   private:
    double value(const i64 (&cell)[MOST_LAYERS][MOST_LIMBS]) const {
        double all = 0.0;
        for (i64 a = f.layers; a-- > 0;) {
            double layer = 0.0;
            for (i64 l = f.limbs; l-- > 0;) layer = static_cast<double>(cell[a][l]) + layer * down;
            all = layer + all * next;
        }
        return all;
    }
};

// The mean of each cluster that weighs something, to the last bit: the quotient of the sum as far as limbs hold it, and of
// what that leaves.
inline void cluster_means(const i64* sums, const i64* weight, const Fixed& f, i64 k, i64 p, double* centers) {
    if (f.layers > 1) {
        Layered layers(f, weight, k);
        for (i64 j = 0; j < k; ++j) {
            double total = layers.of(j);
            for (i64 t = 0; t < p && total > 0.0; ++t)
                centers[j * p + t] = layers.mean(sums + j * p + t, k * p, j, total, f.factor[t]);
        }
        return;
    }
    double up = static_cast<double>(i64{1} << f.room), down = 1.0 / up;
    i64 *rest = reinterpret_cast<i64*>(scratch(0, f.limbs * p)), part = k * p;
    double *first = scratch(1, p), *over = scratch(2, p), last = below(f);
    for (i64 j = 0; j < k; ++j) {
        if (weight[j] == 0) continue;
        double count = static_cast<double>(weight[j]), *to = centers + j * p;
        auto quotients = [&](const i64* limbs, i64 stride, double* out) {
            for (i64 t = 0; t < p; ++t) out[t] = 0.0;
            for (i64 l = f.limbs - 1; l >= 0; --l)
                for (i64 t = 0; t < p; ++t) out[t] = static_cast<double>(limbs[l * stride + t]) + out[t] * down;
            for (i64 t = 0; t < p; ++t) out[t] = out[t] / f.factor[t] / count;
        };
        quotients(sums + j * p, part, first);
        for (i64 t = 0; t < p; ++t) over[t] = first[t] * f.factor[t];
        for (i64 l = 0; l < f.limbs; ++l) {
            next_limb(over, p, up, weight[j], rest + l * p);
            for (i64 t = 0; t < p; ++t) rest[l * p + t] = sums[l * part + j * p + t] - rest[l * p + t];
        }
        quotients(rest, p, to);
        for (i64 t = 0; t < p; ++t) to[t] = first[t] - over[t] * last / f.factor[t] + to[t];
    }
}

// Bounds after the points moved: the nearest one by its own way, the others by the longest. Tells the rows for which
// another point may be nearest now; the margin covers the rounding of distances in float64 as well.
inline i64 loosen(const Loosened& b, i64 n, i64* doubtful) {
    constexpr float MORE_32 = 1.0f + 0x1p-22f, LESS_32 = 1.0f - 0x1p-22f, MARGIN = 1.0f + 0x1p-20f;
    i64 found = 0;
    for (i64 i = 0; i < n; ++i) {
        float own = b.moved[b.labels[i]], others = own == b.most ? b.next : b.most;
        float upper = (b.upper[i] + own) * MORE_32, lower = (b.lower[i] - others) * LESS_32;
        b.upper[i] = upper, b.lower[i] = lower;
        doubtful[found] = i;
        found += !(upper * MARGIN < lower);  // a NaN leaves doubt
    }
    return found;
}

// The sum of values times weights in twice the precision, in 16 lanes: high + low.
inline void double_sum(const double* values, const double* weight, i64 n, double* high, double* low) {
    LaneSum sum = {};
    double part[TILE];
    for (i64 i = 0; i < n; i += TILE) {
        i64 rows = least<i64>(TILE, n - i);
        for (i64 r = 0; r < rows; ++r) part[r] = weight ? values[i + r] * weight[i + r] : values[i + r];
        sum.add(part, rows);
    }
    sum.total(*high, *low);
}

template <class T>
inline void squares_to(const Rows& x, const double* points, i64 k, double* out) {
    squared_pairs<T>(
        x.n * k, x.p, [&](i64 i) { return static_cast<const T*>(x.data) + i / k * x.p; },
        [&](i64 i) { return points + i % k * x.p; }, out);
}
inline void dense_squares(const Rows& x, const double* points, i64 k, double* out) {
    x.single ? squares_to<float>(x, points, k, out) : squares_to<double>(x, points, k, out);
}

}  // namespace shardlearn::SHARDLEARN_ISA
