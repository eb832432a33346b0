// Bindings of comparisons of rows with points; results go into arrays that the caller made.
#include "points.hpp"

namespace shardlearn {
namespace {

double pack_points(const In<double>& points, const In<double>& pivot, const Out<float>& panels,
                   const Out<double>& norm, const Out<double>& half) {
    const double* from = values(points, {-1, -1}, "points");
    i64 k = static_cast<i64>(points.shape(0)), p = static_cast<i64>(points.shape(1));
    const double* middle = values(pivot, {p}, "pivot");
    float* to = values(panels, {kernels().panel_floats(k, p)}, "panels");
    double *sizes = values(norm, {k}, "norm"), *halves = values(half, {k}, "half");
    Outside o;
    return kernels().pack_points(from, middle, k, p, to, sizes, halves);
}

i64 nearest(const AnyIn& data, i64 p, const In<double>& points, const In<double>& pivot, const In<float>& panels,
            const In<double>& norm, const In<double>& half, double scale, const Out<std::int32_t>& labels,
            const std::optional<Out<double>>& squares) {
    Rows x = dense(data, p);
    Points c = points_of({points, pivot, panels, norm, half, scale}, x);
    if (c.k < 1) throw nb::value_error("one point or more is needed.");
    std::int32_t* to = values(labels, {x.n}, "labels");
    double* distances = squares ? values(*squares, {x.n}, "squares") : nullptr;
    Outside o;
    return kernels().nearest(x, c, {to, distances, nullptr, nullptr});
}

i64 nearest_bounds(const AnyIn& data, i64 p, const In<double>& points, const In<double>& pivot, const In<float>& panels,
                   const In<double>& norm, const In<double>& half, double scale, const Out<std::int32_t>& labels,
                   const Out<float>& upper, const Out<float>& lower) {
    Rows x = dense(data, p);
    Points c = points_of({points, pivot, panels, norm, half, scale}, x);
    if (c.k < 1) throw nb::value_error("one point or more is needed.");
    Nearby out = {values(labels, {x.n}, "labels"), nullptr, values(upper, {x.n}, "upper"), values(lower, {x.n}, "lower")};
    Outside o;
    return kernels().nearest(x, c, out);
}

void nearer(const AnyIn& data, i64 p, const In<double>& points, const In<double>& pivot, const In<float>& panels,
            const In<double>& norm, const In<double>& half, double scale, std::int32_t first, const Out<std::int32_t>& labels,
            const Out<double>& squares) {
    Rows x = dense(data, p);
    Points c = points_of({points, pivot, panels, norm, half, scale}, x);
    if (c.k < 1) throw nb::value_error("one point or more is needed.");
    Nearer out = {values(labels, {x.n}, "labels"), values(squares, {x.n}, "squares"), first};
    Outside o;
    kernels().nearer(x, c, out);
}

void nearest_rows(const AnyIn& data, i64 p, const In<i64>& ids, const In<double>& points, const In<double>& pivot,
                  const In<float>& panels, const In<double>& norm, const In<double>& half, double scale,
                  const Out<double>& squares, const Out<i64>& found) {
    Rows x = dense(data, p);
    Points c = points_of({points, pivot, panels, norm, half, scale}, x);
    const i64* names = values(ids, {x.n}, "ids");
    Found out = {values(squares, {c.k, -1}, "squares"), nullptr, static_cast<i64>(squares.shape(1))};
    out.id = values(found, {c.k, out.k}, "found");
    if (out.k < 1) throw nb::value_error("one neighbour or more is needed.");
    Outside o;
    kernels().nearest_rows(x, names, c, out);
}

}  // namespace

void bind_points(nb::module_& m) {
    m.def("panel_floats", [](i64 k, i64 p) { return kernels().panel_floats(k, p); }, nb::arg("k"), nb::arg("p"));
    m.def("pack_points", pack_points, SL_ARRAY("points"), SL_ARRAY("pivot"), SL_ARRAY("panels"), SL_ARRAY("norm"),
          SL_ARRAY("half"));
    m.def("nearest", nearest, SL_ARRAY("data"), nb::arg("n_columns"), SL_POINTS, SL_ARRAY("labels"),
          SL_ARRAY("squares").none());
    m.def("nearest_bounds", nearest_bounds, SL_ARRAY("data"), nb::arg("n_columns"), SL_POINTS, SL_ARRAY("labels"),
          SL_ARRAY("upper"), SL_ARRAY("lower"));
    m.def("nearer", nearer, SL_ARRAY("data"), nb::arg("n_columns"), SL_POINTS, nb::arg("first"), SL_ARRAY("labels"),
          SL_ARRAY("squares"));
    m.def("nearest_rows", nearest_rows, SL_ARRAY("data"), nb::arg("n_columns"), SL_ARRAY("ids"), SL_POINTS,
          SL_ARRAY("squares"), SL_ARRAY("found"));
}

}  // namespace shardlearn
