// Scores of rows x against points c in float32: rows along the lanes of vectors, points beside each other.
//
// Who asks which point is nearest to a row leaves |x|^2 out, and who asks which row is nearest to a point leaves |c|^2 out:
// with a = c or a = x, the score is 1/2 |a|^2 - x . c, one FMA chain over the features, the same whatever lies beside it.
// What is kept is a lower bound. With x and c shifted by a pivot and scaled by a power of two, u = 2^-24, and
// g = (p + 8) u / (1 - (p + 8) u),
//
//     |chain - (1/2 |a|^2 - x . c)| <= e = g (1/2 |a|^2 + |x| |c|) + TINY
//
// (p + 1 roundings of the chain, two of x and two of c: Higham 2002, section 3.1; TINY is for subnormal numbers). The
// chain begins at 1/2 |a|^2 (1 - g) - TINY, and its first feature is |x| against g |c|: so its end is a bound by itself, and
// a far point or row takes nothing from the precision of others.
#pragma once
#include <cmath>

#include "vectors.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr int RV = 3;               // vectors of rows in a register tile
constexpr int PC = W == 8 ? 8 : 4;  // points in a register tile
constexpr int PR = RV * FW;         // rows of a panel
constexpr double U32 = 0x1p-24, TINY = 0x1p-90;
constexpr double MORE = 1.01, ROUGH = 2.25;  // what rounding does to bounds themselves, in float64 and in float32

SL_INLINE double slack_factor(i64 p) {
    double m = static_cast<double>(p + 8) * U32;
    return m < 0.5 ? MORE * m / (1.0 - m) : 2.0;
}

inline float up(double x) {
    float y = static_cast<float>(x);
    return static_cast<double>(y) < x ? __builtin_nextafterf(y, __builtin_inff()) : y;
}
inline float down(double x) { return -up(-x); }

// How far above a score the truth may be, and what float64 makes of it: 2 e and the error of a squared distance in float64.
// b is the norm that all scores which are compared have in common, a the other one.
struct Slack {
    double g, rest;
    explicit Slack(i64 p) : g(slack_factor(p)), rest(MORE * static_cast<double>(p + 4) * 0x1p-52) {}
    double operator()(double b, double a) const { return 2.0 * MORE * (g * (0.5 * a * a + a * b) + TINY) + rest * b * b; }
    // Not below it, nor is a score plus this below the sum in float64: the eighth more is above 2 u (1/2 a^2 + a b).
    SL_INLINE F of_bases(F b, double a) const {
        F one = setf(up(ROUGH * (g * 0.5 * a * a + TINY))), two = setf(up(ROUGH * g * a));
        return fma(b, fma(b, setf(up(2.0 * rest)), two), one);
    }
    // The same for a b, where the others are rows, whose half squares are sums in float32 themselves: their error is below
    // g, twice.
    struct OfRows {
        float one, two, three;
        SL_INLINE float operator()(float a) const { return __builtin_fmaf(a, __builtin_fmaf(a, three, two), one); }
        SL_INLINE F operator()(F a) const { return fma(a, fma(a, setf(three), setf(two)), setf(one)); }
    };
    OfRows of_rows(double b) const {
        return {up(2.0 * ROUGH * TINY + 2.0 * rest * b * b), up(ROUGH * g * b), up(ROUGH * g)};
    }
};

SL_INLINE unsigned first_lanes(int count) { return static_cast<unsigned>((1ull << count) - 1); }

// How many floats the panels of k points take: for each group of PC, starts, slopes, and a line a feature.
inline i64 panel_floats(i64 k, i64 p) { return (k + PC - 1) / PC * PC * (p + 2); }

