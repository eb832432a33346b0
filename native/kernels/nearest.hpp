// The nearest of k points to each row: found by float32 scores, and by float64 distances where those can't decide.
#pragma once
#include <vector>

#include "tile.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr i64 POINTS_BYTES = 384 * 1024;  // of points that a batch of panels is compared with at a time
constexpr i64 BATCH_BYTES = 512 * 1024;   // of panels in a batch

struct Best {  // of a panel's rows
    float low[PR], second[PR];
    std::int32_t label[PR];
};

inline void begin(Best& best) {
    for (int r = 0; r < PR; ++r) best.low[r] = best.second[r] = __builtin_inff(), best.label[r] = 0;
}

inline void compare(const float* panel, const float* points, i64 p, i64 first, i64 stop, Fetching& ahead, Best& best) {
    F low[RV], second[RV], label[RV];
    for (int v = 0; v < RV; ++v) {
        low[v] = loadf(best.low + v * FW);
        second[v] = loadf(best.second + v * FW);
        label[v] = loadf(reinterpret_cast<const float*>(best.label) + v * FW);
    }
    for (i64 j0 = first; j0 < stop; j0 += PC, points += PC * (p + 2)) {
        F acc[RV][PC];
        score<NEAREST_POINT>(panel, points, p, ahead.take(p + 1), acc);
        for (int j = 0; j < PC; ++j) {
            float name;
            std::int32_t number = static_cast<std::int32_t>(j0 + j);
            __builtin_memcpy(&name, &number, 4);
            F here = setf(name);
            for (int v = 0; v < RV; ++v) {
                F s = acc[v][j];
                second[v] = min(max(low[v], s), second[v]);
                label[v] = select(lt(s, low[v]), here, label[v]);
                low[v] = min(s, low[v]);
            }
        }
    }
    for (int v = 0; v < RV; ++v) {
        storef(best.low + v * FW, low[v]);
        storef(best.second + v * FW, second[v]);
        storef(reinterpret_cast<float*>(best.label) + v * FW, label[v]);
    }
}

struct Doubtful {
    i64 row;
    float limit;  // a nearest point's score is not above
};

// Distances of rows to points that may be nearest, told in order of the points' numbers: of equal ones the lowest wins.
template <class T>
struct Contest {
    const RowPacker& pack;
    const Points& c;
    const Doubtful* rows;
    std::int32_t* labels;
    double best[PR];
    int count = 0, who[ABREAST], point[ABREAST];

    SL_INLINE void enter(int at, i64 j) {
        who[count] = at, point[count] = static_cast<int>(j);
        if (++count == ABREAST) settle();
    }
    void settle() {
        double d[ABREAST];
        squared_pairs<T>(
            count, c.p, [&](i64 i) { return static_cast<const T*>(pack.x.data) + rows[who[i]].row * c.p; },
            [&](i64 i) { return c.values + point[i] * c.p; }, d);
        for (int i = 0; i < count; ++i)
            if (d[i] < best[who[i]]) best[who[i]] = d[i], labels[rows[who[i]].row] = point[i];
        count = 0;
    }
};

template <class T>
inline void decide(const RowPacker& pack, const Points& c, const Doubtful* rows, int count, float* panel,
                   std::int32_t* labels) {
    Contest<T> contest = {pack, c, rows, labels, {}, 0, {}, {}};
    float limit[PR];
    for (int r = 0; r < PR; ++r) {
        limit[r] = r < count ? rows[r].limit : -__builtin_inff();
        contest.best[r] = __builtin_inf();
        if (r < count) labels[rows[r].row] = 0;
    }
    pack(count, panel, [&](int r) { return rows[r].row; });
    const float* points = c.panels;
    for (i64 j0 = 0; j0 < c.k; j0 += PC, points += PC * (c.p + 2)) {
        F acc[RV][PC];
        score<NEAREST_POINT>(panel, points, c.p, {nullptr, 0}, acc);
        for (int j = 0; j < PC && j0 + j < c.k; ++j)
            for (int v = 0; v < RV && v * FW < count; ++v) {
                unsigned far = lanes_of(lt(loadf(limit + v * FW), acc[v][j]));  // a NaN is not far
                for (unsigned near = ~far & first_lanes(least(count - v * FW, FW)); near; near &= near - 1)
                    contest.enter(v * FW + __builtin_ctz(near), j0 + j);
            }
    }
    contest.settle();
}

