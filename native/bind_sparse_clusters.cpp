// Bindings of what k-means asks of sparse rows; results go into arrays that the caller made.
#include "arrays.hpp"

namespace shardlearn {
namespace {

constexpr i64 GROUP = 8;

Rows sparse_of(const RowsIn& in) {
    Rows x = rows_of(in);
    if (!x.indptr) throw nb::type_error("sparse X is needed.");
    return x;
}

i64 line_of(i64 line, i64 k) {
    if (k < 1) throw nb::value_error("one point or more is needed.");
    if (line < k || line % GROUP) throw nb::value_error("a line has room for all points, and is a multiple of 8.");
    return line;
}

Across across(const In<double>& points, const In<double>& half, i64 k, i64 p) {
    Across c = {values(points, {p, -1}, "points"), nullptr, k, line_of(static_cast<i64>(points.shape(1)), k)};
    c.half = values(half, {c.line}, "half");
    return c;
}

void nearest_sparse(const AnyIn& data, const Maybe<std::int32_t>& indices, const Maybe<i64>& indptr, i64 p,
                    const In<double>& points, const In<double>& half, i64 k, const Out<std::int32_t>& labels,
                    const std::optional<Out<double>>& squares) {
    Rows x = sparse_of({data, indices, indptr, p});
    Across c = across(points, half, k, p);
    std::int32_t* to = values(labels, {x.n}, "labels");
    double* distances = squares ? values(*squares, {x.n}, "squares") : nullptr;
    Outside o;
    kernels().nearest_sparse(x, c, to, distances);
}

void sparse_squares(const AnyIn& data, const Maybe<std::int32_t>& indices, const Maybe<i64>& indptr, i64 p,
                    const In<double>& points, const In<double>& half, i64 k, const Out<double>& squares) {
    Rows x = sparse_of({data, indices, indptr, p});
    Across c = across(points, half, k, p);
    double* to = values(squares, {x.n, c.k}, "squares");
    Outside o;
    kernels().sparse_squares(x, c, to);
}

void pack_across(const In<double>& points, const Out<double>& lines) {
    const double* from = values(points, {-1, -1}, "points");
    i64 k = static_cast<i64>(points.shape(0)), p = static_cast<i64>(points.shape(1));
    double* to = values(lines, {p, -1}, "lines");
    i64 line = line_of(static_cast<i64>(lines.shape(1)), k);
    Outside o;
    kernels().pack_across(from, k, p, line, to);
}

void halves(const In<double>& lines, i64 k, const Out<double>& half) {
    const double* from = values(lines, {-1, -1}, "lines");
    i64 p = static_cast<i64>(lines.shape(0)), line = line_of(static_cast<i64>(lines.shape(1)), k);
    double* to = values(half, {line}, "half");
    Outside o;
    kernels().halves(from, k, p, line, to);
}

i64 room_of(i64 room) {
    if (room < 1 || room > MOST_ROOM) throw nb::value_error("room must lie in 1..51.");
    return room;
}

std::tuple<i64, i64> moved_cells(const AnyIn& data, const Maybe<std::int32_t>& indices, const Maybe<i64>& indptr, i64 p,
                                 const In<std::int32_t>& label, const Maybe<std::int32_t>& before, const Maybe<i64>& weight,
                                 const In<double>& factor, i64 room, const Out<i64>& weights, const Out<i64>& at,
                                 const Out<i64>& limbs) {
    Rows x = sparse_of({data, indices, indptr, p});
    Moves m = {values(label, {x.n}, "label"), values(before, {x.n}, "before"), values(weight, {x.n}, "weight")};
    i64 k = static_cast<i64>(weights.shape(0)), most = static_cast<i64>(at.shape(0)), needed = 0;
    Fixed fixed = {values(factor, {p}, "factor"), room_of(room), static_cast<i64>(limbs.shape(1))};
    i64* of = values(weights, {k}, "weights");
    Cells out = {values(at, {most}, "at"), values(limbs, {most, -1}, "limbs"), 0};
    i64 changed;
    {
        Outside o;
        within(m.label, x.n, 0, k);
        if (m.before) within(m.before, x.n, -1, k);
        for (i64 i = 0; i < x.n; ++i) {
            i64 from = m.before ? m.before[i] : -1;
            if (m.label[i] != from) needed += (x.indptr[i + 1] - x.indptr[i]) * (1 + (from >= 0));
        }
        if (most < needed) throw nb::value_error("there is too little room for the cells of all rows that move.");
        changed = kernels().moved_cells(x, m, fixed, k, of, out);
    }
    return {out.n, changed};
}

Cells cells_of(const In<i64>& at, const In<i64>& limbs, i64 count) {
    i64 n = static_cast<i64>(at.shape(0));
    auto* from = const_cast<i64*>(values(limbs, {n, count}, "limbs"));
    return {const_cast<i64*>(values(at, {n}, "at")), from, n};
}

i64 join_cells(const In<i64>& at, const In<i64>& limbs, const In<i64>& other_at, const In<i64>& other_limbs, const Out<i64>& out_at,
               const Out<i64>& out_limbs) {
    i64 count = static_cast<i64>(limbs.shape(1));
    Cells a = cells_of(at, limbs, count), b = cells_of(other_at, other_limbs, count);
    Cells out = {values(out_at, {a.n + b.n}, "out_at"), values(out_limbs, {a.n + b.n, count}, "out_limbs"), 0};
    Outside o;
    return kernels().join_cells(a, b, count, out);
}

void add_cells(const In<i64>& at, const In<i64>& limbs, i64 k, const Out<i64>& sums) {
    i64 count = static_cast<i64>(limbs.shape(1)), p = static_cast<i64>(sums.shape(1));
    i64 line = line_of(static_cast<i64>(sums.shape(2)), k);
    i64* to = values(sums, {count, p, line}, "sums");
    Cells cells = cells_of(at, limbs, count);
    if (cells.n && (cells.at[0] < 0 || cells.at[cells.n - 1] >= p * k)) throw nb::value_error("a cell is none of the table.");
    Outside o;
    kernels().add_cells(cells, k, p, line, count, to);
}

void line_means(const In<i64>& sums, const In<i64>& weights, const In<double>& before, const In<double>& factor, i64 room,
                i64 bits, const Out<double>& lines, const Out<double>& squares) {
    i64 k = static_cast<i64>(weights.shape(1)), p = static_cast<i64>(before.shape(0));
    i64 line = line_of(static_cast<i64>(before.shape(1)), k);
    const i64* from = values(sums, {-1, -1, p, line}, "sums");
    Fixed fixed = layered(values(factor, {p}, "factor"), room, static_cast<i64>(sums.shape(1)), static_cast<i64>(sums.shape(0)), bits);
    Means means = {values(weights, {fixed.layers, k}, "weights"), values(before, {p, line}, "before"), fixed, k, p, line};
    double *to = values(lines, {p, line}, "lines"), *far = values(squares, {k}, "squares");
    Outside o;
    kernels().line_means(from, means, to, far);
}

void unit_lines(const In<i64>& weights, const In<double>& before, const Out<double>& lines, const Out<double>& squares) {
    i64 k = static_cast<i64>(weights.shape(0)), p = static_cast<i64>(before.shape(0));
    i64 line = line_of(static_cast<i64>(before.shape(1)), k);
    Means means = {values(weights, {k}, "weights"), values(before, {p, line}, "before"), {nullptr, 1, 1}, k, p, line};
    double *to = values(lines, {p, line}, "lines"), *far = values(squares, {k}, "squares");
    Outside o;
    kernels().unit_lines(means, to, far);
}

}  // namespace

#define SL_ROWS nb::arg("data").noconvert(), nb::arg("indices").none(), nb::arg("indptr").none(), nb::arg("n_columns")
#define SL_ARRAY(name) nb::arg(name).noconvert()

void bind_sparse_clusters(nb::module_& m) {
    m.def("nearest_sparse", nearest_sparse, SL_ROWS, SL_ARRAY("points"), SL_ARRAY("half"), nb::arg("k"), SL_ARRAY("labels"),
          SL_ARRAY("squares").none());
    m.def("sparse_squares", sparse_squares, SL_ROWS, SL_ARRAY("points"), SL_ARRAY("half"), nb::arg("k"), SL_ARRAY("squares"));
    m.def("pack_across", pack_across, SL_ARRAY("points"), SL_ARRAY("lines"));
    m.def("halves", halves, SL_ARRAY("lines"), nb::arg("k"), SL_ARRAY("half"));
    m.def("moved_cells", moved_cells, SL_ROWS, SL_ARRAY("label"), SL_ARRAY("before").none(), SL_ARRAY("weight").none(),
          SL_ARRAY("factor"), nb::arg("room"), SL_ARRAY("weights"), SL_ARRAY("at"), SL_ARRAY("limbs"));
    m.def("join_cells", join_cells, SL_ARRAY("at"), SL_ARRAY("limbs"), SL_ARRAY("other_at"), SL_ARRAY("other_limbs"),
          SL_ARRAY("out_at"), SL_ARRAY("out_limbs"));
    m.def("add_cells", add_cells, SL_ARRAY("at"), SL_ARRAY("limbs"), nb::arg("k"), SL_ARRAY("sums"));
    m.def("line_means", line_means, SL_ARRAY("sums"), SL_ARRAY("weights"), SL_ARRAY("before"), SL_ARRAY("factor"), nb::arg("room"),
          nb::arg("bits"), SL_ARRAY("lines"), SL_ARRAY("squares"));
    m.def("unit_lines", unit_lines, SL_ARRAY("weights"), SL_ARRAY("before"), SL_ARRAY("lines"), SL_ARRAY("squares"));
}

}  // namespace shardlearn
