// A k-d tree, and the searches in it.
#include "points.hpp"

using namespace program;

namespace {

struct Grown {  // a tree
    Vector boxes, values;
    Vec<i64> order;
    Planted tree;

    Grown(const Table& kernels, const Rows& x)
        : boxes(size(kernels.tree_groups(x.n) * x.p * 16)), values(size(kernels.tree_leaves(x.n) * x.p * 32)), order(size(x.n)),
          tree{boxes.data(), values.data(), order.data(), x.n, x.p} {
        kernels.plant(x, tree);
    }
    Grown(const Grown&) = delete;
};
// f(tree, points, how many)
template <class F>
void grown(const Table& kernels, F f) {
    for (const Shape& s : {Shape{1, 1, 1}, {32, 2, 4}, {33, 3, 7}, {700, 2, 20}, {5000, 3, 30}, {301, 17, 9}})
        for (const Vector& values : {numbers(61, s.n * s.p), grid(61, s.n * s.p), times(1e-310, numbers(61, s.n * s.p)),
                                     times(1e300, numbers(61, s.n * s.p))})
            for (bool single : {false, true}) {
                Table2d table(s.n, s.p, values);
                Vector points = numbers(62, s.k * s.p);
                f(Grown(kernels, table.rows(single)), points, s.k);
            }
}
template <class F>
void measured(F f) {
    f(SQUARE, 2.0), f(ABSOLUTE, 1.0), f(LARGEST, 1.0), f(POWER, 3.0);
}

}  // namespace

CASE(tree_leaves, "counts") {
    for (i64 n = 0; n < 3000; n += 7) hash.add(kernels.tree_leaves(n));
}
CASE(tree_groups, "counts") {
    for (i64 n = 0; n < 3000; n += 7) hash.add(kernels.tree_groups(n));
}
CASE(plant, "numbers, ties, large and small") {
    grown(kernels, [&](const Grown& one, const Vector&, i64) { hash.add(one.boxes, one.values, one.order); });
}
CASE(tree_nearest, "numbers, ties, large and small") {
    grown(kernels, [&](const Grown& one, const Vector& points, i64 m) {
        measured([&](Measure measure, double power) {
            for (i64 k : {1, 10, 50}) {
                Lists lists(m, k);
                kernels.tree_nearest(one.tree, one.order.data(), points.data(), m, measure, power, lists.found);
                hash.add(lists.key, lists.id);
            }
        });
    });
}
CASE(tree_within, "numbers, ties, large and small") {
    grown(kernels, [&](const Grown& one, const Vector& points, i64 m) {
        measured([&](Measure measure, double power) {
            for (double limit : {0.0, 0.5, 3.0}) {
                Pairs pairs;
                kernels.tree_within(one.tree, one.order.data(), points.data(), m, measure, power, limit, pairs.sink);
                pairs.add_to(hash);
            }
        });
    });
}