struct Which {  // rows of a block: some, or all of them
    const i64* which;
    i64 n;
    Which(const Rows& x, const Nearby& out) : which(out.which), n(out.which ? out.rows : x.n) {}
    explicit Which(const Rows& x) : which(nullptr), n(x.n) {}
    Which(const i64* some, i64 count) : which(some), n(count) {}
    SL_INLINE i64 operator()(i64 i) const { return which ? which[i] : i; }
};

// The rows of a panel whose label the scores decide get it; the others are told.
inline void certify(const float* norm, const Best& best, const Points& c, const Slack& slack, double largest,
                    const Which& rows, i64 row, int count, std::int32_t* labels, std::vector<Doubtful>& doubtful) {
    for (int v = 0; v < RV && v * FW < count; ++v) {
        int some = least(count - v * FW, FW);
        F limit = loadf(best.low + v * FW) + slack.of_bases(loadf(norm + v * FW), largest);
        unsigned sure = lanes_of(lt(limit, loadf(best.second + v * FW)));
        for (int r = v * FW; r < v * FW + some; ++r) labels[rows(row + r)] = best.label[r];
        for (unsigned rest = ~sure & first_lanes(some); rest; rest &= rest - 1) {
            int r = v * FW + __builtin_ctz(rest);
            double limit = best.low[r] + slack(norm[r], c.norm[best.label[r]]);
            if (!(limit < best.second[r])) doubtful.push_back({rows(row + r), up(limit)});
        }
    }
}

// Of each row: its distance to the nearest point at most, and to every other point at least; not as tight as they could be.
// The sums below have up to five roundings of 2^-24 beside terms that may cancel: ETA of those terms covers them.
constexpr float ETA = 0x1p-21f, LEAST_DISTANCE = 0x1p-120f, FARTHEST = 0x1.fffffep127f;

inline void bound(const float* half, const float* norm, const Best& best, const Slack& slack, double largest, double scale,
                  const Which& rows, i64 row, int count, float* upper, float* lower) {
    F back = setf(static_cast<float>(1.0 / scale)), more = setf(1.0f + ETA), less = setf(1.0f - ETA), eta = setf(ETA);
    F zeros = setf(0.0f), two = setf(2.0f);
    for (int v = 0; v < RV && v * FW < count; ++v) {
        F size = loadf(norm + v * FW), square = size * size;
        F limit = (loadf(best.low + v * FW) + slack.of_bases(size, largest)) * two;
        F near = limit + square + eta * (max(limit, zeros - limit) + square);
        F other = loadf(best.second + v * FW) * two;
        F far = other + loadf(half + v * FW) * two - eta * (max(other, zeros - other) + square);
        float high[FW], low[FW];
        storef(high, max(sqrt(max(near, zeros)) * more * back, setf(LEAST_DISTANCE)));
        storef(low, min(sqrt(max(far, zeros)) * less * back, setf(FARTHEST)));  // an infinity would never become less
        for (int r = 0; r < least(count - v * FW, FW); ++r) {
            i64 at = rows(row + v * FW + r);
            upper[at] = high[r], lower[at] = low[r];
        }
    }
}

template <class T>
inline const char* at(const Rows& x, i64 row) {
    return static_cast<const char*>(x.data) + row * x.p * static_cast<i64>(sizeof(T));
}