// Fills panels, the points' norms (rounded up) and half their squares; returns the power of two by which rows and points are scaled.
inline double pack_points(const double* points, const double* pivot, i64 k, i64 p, float* panels, double* norm,
                          double* half) {
    double largest = 0.0, g = slack_factor(p);
    auto shifted = [&](i64 j, i64 t) { return points[j * p + t] - static_cast<double>(static_cast<float>(pivot[t])); };
    for (i64 j = 0; j < k; ++j)
        for (i64 t = 0; t < p; ++t) largest = most(largest, __builtin_fabs(shifted(j, t)));
    int exponent = 0;
    if (largest > 0.0 && largest < 0x1p440) (void)std::frexp(largest, &exponent);
    // Squares beyond this could overflow, so float64 decides alone: all scores are low, and norms infinite.
    bool beyond = !(largest < 0x1p440);
    // Nor may what is small be scaled so far up that squares which vanish in float64 are told apart.
    double scale = beyond ? 1.0 : std::ldexp(1.0, least(-exponent, 480));
    for (i64 j0 = 0; j0 < k; j0 += PC, panels += PC * (p + 2))
        for (int j = 0; j < PC; ++j) {
            if (j0 + j >= k || beyond) {  // nothing is near what is no point
                panels[j] = j0 + j >= k ? __builtin_inff() : 0.0f;
                for (i64 t = 1; t < p + 2; ++t) panels[t * PC + j] = 0.0f;
                if (j0 + j < k) panels[PC + j] = 0x1.fffffep127f, norm[j0 + j] = __builtin_inf(), half[j0 + j] = 0.0;
                continue;
            }
            double sum = 0.0;
            for (i64 t = 0; t < p; ++t) {
                double c = shifted(j0 + j, t) * scale;
                sum = fma(c, c, sum);
                panels[(t + 2) * PC + j] = static_cast<float>(c);
            }
            double size = norm[j0 + j] = std::sqrt(sum) * (1.0 + static_cast<double>(p + 4) * 0x1p-52);
            half[j0 + j] = 0.5 * sum;
            panels[j] = down(0.5 * sum * (1.0 - g) - TINY);
            panels[PC + j] = up(g * size);
        }
    return scale;
}

template <class T>
SL_INLINE F load_row(const T* x, const double* pivot, const float* pivot32, V scale, int count);

template <>
SL_INLINE F load_row<float>(const float* x, const double*, const float* pivot32, V scale, int count) {
    V both[FW / W];
    for (auto& one : both) one = scale;
    F wide = narrow(both);
    if (count == FW) return (loadf(x) - loadf(pivot32)) * wide;
    return (loadf_n(x, count) - loadf_n(pivot32, count)) * wide;
}

template <>
SL_INLINE F load_row<double>(const double* x, const double* pivot, const float*, V scale, int count) {
    V parts[FW / W];
    for (int i = 0; i < FW / W; ++i) {
        int here = most(least(count - i * W, W), 0);
        parts[i] = (load_some(x + i * W, here) - load_some(pivot + i * W, here)) * scale;
    }
    return narrow(parts);
}

struct RowPacker {  // rows of a block, shifted and scaled as the points are
    const Rows& x;
    double scale;
    const float* pivot32;
    const double* pivot;  // the same, as doubles

    RowPacker(const Rows& rows, const Points& c, int slot) : x(rows), scale(c.scale) {
        double* to = scratch(slot, c.p + (c.p + 1) / 2);
        float* to32 = reinterpret_cast<float*>(to + c.p);
        for (i64 t = 0; t < c.p; ++t) to[t] = to32[t] = static_cast<float>(c.pivot[t]);
        pivot = to, pivot32 = to32;
    }

    // panel: [p + 2][PR], the first line 1/2 |x|^2 (1 - g) - TINY, the second the rows' norms, rounded up. `id(r)` is the
    // number of the panel's row r; beyond `count` the last row is repeated.
    template <class Id>
    void operator()(int count, float* panel, Id id) const {
        x.single ? fill<float>(count, panel, id) : fill<double>(count, panel, id);
        double m = static_cast<double>(x.p + 8) * U32;
        F grown = setf(up(1.0 + m)), least_half = setf(down(0.5 * (1.0 - slack_factor(x.p) - m))), tiny = setf(-0x1p-89f);
        for (int v = 0; v < RV; ++v) {
            F sum = setf(0.0f);
            const float* from = panel + 2 * PR + v * FW;
            for (i64 t = 0; t < x.p; ++t, from += PR) sum = fma(loadf(from), loadf(from), sum);
            storef(panel + v * FW, fma(sum, least_half, tiny));
            storef(panel + PR + v * FW, fma(sqrt(sum), grown, setf(0x1p-60f)));
        }
    }

   private:
    template <class T, class Id>
    void fill(int count, float* panel, Id id) const {
        for (int v = 0; v < RV; ++v) {
            const T* rows[FW];
            for (int r = 0; r < FW; ++r) rows[r] = static_cast<const T*>(x.data) + id(least(v * FW + r, count - 1)) * x.p;
            i64 t = 0;
            for (; t + FW <= x.p; t += FW) columns(rows, t, FW, panel + (t + 2) * PR + v * FW);
            if (t < x.p) columns(rows, t, static_cast<int>(x.p - t), panel + (t + 2) * PR + v * FW);
        }
    }

