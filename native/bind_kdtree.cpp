// Bindings of the k-d tree.
#include "hits.hpp"
#include "points.hpp"

namespace shardlearn {
namespace {

constexpr i64 BRANCHES = 8, LEAF = 32, MOST = i64{1} << 31;

// (boxes, leaves, order) of dense rows.
void plant(const AnyIn& data, i64 p, const Out<double>& boxes, const Out<double>& leaves, const Out<i64>& order) {
    Rows x = dense(data, p);
    if (x.n >= MOST) throw nb::value_error("a tree has less than 2**31 rows.");
    Planted tree = {values(boxes, {kernels().tree_groups(x.n), p, 2, BRANCHES}, "boxes"),
                    values(leaves, {kernels().tree_leaves(x.n), p, LEAF}, "leaves"), values(order, {x.n}, "order"), x.n, p};
    Outside o;
    kernels().plant(x, tree);
}

struct TreeIn {
    const In<double>&boxes, &leaves;
    const In<i64>& ids;
    const In<double>& points;
    int measure;
    double power;
};

struct Asked {
    Planted tree;
    const i64* ids;
    const double* points;
    i64 m;
    Measure measure;
};

Asked asked(const TreeIn& in) {
    const i64* ids = values(in.ids, {-1}, "ids");
    i64 n = static_cast<i64>(in.ids.shape(0)), p = static_cast<i64>(in.points.shape(1));
    const double* boxes = values(in.boxes, {kernels().tree_groups(n), p, 2, BRANCHES}, "boxes");
    const double* leaves = values(in.leaves, {kernels().tree_leaves(n), p, LEAF}, "leaves");
    const double* points = values(in.points, {-1, p}, "points");
    bool whole = in.power >= 1.0 && in.power <= 64.0 && in.power == static_cast<double>(static_cast<int>(in.power));
    bool good = in.measure == SQUARE || in.measure == ABSOLUTE || in.measure == LARGEST || (in.measure == POWER && whole);
    if (!good) throw nb::value_error("a tree takes sums of whole powers of differences, or the largest difference.");
    Planted tree = {const_cast<double*>(boxes), const_cast<double*>(leaves), nullptr, n, p};
    return {tree, ids, points, static_cast<i64>(in.points.shape(0)), static_cast<Measure>(in.measure)};
}

i64 tree_nearest(const In<double>& boxes, const In<double>& leaves, const In<i64>& ids, const In<double>& points,
                 int measure, double power, const Out<double>& keys, const Out<i64>& found) {
    Asked a = asked({boxes, leaves, ids, points, measure, power});
    Found out = {values(keys, {a.m, -1}, "keys"), nullptr, static_cast<i64>(keys.shape(1))};
    out.id = values(found, {a.m, out.k}, "found");
    if (out.k < 1) throw nb::value_error("one neighbour or more is needed.");
    Outside o;
    return kernels().tree_nearest(a.tree, a.ids, a.points, a.m, a.measure, power, out);
}

nb::tuple tree_within(const In<double>& boxes, const In<double>& leaves, const In<i64>& ids, const In<double>& points,
                      int measure, double power, double limit, const std::optional<Out<i64>>& counts) {
    Asked a = asked({boxes, leaves, ids, points, measure, power});
    Hits hits(counts, a.m);
    {
        Outside o;
        kernels().tree_within(a.tree, a.ids, a.points, a.m, a.measure, power, limit, hits.sink());
    }
    return hits.arrays();
}

}  // namespace

void bind_kdtree(nb::module_& m) {
    m.def("tree_leaves", [](i64 n) { return kernels().tree_leaves(n); }, nb::arg("n"));
    m.def("tree_groups", [](i64 n) { return kernels().tree_groups(n); }, nb::arg("n"));
    m.def("plant", plant, SL_ARRAY("data"), nb::arg("n_columns"), SL_ARRAY("boxes"), SL_ARRAY("leaves"), SL_ARRAY("order"));
    m.def("tree_nearest", tree_nearest, SL_ARRAY("boxes"), SL_ARRAY("leaves"), SL_ARRAY("ids"), SL_ARRAY("points"),
          nb::arg("measure"), nb::arg("power"), SL_ARRAY("keys"), SL_ARRAY("found"));
    m.def("tree_within", tree_within, SL_ARRAY("boxes"), SL_ARRAY("leaves"), SL_ARRAY("ids"), SL_ARRAY("points"),
          nb::arg("measure"), nb::arg("power"), nb::arg("limit"), SL_ARRAY("counts").none());
}

}  // namespace shardlearn