// Compares rows with all points; each panel of them is `done` with what is nearest.
template <class T, class Done>
inline void each_panel(const Rows& x, const Which& rows, const Points& c, const RowPacker& pack, Done done) {
    i64 line = PR * (c.p + 2), group = PC * (c.p + 2);
    i64 batch = most<i64>(1, least<i64>(32, BATCH_BYTES / (4 * line)));
    i64 chunk = most<i64>(1, POINTS_BYTES / (4 * group)) * PC;
    if (c.k <= chunk) batch = 1;
    float* panels = reinterpret_cast<float*>(scratch(1, (batch * line + 1) / 2));
    std::vector<Best> best(static_cast<std::size_t>(batch));
    for (i64 i0 = 0; i0 < rows.n; i0 += batch * PR) {
        i64 here = (least(batch * PR, rows.n - i0) + PR - 1) / PR;
        for (i64 b = 0; b < here; ++b) {
            i64 from = i0 + b * PR;
            pack(static_cast<int>(least<i64>(PR, rows.n - from)), panels + b * line, [&](int r) { return rows(from + r); });
            begin(best[static_cast<std::size_t>(b)]);
        }
        i64 next = least(rows.n, i0 + batch * PR), after = least(rows.n, next + batch * PR);
        if (rows.which) after = next;  // they lie anywhere
        Fetching ahead = {at<T>(x, rows.which ? 0 : next), (after - next) * c.p * static_cast<i64>(sizeof(T)) / 64, here * ((c.k + PC - 1) / PC)};
        for (i64 j = 0; j < c.k; j += chunk)
            for (i64 b = 0; b < here; ++b)
                compare(panels + b * line, c.panels + j * (c.p + 2), c.p, j, least(j + chunk, c.k), ahead,
                        best[static_cast<std::size_t>(b)]);
        for (i64 b = 0; b < here; ++b) {
            i64 row = i0 + b * PR;
            done(panels + b * line, best[static_cast<std::size_t>(b)], row, static_cast<int>(least<i64>(PR, rows.n - row)));
        }
    }
}

template <class T>
inline void decide_all(const RowPacker& pack, const Points& c, const std::vector<Doubtful>& doubtful, std::int32_t* labels) {
    float* panel = reinterpret_cast<float*>(scratch(1, (PR * (c.p + 2) + 1) / 2));
    i64 n = static_cast<i64>(doubtful.size());
    for (i64 at = 0; at < n; at += PR)
        decide<T>(pack, c, doubtful.data() + at, static_cast<int>(least<i64>(PR, n - at)), panel, labels);
}

inline double largest_norm(const Points& c) {
    double largest = 0.0;
    for (i64 j = 0; j < c.k; ++j) largest = most(largest, c.norm[j]);
    return largest;
}

template <class T>
inline void squares_to_labels(const Rows& x, const double* points, const std::int32_t* labels, double* squares) {
    squared_pairs<T>(
        x.n, x.p, [&](i64 i) { return static_cast<const T*>(x.data) + i * x.p; },
        [&](i64 i) { return points + labels[i] * x.p; }, squares);
}

// The squared distance of each row to the point that its label names.
inline void label_squares(const Rows& x, const double* points, const std::int32_t* labels, double* squares) {
    x.single ? squares_to_labels<float>(x, points, labels, squares) : squares_to_labels<double>(x, points, labels, squares);
}

template <class T>
inline i64 nearest_in(const Rows& x, const Points& c, const Nearby& out) {
    std::int32_t* labels = out.labels;
    RowPacker pack(x, c, 0);
    std::vector<Doubtful> doubtful;
    Slack slack(c.p);
    double largest = largest_norm(c);
    Which rows(x, out);
    each_panel<T>(x, rows, c, pack, [&](const float* panel, const Best& found, i64 row, int count) {
        certify(panel + PR, found, c, slack, largest, rows, row, count, labels, doubtful);
        if (out.upper) bound(panel, panel + PR, found, slack, largest, c.scale, rows, row, count, out.upper, out.lower);
    });
    decide_all<T>(pack, c, doubtful, labels);
    if (out.upper)  // whichever point it was, none is nearer than nothing
        for (const Doubtful& one : doubtful) out.lower[one.row] = 0.0f;
    if (out.squares) squares_to_labels<T>(x, c.values, labels, out.squares);
    if (out.unclear) {  // scores decide for no row that is not finite, and its limit is not finite either
        *out.unclear = 0;
        for (const Doubtful& one : doubtful) *out.unclear += !(one.limit < __builtin_inff());
    }
    return static_cast<i64>(doubtful.size());
}