    template <class T>
    SL_INLINE void columns(const T* const (&rows)[FW], i64 t, int wide, float* to) const {
        V by = set(scale);
        F square[FW];
        for (int r = 0; r < FW; ++r) square[r] = load_row(rows[r] + t, pivot + t, pivot32 + t, by, wide);
        transpose(square);
        for (int i = 0; i < wide; ++i) storef(to + i * PR, square[i]);
    }
};

// Memory that is wanted soon, asked for evenly while scores are computed: at most a line a feature.
struct Fetching {
    const char* from = nullptr;
    i64 lines = 0, groups = 1;  // left
    struct Step {
        const char* from;
        i64 rate;  // 1/256 lines a feature; one without a line asks for what is near, which costs nothing
    };
    SL_INLINE Step take(i64 features) {
        i64 now = least(lines / groups, features);
        Step step = {from, (now << 8) / features};
        from += now * 64, lines -= now, groups = most<i64>(groups - 1, 1);
        return step;
    }
};

enum Asks { NEAREST_POINT, NEAREST_ROW, ALONG };  // of each row; of each point; minus x . c alone

// The scores of a panel of rows against one group of points.
template <Asks WHAT>
SL_INLINE void score(const float* panel, const float* points, i64 p, Fetching::Step ahead, F (&acc)[RV][PC]) {
    for (int j = 0; j < PC; ++j)
        for (int v = 0; v < RV; ++v) acc[v][j] = WHAT == NEAREST_POINT ? setf(points[j]) : WHAT == NEAREST_ROW ? loadf(panel + v * FW) : setf(0.0f);
    panel += PR, points += PC;
    i64 at = 0, t = 0;
    if (WHAT == ALONG) panel += PR, points += PC, t = 1;
    for (; t < p + 1; ++t, panel += PR, points += PC, at += ahead.rate) {
        const auto line = reinterpret_cast<std::uintptr_t>(ahead.from) + static_cast<std::uintptr_t>(at >> 8 << 6);
        const auto near = reinterpret_cast<std::uintptr_t>(points), here = static_cast<std::uintptr_t>(((at & 255) - ahead.rate) >> 63);
        __builtin_prefetch(reinterpret_cast<const char*>((line & here) | (near & ~here)), 0, 2);  // no branch to guess
        F row[RV];
        for (int v = 0; v < RV; ++v) row[v] = loadf(panel + v * FW);
        for (int j = 0; j < PC; ++j) {
            F point = setf(points[j]);
            for (int v = 0; v < RV; ++v) acc[v][j] = fnma(row[v], point, acc[v][j]);
        }
    }
}

// The squared distance: one FMA chain in float64 over the features in order, on the values as they are.
template <class T>
inline double squared(const T* x, const double* c, i64 p) {
    double sum = 0.0;
    for (i64 t = 0; t < p; ++t) {
        double d = static_cast<double>(x[t]) - c[t];
        sum = fma(d, d, sum);
    }
    return sum;
}

constexpr int ABREAST = 8;  // chains beside each other, so that none waits for its last addition

// Squared distances of pairs (row(i), point(i)), i < n.
template <class T, class Row, class Point>
inline void squared_pairs(i64 n, i64 p, Row row, Point point, double* out) {
    i64 i = 0, lines = (p * static_cast<i64>(sizeof(T)) + 63) / 64;
    auto fetch = [&](i64 from) {  // rows lie anywhere
        for (i64 a = from; a < least(from + ABREAST, n); ++a)
            for (i64 l = 0; l < lines; ++l) __builtin_prefetch(reinterpret_cast<const char*>(row(a)) + l * 64);
    };
    fetch(0);
    for (; i + ABREAST <= n; i += ABREAST) {
        fetch(i + ABREAST);
        const T* x[ABREAST];
        const double* c[ABREAST];
        double sum[ABREAST] = {};
        for (int a = 0; a < ABREAST; ++a) x[a] = row(i + a), c[a] = point(i + a);
        for (i64 t = 0; t < p; ++t)
            for (int a = 0; a < ABREAST; ++a) {
                double d = static_cast<double>(x[a][t]) - c[a][t];
                sum[a] = fma(d, d, sum[a]);
            }
        for (int a = 0; a < ABREAST; ++a) out[i + a] = sum[a];
    }
    for (; i < n; ++i) out[i] = squared(row(i), point(i), p);
}

}  // namespace shardlearn::SHARDLEARN_ISA
