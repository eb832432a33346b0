// The k nearest rows of each point by distances that are no sums of squares: every one in float64, one chain over the features.
#pragma once
#include <algorithm>
#include <vector>

#include "neighbors.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr int DV = 2, DC = 4;       // vectors of rows, and points, in a register tile
constexpr int DR = DV * W;          // rows of a panel
constexpr i64 POINTS_BESIDE = 128;  // that are looked at together

SL_INLINE V absolute(V a) { return from_bits(bits(a) & seti(0x7fffffffffffffff)); }

struct Product {  // -x . y: the largest product is the nearest
    SL_INLINE V operator()(V sum, V x, V y) const { return fnma(x, y, sum); }
};
struct Absolute {
    SL_INLINE V operator()(V sum, V x, V y) const { return sum + absolute(x - y); }
};
struct Largest {
    SL_INLINE V operator()(V sum, V x, V y) const { return max(absolute(x - y), sum); }
};
struct Different {
    SL_INLINE V operator()(V sum, V x, V y) const { return sum + select(eq(x, y), zero(), set(1.0)); }
};
struct WholePower {  // |x - y|^power, multiplied out
    int power;
    SL_INLINE V operator()(V sum, V x, V y) const {
        V a = absolute(x - y), b = a;
        for (int i = 1; i < power; ++i) b = b * a;
        return sum + b;
    }
};
struct Power {
    double power;
    SL_INLINE V operator()(V sum, V x, V y) const {
        V a = absolute(x - y);
        return sum + select(eq(a, zero()), zero(), exp(set(power) * log(a)));
    }
};

template <class Step>
class PlainSearch {
   public:
    PlainSearch(const Rows& x, const i64* ids, const double* points, i64 m, const Found& found, Step step)
        : x_(x), ids_(ids), points_(points), m_(m), found_(found), step_(step) {}

    void run() {
        i64 all = (x_.n + DR - 1) / DR, line = DR * x_.p;
        panels_ = scratch(1, most<i64>(all * line, 1));
        x_.single ? fill<float>(all) : fill<double>(all);
        for (i64 first = 0; first < m_; first += POINTS_BESIDE) {
            i64 count = least(POINTS_BESIDE, m_ - first);
            near_.resize(static_cast<std::size_t>(POINTS_BESIDE));
            for (i64 b = 0; b < all; ++b)
                for (i64 j = 0; j < count; j += DC)
                    compare(b, first, j, static_cast<int>(least<i64>(DC, count - j)));
            for (i64 j = 0; j < count; ++j) settle(first, j);
        }
    }

   private:
    const Rows& x_;
    const i64* ids_;
    const double* points_;
    i64 m_;
    const Found& found_;
    Step step_;
    double* panels_ = nullptr;
    std::vector<std::vector<Neighbor>> near_;
    std::vector<Neighbor> old_;

    template <class T>
    void fill(i64 all) {
        const T* data = static_cast<const T*>(x_.data);
        for (i64 r = 0; r < all * DR; ++r) {
            const T* row = data + least(r, x_.n - 1) * x_.p;
            double* to = panels_ + r / DR * DR * x_.p + r % DR;
            for (i64 t = 0; t < x_.p; ++t) to[t * DR] = static_cast<double>(row[t]);
        }
    }

    void compare(i64 b, i64 first, i64 j, int count) {
        const double* panel = panels_ + b * DR * x_.p;
        const double* c[DC];
        for (int i = 0; i < DC; ++i) c[i] = points_ + (first + j + least(i, count - 1)) * x_.p;
        V sum[DC][DV];
        for (auto& one : sum)
            for (auto& part : one) part = zero();
        for (i64 t = 0; t < x_.p; ++t, panel += DR)
            for (int i = 0; i < DC; ++i) {
                V point = set(c[i][t]);
                for (int v = 0; v < DV; ++v) sum[i][v] = step_(sum[i][v], load(panel + v * W), point);
            }
        for (int i = 0; i < count; ++i) {
            const double limit = found_.square[(first + j + i) * found_.k + found_.k - 1];
            M far = lt(set(limit), sum[i][0]);
            for (int v = 1; v < DV; ++v) far = both(far, lt(set(limit), sum[i][v]));
            if (!whole(far)) collect(b, first, j + i, sum[i], limit);
        }
    }

    SL_INLINE static M both(M a, M b) { return lt(zero(), select(a, select(b, set(1.0), zero()), zero())); }
    SL_INLINE static bool whole(M a) { return !any(lt(select(a, set(1.0), zero()), set(0.5))); }

