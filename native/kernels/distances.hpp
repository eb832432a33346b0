// The nearest rows of each point by distances that have no scores: every one in float64, one chain over the features.
#pragma once
#include "keepers.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr int DV = 2, DC = 4;       // vectors of rows, and points, in a register tile
constexpr int DR = DV * W;          // rows of a panel
constexpr i64 POINTS_BESIDE = 128;  // that are looked at together

SL_INLINE V absolute(V a) { return from_bits(bits(a) & seti(0x7fffffffffffffff)); }

// How a chain goes on: with a feature of x and y, and some with how far apart they are, monotone in that.
struct Product {  // -x . y: the largest product is the nearest
    SL_INLINE V operator()(V sum, V x, V y, i64) const { return fnma(x, y, sum); }
};
struct Different {
    SL_INLINE V operator()(V sum, V x, V y, i64) const { return sum + select(eq(x, y), zero(), set(1.0)); }
};
template <class Gap>
struct Apart {
    Gap gap;
    SL_INLINE V operator()(V sum, V x, V y, i64) const { return gap(sum, absolute(x - y)); }
};
struct Square {
    SL_INLINE V operator()(V sum, V a) const { return fma(a, a, sum); }
};
struct Absolute {
    SL_INLINE V operator()(V sum, V a) const { return sum + a; }
};
struct Largest {
    SL_INLINE V operator()(V sum, V a) const { return max(a, sum); }
};
struct WholePower {  // |x - y|^power, multiplied out
    int power;
    SL_INLINE V operator()(V sum, V a) const {
        V b = a;
        for (int i = 1; i < power; ++i) b = b * a;
        return sum + b;
    }
};
struct Power {
    double power;
    SL_INLINE V operator()(V sum, V a) const {
        return sum + select(eq(a, zero()), zero(), exp(set(power) * log(a)));
    }
};
struct Sphere {  // haversine: of longitudes, times both cosines of latitudes, and of latitudes
    SL_INLINE V operator()(V sum, V x, V y, i64 t) const {
        if (t == 1) return sum * (x * y);
        V half = sin((x - y) * set(0.5));
        return fma(half, half, sum);
    }
};

SL_INLINE M both(M a, M b) { return lt(zero(), select(a, select(b, set(1.0), zero()), zero())); }
SL_INLINE bool whole(M a) { return !any(lt(select(a, set(1.0), zero()), set(0.5))); }

inline bool multiplied_out(double power) { return power == __builtin_floor(power) && power <= 64.0; }

template <class Step, class Keep>
class PlainSearch {
   public:
    PlainSearch(const Rows& x, const i64* ids, const double* points, i64 m, Step step, Keep& keep)
        : x_(x), ids_(ids), points_(points), m_(m), step_(step), keep_(keep) {}

    void run() {
        i64 all = (x_.n + DR - 1) / DR, line = DR * x_.p;
        panels_ = scratch(1, most<i64>(all * line, 1));
        x_.single ? fill<float>(all) : fill<double>(all);
        for (i64 first = 0; first < m_; first += POINTS_BESIDE) {
            i64 count = least(POINTS_BESIDE, m_ - first);
            keep_.open(first, count);
            for (i64 b = 0; b < all; ++b)
                for (i64 j = 0; j < count; j += DC)
                    compare(b, first, j, static_cast<int>(least<i64>(DC, count - j)));
            keep_.close();
        }
    }

   private:
    const Rows& x_;
    const i64* ids_;
    const double* points_;
    i64 m_;
    Step step_;
    Keep& keep_;
    double* panels_ = nullptr;

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
                for (int v = 0; v < DV; ++v) sum[i][v] = step_(sum[i][v], load(panel + v * W), point, t);
            }
        for (int i = 0; i < count; ++i) {
            const double limit = keep_.limit(j + i);
            M far = lt(set(limit), sum[i][0]);
            for (int v = 1; v < DV; ++v) far = both(far, lt(set(limit), sum[i][v]));
            if (!whole(far)) collect(b, j + i, sum[i], limit);
        }
    }

    __attribute__((noinline)) void collect(i64 b, i64 j, const V* sum, double limit) {
        double at[DR];
        for (int v = 0; v < DV; ++v) store(at + v * W, sum[v]);
        for (int r = 0; r < DR && b * DR + r < x_.n; ++r)
            if (!(limit < at[r])) keep_.add(j, at[r] == at[r] ? at[r] : __builtin_inf(), ids_[b * DR + r]);
        keep_.added(j);
    }
};

