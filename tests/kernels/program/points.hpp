// Dense rows beside points, for the cases of more than one file.
#pragma once
#include <algorithm>
#include <tuple>

#include "program.hpp"

namespace program {

inline constexpr i64 LAST = std::numeric_limits<i64>::max();

struct Packed {  // points as rows are compared with them
    Vector values, pivot, norm, half;
    Vec<float> panels;
    Points points;

    Packed(const Table& kernels, i64 k, i64 p, Vector c, Vector middle)
        : values(std::move(c)), pivot(std::move(middle)), norm(size(k)), half(size(k)), panels(size(kernels.panel_floats(k, p))) {
        double scale = kernels.pack_points(values.data(), pivot.data(), k, p, panels.data(), norm.data(), half.data());
        points = {panels.data(), values.data(), norm.data(), half.data(), pivot.data(), scale, k, p};
    }
    Packed(const Packed&) = delete;
};

struct Shape {
    i64 n, p, k;
};
inline const Shape SHAPES[] = {{1, 1, 1}, {23, 2, 4}, {49, 3, 7}, {97, 16, 9}, {301, 17, 65}, {60, 129, 33}, {100, 784, 140}};

// f(rows, points, their kind) for rows of several shapes: spread, with ties, far from zero, twice each, large and small.
template <class F>
void everywhere(const Table& kernels, F f) {
    for (const Shape& s : SHAPES) {
        i64 n = s.n * s.p, m = s.k * s.p;
        Vector zeros(size(s.p)), repeated = numbers(21, n), mixed = numbers(21, n);
        for (i64 i = 0; i < n; ++i) repeated[size(i)] = repeated[size(i % (s.p * ((s.n + 1) / 2)))];
        for (i64 i = 0; i < n; ++i) mixed[size(i)] *= i / s.p % 5 == 3 ? 1e200 : i / s.p % 5 == 4 ? 1e-200 : 1.0;
        struct Given {
            Vector rows, points, pivot;
        };
        const Given all[] = {
            {numbers(21, n), numbers(22, m), numbers(23, s.p)},
            {grid(21, n), grid(22, m), zeros},
            {plus(1e6, numbers(21, n)), plus(1e6, numbers(22, m)), zeros},
            {plus(1e6, grid(21, n)), plus(1e6, numbers(22, m)), Vector(size(s.p), 1e6)},
            {repeated, numbers(22, m), zeros},
            {mixed, numbers(22, m), zeros},
            {times(1e-310, numbers(21, n)), times(1e-310, numbers(22, m)), zeros},
            {times(1e300, numbers(21, n)), times(1e300, numbers(22, m)), zeros},
            {times(0x1p-140, numbers(21, n)), times(0x1p-140, numbers(22, m)), zeros},
        };
        for (const Given& one : all) {
            if (n * s.k > 1000000 && &one - all > 1) break;
            Packed packed(kernels, s.k, s.p, one.points, one.pivot);
            Table2d(s.n, s.p, one.rows).both([&](const Rows& x) { f(x, packed.points); });
        }
    }
}

struct Lists {
    Vector key;
    Vec<i64> id;
    Found found;
    Lists(i64 m, i64 k) : key(size(m * k), __builtin_inf()), id(size(m * k), LAST), found{key.data(), id.data(), k} {}
    Lists(const Lists&) = delete;
};
inline Vec<i64> ids_from(i64 first, i64 n) {
    Vec<i64> out;
    for (i64 i = 0; i < n; ++i) out.push_back(first + i);
    return out;
}

// Pairs that a search for all rows within a limit takes, which come in any order.
struct Pairs {
    Vec<std::tuple<i64, double, i64>> all;
    Sink sink{&all, [](void* to, i64 point, double key, i64 id) {
                  static_cast<Vec<std::tuple<i64, double, i64>>*>(to)->emplace_back(point, key, id);
              }};

    Pairs() = default;
    Pairs(const Pairs&) = delete;
    void add_to(Hash& hash) {
        std::sort(all.begin(), all.end());
        for (const auto& [point, key, id] : all) hash.add(point, key, id);
        hash.add(static_cast<i64>(all.size()));
    }
};

}  // namespace program