// Scores above these are of points that are not nearer than the squared distances that are known: half of them, in the
// scale of scores, less 1/2 |x|^2. ETA covers the roundings here and those of squared distances.
inline void nearer_than(const float* half, const double* known, double scale, int count, float* limit) {
    V by = set(scale), again = set(0.5 * scale);
    F eta = setf(ETA), zeros = setf(0.0f), tiny = setf(0x1p-80f);
    for (int v = 0; v < RV; ++v) {
        V parts[FW / W];
        for (int i = 0; i < FW / W; ++i)
            parts[i] = load_some(known + v * FW + i * W, most(least(count - v * FW - i * W, W), 0)) * by * again;
        F square = narrow(parts), own = loadf(half + v * FW);
        storef(limit + v * FW, fma(eta, square + max(own, zeros - own), square - own) + tiny);
    }
}

template <class T>
inline void nearer_in(const Rows& x, const Points& c, const Nearer& out) {
    RowPacker pack(x, c, 0);
    std::vector<Doubtful> doubtful;
    std::vector<i64> changed;
    std::vector<std::int32_t> fresh(static_cast<std::size_t>(x.n));
    std::int32_t* labels = fresh.data();
    Slack slack(c.p);
    double largest = largest_norm(c);
    Which rows(x);
    each_panel<T>(x, rows, c, pack, [&](const float* panel, const Best& found, i64 row, int count) {
        float limit[PR];
        nearer_than(panel, out.squares + row, c.scale, count, limit);
        unsigned some = 0;
        for (int v = 0; v < RV && v * FW < count; ++v) {
            unsigned far = lanes_of(lt(loadf(limit + v * FW), loadf(found.low + v * FW)));  // a NaN is not far
            for (unsigned near = ~far & first_lanes(least(count - v * FW, FW)); near; near &= near - 1)
                changed.push_back(row + v * FW + __builtin_ctz(near)), ++some;
        }
        if (some) certify(panel + PR, found, c, slack, largest, rows, row, count, labels, doubtful);
    });
    decide_all<T>(pack, c, doubtful, labels);
    i64 n = static_cast<i64>(changed.size());
    std::vector<double> squares(changed.size());
    squared_pairs<T>(
        n, c.p, [&](i64 i) { return static_cast<const T*>(x.data) + changed[static_cast<std::size_t>(i)] * c.p; },
        [&](i64 i) { return c.values + labels[changed[static_cast<std::size_t>(i)]] * c.p; }, squares.data());
    for (std::size_t i = 0; i < changed.size(); ++i) {
        i64 row = changed[i];
        if (!(squares[i] < out.squares[row])) continue;
        out.squares[row] = squares[i], out.labels[row] = out.first + labels[row];
    }
}

// Rows to which one of these points is nearer than the one that they have get it, and the squared distance to it.
inline void nearer(const Rows& x, const Points& c, const Nearer& out) {
    x.single ? nearer_in<float>(x, c, out) : nearer_in<double>(x, c, out);
}

// Fills labels, and what else is not null; returns how many rows float32 could not decide.
inline i64 nearest(const Rows& x, const Points& c, const Nearby& out) {
    return x.single ? nearest_in<float>(x, c, out) : nearest_in<double>(x, c, out);
}

}  // namespace shardlearn::SHARDLEARN_ISA