// Calls f with the chain of a measure.
template <class F>
inline void with_step(Measure measure, double power, F f) {
    switch (measure) {
        case PRODUCT: return f(Product{});
        case DIFFERENT: return f(Different{});
        case SPHERE: return f(Sphere{});
        case SQUARE: return f(Apart<Square>{});
        case ABSOLUTE: return f(Apart<Absolute>{});
        case LARGEST: return f(Apart<Largest>{});
        default:
            if (multiplied_out(power)) return f(Apart<WholePower>{{static_cast<int>(power)}});
            return f(Apart<Power>{{power}});
    }
}

template <class Keep>
inline void search_by(const Rows& x, const i64* ids, const double* points, i64 m, Measure measure, double power, Keep keep) {
    if (x.n == 0) return;
    with_step(measure, power,
              [&](auto step) { PlainSearch<decltype(step), Keep>(x, ids, points, m, step, keep).run(); });
}

inline void nearest_by(const Rows& x, const i64* ids, const double* points, i64 m, Measure measure, double power,
                       const Found& found) {
    search_by(x, ids, points, m, measure, power, Lists(found));
}

inline void within_by(const Rows& x, const i64* ids, const double* points, i64 m, Measure measure, double power,
                      double limit, const Sink& sink) {
    search_by(x, ids, points, m, measure, power, Ball(limit, sink));
}

// A row over its length, by a chain over its values in order; false where it is zero, and left so.
template <class T>
inline bool unit_row(const T* row, i64 count, double* out) {
    double largest = 0.0;
    for (i64 t = 0; t < count; ++t) largest = most(largest, __builtin_fabs(static_cast<double>(row[t])));
    int exponent = 0;
    if (largest > 0.0) (void)std::frexp(largest, &exponent);
    double half = std::ldexp(1.0, -exponent / 2), rest = std::ldexp(1.0, -exponent - -exponent / 2), sum = 0.0;
    for (i64 t = 0; t < count; ++t) {
        out[t] = static_cast<double>(row[t]) * half * rest;
        sum = fma(out[t], out[t], sum);
    }
    double length = largest > 0.0 ? std::sqrt(sum) : 1.0;
    for (i64 t = 0; t < count; ++t) out[t] /= length;
    return largest > 0.0;
}

// Rows of length one, in float64, and two columns more. A row of zeros has a one in the first of them, so that it is as far
// from others as rows at a right angle are; of the other side it has FAR in the second: it is as far from all rows, to the bit.
constexpr double FAR = 0x1p30;

template <class T>
inline void unit_rows_of(const Rows& x, int side, double* out) {
    for (i64 i = 0; i < x.n; ++i, out += x.p + 2) {
        bool some = unit_row(static_cast<const T*>(x.data) + i * x.p, x.p, out);
        out[x.p] = out[x.p + 1] = 0.0;
        if (!some) out[x.p + side] = side ? FAR : 1.0;
    }
}

inline void unit_rows(const Rows& x, int side, double* out) {
    x.single ? unit_rows_of<float>(x, side, out) : unit_rows_of<double>(x, side, out);
}

// The same of sparse rows: their values, those of the first row first.
template <class T>
inline void unit_values_of(const Rows& x, double* out) {
    for (i64 i = 0; i < x.n; ++i)
        unit_row(static_cast<const T*>(x.data) + x.indptr[i], x.indptr[i + 1] - x.indptr[i], out + x.indptr[i] - x.indptr[0]);
}

inline void unit_values(const Rows& x, double* out) {
    x.single ? unit_values_of<float>(x, out) : unit_values_of<double>(x, out);
}

template <class T>
inline void normalize_as(const Rows& x, T* out, bool* none) {
    double* unit = scratch(0, x.p);
    for (i64 i = 0; i < x.n; ++i) {
        i64 from = x.indptr ? x.indptr[i] : i * x.p, count = x.indptr ? x.indptr[i + 1] - from : x.p;
        none[i] = !unit_row(static_cast<const T*>(x.data) + from, count, unit);
        for (i64 t = 0; t < count; ++t) out[from + t] = static_cast<T>(unit[t]);
    }
}

// Rows over their lengths, in the places and the precision of x; and which of them have none.
inline void normalize(const Rows& x, void* out, bool* none) {
    x.single ? normalize_as(x, static_cast<float*>(out), none) : normalize_as(x, static_cast<double*>(out), none);
}

}  // namespace shardlearn::SHARDLEARN_ISA
