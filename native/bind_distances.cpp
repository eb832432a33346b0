// Bindings of distances other than squared ones, and of joining what was found among some rows with what was among others.
#include "points.hpp"

namespace shardlearn {
namespace {

void nearest_by(const AnyIn& data, i64 p, const In<i64>& ids, const In<double>& points, int measure, double power,
                const Out<double>& keys, const Out<i64>& found) {
    Rows x = dense(data, p);
    const double* c = values(points, {-1, p}, "points");
    i64 m = static_cast<i64>(points.shape(0));
    const i64* names = values(ids, {x.n}, "ids");
    Found out = {values(keys, {m, -1}, "keys"), nullptr, static_cast<i64>(keys.shape(1))};
    out.id = values(found, {m, out.k}, "found");
    if (out.k < 1) throw nb::value_error("one neighbour or more is needed.");
    if (measure < 0 || measure >= MEASURES) throw nb::value_error("no such measure.");
    Outside o;
    kernels().nearest_by(x, names, c, m, static_cast<Measure>(measure), power, out);
}

void unit_rows(const AnyIn& data, i64 p, int side, const Out<double>& out) {
    Rows x = dense(data, p);
    double* to = values(out, {x.n, p + 2}, "out");
    if (side != 0 && side != 1) throw nb::value_error("side is 0 or 1.");
    Outside o;
    kernels().unit_rows(x, side, to);
}

void normalize(const AnyIn& data, const Maybe<std::int32_t>& indices, const Maybe<i64>& indptr, i64 p,
               const nb::ndarray<nb::c_contig, nb::device::cpu>& out, const Out<bool>& none) {
    Rows x = rows_of({data, indices, indptr, p});
    bool* to = values(none, {x.n}, "none");
    if (out.dtype() != data.dtype() || out.size() != data.size()) throw nb::value_error("out is unlike X.");
    Outside o;
    kernels().normalize(x, out.data(), to);
}

// Two ascending lists of each point as one, in the place of the first; `origin` says where each entry stood: below k in the first.
void join_nearest(const Out<double>& keys, const Out<i64>& found, const In<double>& other, const In<i64>& others,
                  const Out<std::int32_t>& origins) {
    i64 m = static_cast<i64>(keys.shape(0)), k = static_cast<i64>(keys.shape(1));
    double* key = values(keys, {m, k}, "keys");
    i64* id = values(found, {m, k}, "found");
    const double* key2 = values(other, {m, k}, "other");
    const i64* id2 = values(others, {m, k}, "others");
    std::int32_t* origin = values(origins, {m, k}, "origin");
    Outside o;
    for (i64 i = 0; i < m; ++i, key += k, id += k, key2 += k, id2 += k, origin += k) {
        i64 a = 0, b = 0;
        for (i64 j = 0; j < k; ++j) {
            bool second = key2[b] < key[a] || (key2[b] == key[a] && id2[b] < id[a]);
            origin[j] = static_cast<std::int32_t>(second ? k + b++ : a++);
        }
        for (i64 j = k - 1; j >= 0; --j) {  // what comes from the first list moves to the right only
            i64 at = origin[j];
            key[j] = at < k ? key[at] : key2[at - k];
            id[j] = at < k ? id[at] : id2[at - k];
        }
    }
}

}  // namespace

void bind_distances(nb::module_& m) {
    m.def("nearest_by", nearest_by, SL_ARRAY("data"), nb::arg("n_columns"), SL_ARRAY("ids"), SL_ARRAY("points"),
          nb::arg("measure"), nb::arg("power"), SL_ARRAY("keys"), SL_ARRAY("found"));
    m.def("unit_rows", unit_rows, SL_ARRAY("data"), nb::arg("n_columns"), nb::arg("side"), SL_ARRAY("out"));
    m.def("normalize", normalize, SL_ARRAY("data"), nb::arg("indices").none(), nb::arg("indptr").none(), nb::arg("n_columns"),
          SL_ARRAY("out"), SL_ARRAY("none"));
    m.def("join_nearest", join_nearest, SL_ARRAY("keys"), SL_ARRAY("found"), SL_ARRAY("other"), SL_ARRAY("others"),
          SL_ARRAY("origin"));
}

}  // namespace shardlearn
