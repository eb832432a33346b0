// Greedy k-means++ (Arthur & Vassilvitskii 2007) among weighted points that one worker has.
#pragma once
#include <algorithm>
#include <vector>

#include "vectors.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr int TRIED = 8;           // points that others are compared with at a time
constexpr i64 SIDE = 2 * W;      // others beside each other

// Points in groups, feature by feature: [group][p][SIDE], beyond m the last one again.
inline void pack_groups(const double* values, i64 m, i64 p, double* out) {
    for (i64 i = 0; i < m; i += SIDE)
        for (i64 t = 0; t < p; ++t)
            for (i64 r = 0; r < SIDE; ++r) *out++ = values[least(i + r, m - 1) * p + t];
}

// (count, m): the squared distance of each of some points to all, one FMA chain over the features, the same both ways.
inline void squares_from(const double* groups, const Spread& s, const i64* points, i64 count, double* out) {
    double* chosen = scratch(3, TRIED * s.p);
    for (i64 from = 0; from < count; from += TRIED, out += TRIED * s.m) {
        int some = static_cast<int>(least<i64>(TRIED, count - from));
        for (i64 t = 0; t < s.p; ++t)
            for (int a = 0; a < TRIED; ++a) chosen[t * TRIED + a] = s.values[points[from + least(a, some - 1)] * s.p + t];
        const double* group = groups;
        for (i64 i = 0; i < s.m; i += SIDE, group += SIDE * s.p) {
            V sum[TRIED][2];
            for (auto& pair : sum) pair[0] = pair[1] = zero();
            for (i64 t = 0; t < s.p; ++t)
                for (int a = 0; a < TRIED; ++a)
                    for (int v = 0; v < 2; ++v) {
                        V apart = load(group + t * SIDE + v * W) - set(chosen[t * TRIED + a]);
                        sum[a][v] = fma(apart, apart, sum[a][v]);
                    }
            for (int a = 0; a < some; ++a)
                for (int v = 0; v < 2 && i + v * W < s.m; ++v)
                    store_some(out + a * s.m + i + v * W, sum[a][v], static_cast<int>(least<i64>(W, s.m - i - v * W)));
        }
    }
}

// (m, m): of all to all.
inline void point_squares(const Spread& s, double* out) {
    double* groups = scratch(0, (s.m + SIDE) * s.p);
    pack_groups(s.values, s.m, s.p, groups);
    std::vector<i64> all(static_cast<std::size_t>(s.m));
    for (i64 i = 0; i < s.m; ++i) all[static_cast<std::size_t>(i)] = i;
    squares_from(groups, s, all.data(), s.m, out);
}

// Fills `chosen` (k,): each next one is that of a few drawn by mass times squared distance which leaves least; from the
// first on again where all lie on chosen ones. `squares` are those of point_squares, or null where they are too many.
inline void spread(const Spread& s, const double* squares, i64* chosen) {
    double *left = scratch(1, s.m), *upto = scratch(2, s.m), *rows = scratch(4, s.trials * s.m), *groups = nullptr;
    if (!squares) pack_groups(s.values, s.m, s.p, groups = scratch(0, (s.m + SIDE) * s.p));
    std::vector<i64> tried(static_cast<std::size_t>(s.trials));
    for (i64 i = 0; i < s.m; ++i) left[i] = __builtin_inf();
    for (i64 step = 0; step < s.k; ++step) {
        double total = 0.0;
        for (i64 i = 0; i < s.m; ++i) upto[i] = total += step ? s.mass[i] * left[i] : s.mass[i];
        if (!(total > 0.0)) {
            for (i64 i = step; i < s.k; ++i) chosen[i] = step ? chosen[i % step] : 0;
            return;
        }
        i64 trials = step ? s.trials : 1, best = 0;
        for (i64 a = 0; a < trials; ++a)
            tried[static_cast<std::size_t>(a)] =
                least<i64>(std::upper_bound(upto, upto + s.m, s.draws[step * s.trials + a] * total) - upto, s.m - 1);
        if (!squares) squares_from(groups, s, tried.data(), trials, rows);
        double least_left = __builtin_inf();
        for (i64 a = 0; a < trials; ++a) {
            double* row = rows + a * s.m;
            const double* square = squares ? squares + tried[static_cast<std::size_t>(a)] * s.m : row;
            for (i64 i = 0; i < s.m; ++i) row[i] = square[i] < left[i] ? square[i] : left[i];
            double leaves = dot(row, s.mass, s.m);
            if (leaves < least_left) best = a, least_left = leaves;
        }
        chosen[step] = tried[static_cast<std::size_t>(best)];
        std::copy_n(rows + best * s.m, s.m, left);
    }
}

}  // namespace shardlearn::SHARDLEARN_ISA
