// Rows and points in few coordinates, and distances to points that labels name.
#include "points.hpp"

using namespace program;

namespace {

// f(rows, points, directions, points in few coordinates, kind): rows lie near q directions, which are features by turns.
template <class F>
void along(const Table& kernels, F f) {
    for (const Shape& s : {Shape{1, 9, 2}, {60, 70, 5}, {49, 129, 33}, {300, 80, 140}})
        for (i64 q : {1, 8}) {
            Vector rows = times(0.125, numbers(51, s.n * s.p)), points = times(0.125, numbers(52, s.k * s.p)), unit(size(q * s.p));
            Vector few(size(s.k * (q + 1)));
            for (i64 i = 0; i < q; ++i) {
                unit[size(i * s.p + i)] = 1.0;
                for (i64 r = 0; r < s.n; ++r) rows[size(r * s.p + i)] *= 64.0;
                for (i64 j = 0; j < s.k; ++j) points[size(j * s.p + i)] *= 64.0;
            }
            i64 wide = (s.p + 63) / 64 * 64;
            Packed c(kernels, s.k, s.p, points, Vector(size(s.p))), v(kernels, q, s.p, unit, Vector(size(s.p)));
            Vec<float> flat(size(s.k * wide));
            for (i64 j = 0; j < s.k; ++j) {
                double left = 0.0;
                for (i64 t = 0; t < s.p; ++t) {
                    double value = points[size(j * s.p + t)];
                    flat[size(j * wide + t)] = static_cast<float>(value * c.points.scale);
                    if (t < q) few[size(j * (q + 1) + t)] = value;
                    if (t >= q) left += value * value;
                }
                few[size(j * (q + 1) + q)] = 1.001 * __builtin_sqrt(left);
            }
            for (float& x : v.panels) x = static_cast<float>(static_cast<double>(x) / v.points.scale);
            v.points.scale = 1.0;
            Packed short_ones(kernels, s.k, q + 1, few, Vector(size(q + 1)));
            Table2d(s.n, s.p, rows).both([&](const Rows& x) { f(x, c.points, v.points, short_ones.points, flat); });
        }
}

constexpr double EXCESS = 0x1p-10;

Vec<float> coordinates(const Table& kernels, const Rows& x, const Points& v) {
    Vec<float> out(size(x.n * (v.k + 1)));
    kernels.project(x, v, EXCESS, out.data());
    return out;
}

}  // namespace

CASE(project, "near few directions") {
    along(kernels, [&](const Rows& x, const Points&, const Points& v, const Points&, const Vec<float>&) {
        hash.add(coordinates(kernels, x, v));
    });
}
CASE(nearest_led, "labels near few directions") {  // how near others are at least depends on which of them are compared together
    along(kernels, [&](const Rows& x, const Points& c, const Points& v, const Points& few, const Vec<float>& flat) {
        Vec<float> rows = coordinates(kernels, x, v), upper(size(x.n)), lower(upper);
        Vec<std::int32_t> label(size(x.n)), whole(label);
        kernels.nearest_led(x, c, {few, rows.data(), flat.data(), EXCESS}, {label.data(), nullptr, upper.data(), lower.data()});
        kernels.nearest(x, c, {whole.data(), nullptr, nullptr, nullptr});
        hash.add(label, label == whole);
    });
}
CASE(label_squares, "everywhere") {
    everywhere(kernels, [&](const Rows& x, const Points& c) {
        Vec<std::int32_t> label = wholes<std::int32_t>(53, x.n, 0.0, static_cast<double>(c.k));
        Vector square(size(x.n));
        kernels.label_squares(x, c.values, label.data(), square.data());
        hash.add(square);
    });
}
