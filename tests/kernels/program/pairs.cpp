// Rows that choose between two points each.
#include "points.hpp"

using namespace program;

namespace {

struct Nodes {  // of rows: one in so many has no pair
    Vec<std::int32_t> node, of;
    InPairs rows;

    Nodes(i64 n, i64 pairs) : node(wholes<std::int32_t>(61, n, 0.0, static_cast<double>(pairs + 1))) {
        of.push_back(-1);
        for (i64 j = 0; j < pairs; ++j) of.push_back(static_cast<std::int32_t>(j));
        rows = {node.data(), of.data(), pairs};
    }
    Nodes(const Nodes&) = delete;
};

}  // namespace

CASE(sides, "everywhere") {
    everywhere(kernels, [&](const Rows& x, const Points& c) {
        Nodes at(x.n, c.k / 2);
        Vec<std::int32_t> side(size(x.n), 7);
        kernels.sides(x, c.values, at.rows, side.data());
        hash.add(side);
    });
}
CASE(pair_sums, "some in no pair, some without weight") {
    for (const Shape& s : {Shape{1, 1, 1}, {300, 17, 5}, {90, 400, 9}})
        for (i64 limbs : {1, 2}) {
            Nodes at(s.n, s.k);
            Vec<std::int32_t> label = wholes<std::int32_t>(62, s.n, 0.0, 2.0), before = wholes<std::int32_t>(63, s.n, -1.0, 2.0);
            Vec<i64> weight = wholes<i64>(64, s.n, 0.0, 9.0);
            Vector factor(size(s.k * s.p), 0x1p38);
            Table2d(s.n, s.p, numbers(65, s.n * s.p)).both([&](const Rows& x) {
                Vec<i64> sums(size(s.k * limbs * 2 * s.p)), weights(size(2 * s.k)), changed(size(s.k));
                kernels.pair_sums(x, at.rows, {label.data(), before.data(), weight.data()}, {factor.data(), 40, limbs},
                                  sums.data(), weights.data(), changed.data());
                hash.add(sums, weights, changed);
            });
        }
}
