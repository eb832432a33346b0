// Bindings of searches for all rows within a limit, and of searches among sparse rows.
#include <algorithm>
#include <numeric>

#include "hits.hpp"
#include "points.hpp"

namespace shardlearn {
namespace {

using Counts = std::optional<Out<i64>>;

Measure measure_of(int measure) {
    if (measure < 0 || measure >= MEASURES) throw nb::value_error("no such measure.");
    return static_cast<Measure>(measure);
}

nb::tuple rows_within(const AnyIn& data, i64 p, const In<i64>& ids, const In<double>& points, const In<double>& pivot,
                      const In<float>& panels, const In<double>& norm, const In<double>& half, double scale,
                      double limit, const Counts& counts) {
    Rows x = dense(data, p);
    Points c = points_of({points, pivot, panels, norm, half, scale}, x);
    const i64* names = values(ids, {x.n}, "ids");
    Hits hits(counts, c.k);
    {
        Outside o;
        kernels().rows_within(x, names, c, limit, hits.sink());
    }
    return hits.arrays();
}

nb::tuple within_by(const AnyIn& data, i64 p, const In<i64>& ids, const In<double>& points, int measure, double power,
                    double limit, const Counts& counts) {
    Rows x = dense(data, p);
    const double* c = values(points, {-1, p}, "points");
    i64 m = static_cast<i64>(points.shape(0));
    const i64* names = values(ids, {x.n}, "ids");
    Measure by = measure_of(measure);
    Hits hits(counts, m);
    {
        Outside o;
        kernels().within_by(x, names, c, m, by, power, limit, hits.sink());
    }
    return hits.arrays();
}

struct Sparse {  // rows, and points as sparse rows in float64
    Rows x;
    SparsePoints c;
};

Sparse sparse(const RowsIn& rows, const RowsIn& points) {
    Rows x = rows_of(rows), c = rows_of(points);
    if (!x.indptr || !c.indptr || c.single) throw nb::type_error("sparse rows, and sparse points in float64, are needed.");
    return {x, {static_cast<const double*>(c.data), c.indices, c.indptr, c.n, c.p}};
}

void sparse_nearest(const AnyIn& data, const In<std::int32_t>& indices, const In<i64>& indptr, i64 p, const In<i64>& ids,
                    const AnyIn& values_, const In<std::int32_t>& columns, const In<i64>& starts, int measure,
                    const Out<double>& keys, const Out<i64>& found) {
    Maybe<std::int32_t> indices_(indices), columns_(columns);
    Maybe<i64> indptr_(indptr), starts_(starts);
    Sparse in = sparse({data, indices_, indptr_, p}, {values_, columns_, starts_, p});
    const i64* names = values(ids, {in.x.n}, "ids");
    Found out = {values(keys, {in.c.m, -1}, "keys"), nullptr, static_cast<i64>(keys.shape(1))};
    out.id = values(found, {in.c.m, out.k}, "found");
    if (out.k < 1) throw nb::value_error("one neighbour or more is needed.");
    Measure by = measure_of(measure);
    Outside o;
    kernels().sparse_nearest(in.x, names, in.c, by, out);
}

nb::tuple sparse_within(const AnyIn& data, const In<std::int32_t>& indices, const In<i64>& indptr, i64 p,
                        const In<i64>& ids, const AnyIn& values_, const In<std::int32_t>& columns,
                        const In<i64>& starts, int measure, double limit, const Counts& counts) {
    Maybe<std::int32_t> indices_(indices), columns_(columns);
    Maybe<i64> indptr_(indptr), starts_(starts);
    Sparse in = sparse({data, indices_, indptr_, p}, {values_, columns_, starts_, p});
    const i64* names = values(ids, {in.x.n}, "ids");
    Measure by = measure_of(measure);
    Hits hits(counts, in.c.m);
    {
        Outside o;
        kernels().sparse_within(in.x, names, in.c, by, limit, hits.sink());
    }
    return hits.arrays();
}

void unit_values(const AnyIn& data, const In<std::int32_t>& indices, const In<i64>& indptr, i64 p, const Out<double>& out) {
    Maybe<std::int32_t> indices_(indices);
    Maybe<i64> indptr_(indptr);
    Rows x = rows_of({data, indices_, indptr_, p});
    double* to = values(out, {x.indptr[x.n] - x.indptr[0]}, "out");
    Outside o;
    kernels().unit_values(x, to);
}

// Where the pairs of each point are among pairs that are put in order: by point, then by key, then by id.
void sorted_lists(const In<std::int32_t>& points, const In<double>& keys, const In<i64>& ids, const Out<i64>& starts,
                  const Out<i64>& order) {
    const std::int32_t* point = values(points, {-1}, "points");
    i64 n = static_cast<i64>(points.shape(0)), m = static_cast<i64>(starts.shape(0)) - 1;
    const double* key = values(keys, {n}, "keys");
    const i64* id = values(ids, {n}, "ids");
    i64 *start = values(starts, {-1}, "starts"), *out = values(order, {n}, "order");
    for (i64 i = 0; i < n; ++i)
        if (point[i] < 0 || point[i] >= m) throw nb::value_error("a point is out of range.");
    Outside o;
    std::fill(start, start + m + 1, 0);
    for (i64 i = 0; i < n; ++i) ++start[point[i] + 1];
    std::partial_sum(start, start + m + 1, start);
    for (i64 i = 0; i < n; ++i) out[start[point[i]]++] = i;
    for (i64 j = m; j > 0; --j) start[j] = start[j - 1];
    start[0] = 0;
    for (i64 j = 0; j < m; ++j)
        std::sort(out + start[j], out + start[j + 1],
                  [&](i64 a, i64 b) { return key[a] < key[b] || (key[a] == key[b] && id[a] < id[b]); });
}

}  // namespace

#define SL_SPARSE SL_ARRAY("data"), SL_ARRAY("indices"), SL_ARRAY("indptr"), nb::arg("n_columns")

void bind_within(nb::module_& m) {
    m.def("rows_within", rows_within, SL_ARRAY("data"), nb::arg("n_columns"), SL_ARRAY("ids"), SL_POINTS, nb::arg("limit"),
          SL_ARRAY("counts").none());
    m.def("within_by", within_by, SL_ARRAY("data"), nb::arg("n_columns"), SL_ARRAY("ids"), SL_ARRAY("points"),
          nb::arg("measure"), nb::arg("power"), nb::arg("limit"), SL_ARRAY("counts").none());
    m.def("sparse_nearest", sparse_nearest, SL_SPARSE, SL_ARRAY("ids"), SL_ARRAY("values"), SL_ARRAY("columns"),
          SL_ARRAY("starts"), nb::arg("measure"), SL_ARRAY("keys"), SL_ARRAY("found"));
    m.def("sparse_within", sparse_within, SL_SPARSE, SL_ARRAY("ids"), SL_ARRAY("values"), SL_ARRAY("columns"),
          SL_ARRAY("starts"), nb::arg("measure"), nb::arg("limit"), SL_ARRAY("counts").none());
    m.def("unit_values", unit_values, SL_SPARSE, SL_ARRAY("out"));
    m.def("sorted_lists", sorted_lists, SL_ARRAY("points"), SL_ARRAY("keys"), SL_ARRAY("ids"), SL_ARRAY("starts"),
          SL_ARRAY("order"));
}

}  // namespace shardlearn
