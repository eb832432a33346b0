// Points and dense rows as they come from Python.
#pragma once
#include "arrays.hpp"

#define SL_ARRAY(name) nb::arg(name).noconvert()
#define SL_POINTS SL_ARRAY("points"), SL_ARRAY("pivot"), SL_ARRAY("panels"), SL_ARRAY("norm"), SL_ARRAY("half"), nb::arg("scale")

namespace shardlearn {

struct PointsIn {  // the fields of kernels.points.Points
    const In<double>&points, &pivot;
    const In<float>& panels;
    const In<double>&norm, &half;
    double scale;
};

inline Points points_of(const PointsIn& in, const Rows& x) {
    Points out = {nullptr, values(in.points, {-1, x.p}, "points"), nullptr, nullptr, nullptr, in.scale, 0, x.p};
    out.k = static_cast<i64>(in.points.shape(0));
    out.panels = values(in.panels, {kernels().panel_floats(out.k, out.p)}, "panels");
    out.norm = values(in.norm, {out.k}, "norm"), out.half = values(in.half, {out.k}, "half");
    out.pivot = values(in.pivot, {out.p}, "pivot");
    return out;
}

inline Rows dense(const AnyIn& data, i64 p) {
    Maybe<std::int32_t> no_indices;
    Maybe<i64> no_indptr;
    return rows_of({data, no_indices, no_indptr, p});
}

}  // namespace shardlearn
