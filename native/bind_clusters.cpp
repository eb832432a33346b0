// Bindings of what k-means asks of rows; results go into arrays that the caller made.
#include "arrays.hpp"

namespace shardlearn {
namespace {

i64 cluster_sums(const AnyIn& data, const Maybe<std::int32_t>& indices, const Maybe<i64>& indptr, i64 p,
                 const In<std::int32_t>& label, const Maybe<std::int32_t>& before, const Maybe<i64>& weight,
                 const In<double>& factor, i64 room, const Out<i64>& sums, const Out<i64>& weights) {
    Rows x = rows_of({data, indices, indptr, p});
    Moves moves = {values(label, {x.n}, "label"), values(before, {x.n}, "before"), values(weight, {x.n}, "weight")};
    i64 *sum = values(sums, {-1, -1, p}, "sums"), k = static_cast<i64>(sums.shape(1));
    Fixed fixed = {values(factor, {p}, "factor"), room, static_cast<i64>(sums.shape(0))};
    i64* of = values(weights, {k}, "weights");
    if (room < 1 || room > MOST_ROOM) throw nb::value_error("room must lie in 1..51.");
    Outside o;
    within(moves.label, x.n, 0, k);
    if (moves.before) within(moves.before, x.n, -1, k);
    return kernels().cluster_sums(x, moves, fixed, k, sum, of);
}

InPairs pairs_of(const Rows& x, const In<std::int32_t>& node, const In<std::int32_t>& pair, i64 pairs) {
    InPairs out = {values(node, {x.n}, "node"), values(pair, {-1}, "pair"), pairs};
    i64 nodes = static_cast<i64>(pair.shape(0));
    within(out.node, x.n, 0, nodes), within(out.of, nodes, -1, pairs);
    return out;
}

void sides(const AnyIn& data, i64 p, const In<double>& points, const In<std::int32_t>& node, const In<std::int32_t>& pair,
           const Out<std::int32_t>& side) {
    Maybe<std::int32_t> no_indices;
    Maybe<i64> no_indptr;
    Rows x = rows_of({data, no_indices, no_indptr, p});
    const double* from = values(points, {-1, 2, p}, "points");
    InPairs which = pairs_of(x, node, pair, static_cast<i64>(points.shape(0)));
    std::int32_t* to = values(side, {x.n}, "side");
    Outside o;
    kernels().sides(x, from, which, to);
}

void pair_sums(const AnyIn& data, i64 p, const In<std::int32_t>& node, const In<std::int32_t>& pair,
               const In<std::int32_t>& label, const In<std::int32_t>& before, const Maybe<i64>& weight,
               const In<double>& factor, i64 room, const Out<i64>& sums, const Out<i64>& weights, const Out<i64>& changed) {
    Maybe<std::int32_t> no_indices;
    Maybe<i64> no_indptr;
    Rows x = rows_of({data, no_indices, no_indptr, p});
    Moves moves = {values(label, {x.n}, "label"), values(before, {x.n}, "before"), values(weight, {x.n}, "weight")};
    i64 pairs = static_cast<i64>(factor.shape(0)), *sum = values(sums, {pairs, -1, 2, p}, "sums");
    Fixed fixed = {values(factor, {-1, p}, "factor"), room, static_cast<i64>(sums.shape(1))};
    i64 *of = values(weights, {pairs, 2}, "weights"), *moved = values(changed, {pairs}, "changed");
    if (room < 1 || room > MOST_ROOM) throw nb::value_error("room must lie in 1..51.");
    InPairs which = pairs_of(x, node, pair, pairs);
    for (i64 i = 0; i < x.n; ++i)  // of other rows they may be anything
        if (which.of[which.node[i]] >= 0) within(moves.label + i, 1, 0, 2), within(moves.before + i, 1, -1, 2);
    Outside o;
    kernels().pair_sums(x, which, moves, fixed, sum, of, moved);
}

void cluster_means(const In<i64>& sums, const In<i64>& weights, const In<double>& factor, i64 room, i64 bits,
                   const Out<double>& centers) {
    const i64* sum = values(sums, {-1, -1, -1, -1}, "sums");
    i64 k = static_cast<i64>(sums.shape(2)), p = static_cast<i64>(sums.shape(3));
    Fixed fixed = layered(values(factor, {p}, "factor"), room, static_cast<i64>(sums.shape(1)), static_cast<i64>(sums.shape(0)), bits);
    const i64* of = values(weights, {fixed.layers, k}, "weights");
    double* to = values(centers, {k, p}, "centers");
    Outside o;
    kernels().cluster_means(sum, of, fixed, k, p, to);
}

// What the driver chooses centres from.
Spread weighted(const In<double>& points, const In<double>& mass, const In<double>& draws) {
    Spread s = {values(points, {-1, -1}, "points"), nullptr, values(draws, {-1, -1}, "draws"), 0, 0, 0, 0};
    s.m = static_cast<i64>(points.shape(0)), s.p = static_cast<i64>(points.shape(1));
    s.k = static_cast<i64>(draws.shape(0)), s.trials = static_cast<i64>(draws.shape(1));
    s.mass = values(mass, {s.m}, "mass");
    return s;
}

void point_squares(const In<double>& points, const Out<double>& squares) {
    Spread s = {values(points, {-1, -1}, "points"), nullptr, nullptr, 0, 0, 0, 0};
    s.m = static_cast<i64>(points.shape(0)), s.p = static_cast<i64>(points.shape(1));
    double* to = values(squares, {s.m, s.m}, "squares");
    Outside o;
    kernels().point_squares(s, to);
}

void spread(const In<double>& points, const In<double>& mass, const In<double>& draws, const Maybe<double>& squares,
            const Out<i64>& chosen) {
    Spread s = weighted(points, mass, draws);
    const double* known = values(squares, {s.m, s.m}, "squares");
    i64* to = values(chosen, {s.k}, "chosen");
    if (s.m < 1 || s.trials < 1) throw nb::value_error("one point and one trial or more are needed.");
    Outside o;
    kernels().spread(s, known, to);
}

i64 loosen(const In<std::int32_t>& labels, const In<float>& moved, float most, float next, const Out<float>& upper,
           const Out<float>& lower, const Out<i64>& doubtful) {
    i64 n = static_cast<i64>(labels.shape(0));
    Loosened bounds = {values(labels, {n}, "labels"), values(moved, {-1}, "moved"), most, next,
                       values(upper, {n}, "upper"), values(lower, {n}, "lower")};
    i64 *to = values(doubtful, {n}, "doubtful"), k = static_cast<i64>(moved.shape(0));
    Outside o;
    within(bounds.labels, n, 0, k);
    return kernels().loosen(bounds, n, to);
}

std::tuple<double, double> double_sum(const In<double>& terms, const Maybe<double>& weight) {
    const double* from = values(terms, {-1}, "values");
    i64 n = static_cast<i64>(terms.shape(0));
    const double* by = values(weight, {n}, "weight");
    double high, low;
    {
        Outside o;
        kernels().double_sum(from, by, n, &high, &low);
    }
    return {high, low};
}

void dense_squares(const AnyIn& data, i64 p, const In<double>& points, const Out<double>& squares) {
    Maybe<std::int32_t> no_indices;
    Maybe<i64> no_indptr;
    Rows x = rows_of({data, no_indices, no_indptr, p});
    const double* from = values(points, {-1, p}, "points");
    i64 k = static_cast<i64>(points.shape(0));
    double* to = values(squares, {x.n, k}, "squares");
    Outside o;
    kernels().dense_squares(x, from, k, to);
}

}  // namespace

#define SL_ROWS nb::arg("data").noconvert(), nb::arg("indices").none(), nb::arg("indptr").none(), nb::arg("n_columns")
#define SL_ARRAY(name) nb::arg(name).noconvert()

void bind_clusters(nb::module_& m) {
    m.def("cluster_sums", cluster_sums, SL_ROWS, SL_ARRAY("label"), SL_ARRAY("before").none(), SL_ARRAY("weight").none(),
          SL_ARRAY("factor"), nb::arg("room"), SL_ARRAY("sums"), SL_ARRAY("weights"));
    m.def("sides", sides, SL_ARRAY("data"), nb::arg("n_columns"), SL_ARRAY("points"), SL_ARRAY("node"), SL_ARRAY("pair"),
          SL_ARRAY("side"));
    m.def("pair_sums", pair_sums, SL_ARRAY("data"), nb::arg("n_columns"), SL_ARRAY("node"), SL_ARRAY("pair"),
          SL_ARRAY("label"), SL_ARRAY("before"), SL_ARRAY("weight").none(), SL_ARRAY("factor"), nb::arg("room"), SL_ARRAY("sums"),
          SL_ARRAY("weights"), SL_ARRAY("changed"));
    m.def("loosen", loosen, SL_ARRAY("labels"), SL_ARRAY("moved"), nb::arg("most"), nb::arg("next"), SL_ARRAY("upper"),
          SL_ARRAY("lower"), SL_ARRAY("doubtful"));
    m.def("cluster_means", cluster_means, SL_ARRAY("sums"), SL_ARRAY("weights"), SL_ARRAY("factor"), nb::arg("room"),
          nb::arg("bits"), SL_ARRAY("centers"));
    m.def("point_squares", point_squares, SL_ARRAY("points"), SL_ARRAY("squares"));
    m.def("spread", spread, SL_ARRAY("points"), SL_ARRAY("mass"), SL_ARRAY("draws"), SL_ARRAY("squares").none(),
          SL_ARRAY("chosen"));
    m.def("double_sum", double_sum, SL_ARRAY("values"), SL_ARRAY("weight").none());
    m.def("dense_squares", dense_squares, SL_ARRAY("data"), nb::arg("n_columns"), SL_ARRAY("points"), SL_ARRAY("squares"));
}

}  // namespace shardlearn