    __attribute__((noinline)) void collect(i64 b, i64 first, i64 j, const V* sum, double limit) {
        double at[DR];
        for (int v = 0; v < DV; ++v) store(at + v * W, sum[v]);
        auto& near = near_[static_cast<std::size_t>(j)];
        for (int r = 0; r < DR && b * DR + r < x_.n; ++r)
            if (!(limit < at[r])) near.push_back({at[r] == at[r] ? at[r] : __builtin_inf(), ids_[b * DR + r]});
        if (static_cast<i64>(near.size()) > found_.k + 64) settle(first, j);
    }

    void settle(i64 first, i64 j) {
        auto& near = near_[static_cast<std::size_t>(j)];
        std::sort(near.begin(), near.end());
        double* square = found_.square + (first + j) * found_.k;
        i64* id = found_.id + (first + j) * found_.k;
        old_.clear();
        for (i64 a = 0; a < found_.k; ++a) old_.push_back({square[a], id[a]});
        auto old = old_.begin();
        auto now = near.begin();
        for (i64 a = 0; a < found_.k; ++a) {
            Neighbor next = now != near.end() && *now < *old ? *now++ : *old++;
            square[a] = next.square, id[a] = next.id;
        }
        near.clear();
    }
};

inline void nearest_by(const Rows& x, const i64* ids, const double* points, i64 m, Measure measure, double power,
                       const Found& found) {
    auto run = [&](auto step) { PlainSearch<decltype(step)>(x, ids, points, m, found, step).run(); };
    if (x.n == 0) return;
    switch (measure) {
        case PRODUCT: return run(Product{});
        case ABSOLUTE: return run(Absolute{});
        case LARGEST: return run(Largest{});
        case DIFFERENT: return run(Different{});
        default:
            if (power == __builtin_floor(power) && power <= 64.0) return run(WholePower{static_cast<int>(power)});
            return run(Power{power});
    }
}

// Rows of length one, in float64, and two columns more. A row of zeros has a one in the first of them, so that it is as far
// from others as rows at a right angle are; of the other side it has FAR in the second: it is as far from all rows, to the bit.
constexpr double FAR = 0x1p30;

// Values over their length, in float64: n of them, in `out`. Zeros have none: they stay, and false is returned.
template <class T>
SL_INLINE bool unit_values(const T* values, i64 n, double* out) {
    double largest = 0.0;
    for (i64 t = 0; t < n; ++t) largest = most(largest, __builtin_fabs(static_cast<double>(values[t])));
    int exponent = 0;
    if (largest > 0.0) (void)std::frexp(largest, &exponent);
    double half = std::ldexp(1.0, -exponent / 2), rest = std::ldexp(1.0, -exponent - -exponent / 2), sum = 0.0;
    for (i64 t = 0; t < n; ++t) {
        out[t] = static_cast<double>(values[t]) * half * rest;
        sum = fma(out[t], out[t], sum);
    }
    double length = largest > 0.0 ? std::sqrt(sum) : 1.0;
    for (i64 t = 0; t < n; ++t) out[t] /= length;
    return largest > 0.0;
}

template <class T>
inline void unit_rows_of(const Rows& x, int side, double* out) {
    for (i64 i = 0; i < x.n; ++i, out += x.p + 2) {
        bool some = unit_values(static_cast<const T*>(x.data) + i * x.p, x.p, out);
        out[x.p] = out[x.p + 1] = 0.0;
        if (!some) out[x.p + side] = side ? FAR : 1.0;
    }
}

inline void unit_rows(const Rows& x, int side, double* out) {
    x.single ? unit_rows_of<float>(x, side, out) : unit_rows_of<double>(x, side, out);
}

template <class T>
inline void normalize_as(const Rows& x, T* out, bool* none) {
    double* unit = scratch(0, x.p);
    for (i64 i = 0; i < x.n; ++i) {
        i64 from = x.indptr ? x.indptr[i] : i * x.p, n = x.indptr ? x.indptr[i + 1] - from : x.p;
        none[i] = !unit_values(static_cast<const T*>(x.data) + from, n, unit);
        for (i64 t = 0; t < n; ++t) out[from + t] = static_cast<T>(unit[t]);
    }
}

// Rows over their lengths, in the places and the precision of x; and which of them have none.
inline void normalize(const Rows& x, void* out, bool* none) {
    x.single ? normalize_as(x, static_cast<float*>(out), none) : normalize_as(x, static_cast<double*>(out), none);
}

}  // namespace shardlearn::SHARDLEARN_ISA
