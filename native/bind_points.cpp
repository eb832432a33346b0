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

std::tuple<i64, i64> nearest(const AnyIn& data, i64 p, const In<double>& points, const In<double>& pivot, const In<float>& panels,
            const In<double>& norm, const In<double>& half, double scale, const Out<std::int32_t>& labels,
            const std::optional<Out<double>>& squares) {
    Rows x = dense(data, p);
    Points c = points_of({points, pivot, panels, norm, half, scale}, x);
    if (c.k < 1) throw nb::value_error("one point or more is needed.");
    std::int32_t* to = values(labels, {x.n}, "labels");
    double* distances = squares ? values(*squares, {x.n}, "squares") : nullptr;
    Outside o;
    Nearby out = {to, distances, nullptr, nullptr};
    i64 unclear = 0;
    out.unclear = &unclear;
    i64 redone = kernels().nearest(x, c, out);
    return {redone, unclear};
}

void within(const i64* which, i64 count, i64 n) {
    for (i64 i = 0; i < count; ++i)
        if (which[i] < 0 || which[i] >= n) throw nb::value_error("a row is none of the rows.");
}

// Where results go: all of the rows, or some of them.
Nearby bounds_of(const Rows& x, const Maybe<i64>& some, const Out<std::int32_t>& labels, const Out<float>& upper,
                 const Out<float>& lower) {
    Nearby out = {values(labels, {x.n}, "labels"), nullptr, values(upper, {x.n}, "upper"), values(lower, {x.n}, "lower")};
    out.which = values(some, {-1}, "some");
    out.rows = some ? static_cast<i64>(some->shape(0)) : 0;
    within(out.which, out.rows, x.n);
    return out;
}

i64 nearest_bounds(const AnyIn& data, i64 p, const In<double>& points, const In<double>& pivot, const In<float>& panels,
                   const In<double>& norm, const In<double>& half, double scale, const Maybe<i64>& some,
                   const Out<std::int32_t>& labels, const Out<float>& upper, const Out<float>& lower) {
    Rows x = dense(data, p);
    Points c = points_of({points, pivot, panels, norm, half, scale}, x);
    if (c.k < 1) throw nb::value_error("one point or more is needed.");
    Nearby out = bounds_of(x, some, labels, upper, lower);
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

void label_squares(const AnyIn& data, i64 p, const In<double>& points, const In<std::int32_t>& labels, const Out<double>& squares) {
    Rows x = dense(data, p);
    const double* from = values(points, {-1, p}, "points");
    const std::int32_t* of = values(labels, {x.n}, "labels");
    double* to = values(squares, {x.n}, "squares");
    for (i64 i = 0; i < x.n; ++i)
        if (of[i] < 0 || of[i] >= static_cast<i64>(points.shape(0))) throw nb::value_error("a label is none of the points.");
    Outside o;
    kernels().label_squares(x, from, of, to);
}

// Directions, and points in few coordinates, come with pivots and scales of their own.
Points few_points(const In<double>& points, const In<double>& pivot, const In<float>& panels, const In<double>& norm,
                  const In<double>& half, double scale) {
    Rows width = {nullptr, nullptr, nullptr, 0, static_cast<i64>(points.shape(1)), true};
    return points_of({points, pivot, panels, norm, half, scale}, width);
}

void project(const AnyIn& data, i64 p, const In<double>& points, const In<double>& pivot, const In<float>& panels,
             const In<double>& norm, const In<double>& half, double scale, double excess, const Out<float>& out) {
    Rows x = dense(data, p);
    Points v = points_of({points, pivot, panels, norm, half, scale}, x);
    float* to = values(out, {x.n, v.k + 1}, "out");
    Outside o;
    kernels().project(x, v, excess, to);
}

i64 nearest_led(const AnyIn& data, i64 p, const In<double>& points, const In<double>& pivot, const In<float>& panels,
                const In<double>& norm, const In<double>& half, double scale,
                const std::tuple<In<double>, In<double>, In<float>, In<double>, In<double>, double>& few,
                double excess, const In<float>& rows, const In<float>& flat, const Maybe<i64>& some,
                const Out<std::int32_t>& labels, const Out<float>& upper, const Out<float>& lower) {
    Rows x = dense(data, p);
    Points c = points_of({points, pivot, panels, norm, half, scale}, x);
    Leading led = {std::apply(few_points, few), nullptr, nullptr, excess};
    if (led.points.k != c.k || c.k < 2) throw nb::value_error("points in few coordinates are as many as points, two or more.");
    led.rows = values(rows, {x.n, led.points.p}, "rows");
    led.flat = values(flat, {c.k, (p + 63) / 64 * 64}, "flat");
    Nearby out = bounds_of(x, some, labels, upper, lower);
    Outside o;
    return kernels().nearest_led(x, c, led, out);
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
    m.def("nearest_bounds", nearest_bounds, SL_ARRAY("data"), nb::arg("n_columns"), SL_POINTS, SL_ARRAY("some").none(),
          SL_ARRAY("labels"), SL_ARRAY("upper"), SL_ARRAY("lower"));
    m.def("label_squares", label_squares, SL_ARRAY("data"), nb::arg("n_columns"), SL_ARRAY("points"), SL_ARRAY("labels"),
          SL_ARRAY("squares"));
    m.def("project", project, SL_ARRAY("data"), nb::arg("n_columns"), SL_POINTS, nb::arg("excess"), SL_ARRAY("out"));
    m.def("nearest_led", nearest_led, SL_ARRAY("data"), nb::arg("n_columns"), SL_POINTS, nb::arg("few"), nb::arg("excess"), SL_ARRAY("rows"),
          SL_ARRAY("flat"), SL_ARRAY("some").none(), SL_ARRAY("labels"), SL_ARRAY("upper"), SL_ARRAY("lower"));
    m.def("nearer", nearer, SL_ARRAY("data"), nb::arg("n_columns"), SL_POINTS, nb::arg("first"), SL_ARRAY("labels"),
          SL_ARRAY("squares"));
    m.def("nearest_rows", nearest_rows, SL_ARRAY("data"), nb::arg("n_columns"), SL_ARRAY("ids"), SL_POINTS,
          SL_ARRAY("squares"), SL_ARRAY("found"));
}

}  // namespace shardlearn
