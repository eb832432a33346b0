// Bindings of what is computed from a block's rows; results go into arrays that the caller made.
#include "arrays.hpp"

namespace shardlearn {
namespace {

using D = Maybe<double>;

void no_pivot(const Rows& x, const void* pivot) {
    if (x.indptr && pivot) throw nb::value_error("sparse rows take no pivot: leave it None.");
}

void row_products(const AnyIn& data, const Maybe<std::int32_t>& indices, const Maybe<i64>& indptr, i64 p,
                  const In<double>& w, const D& b, const D& pivot, const Out<double>& z) {
    Rows x = rows_of({data, indices, indptr, p});
    Model m = {values(w, {-1, p}, "W"), nullptr, values(pivot, {p}, "pivot"), static_cast<i64>(w.shape(0))};
    m.b = values(b, {m.k}, "b");
    no_pivot(x, m.pivot);
    double* out = values(z, {x.n, m.k}, "Z");
    Outside o;
    kernels().row_products(x, m, out);
}

void weighted_rows_sum(const AnyIn& data, const Maybe<std::int32_t>& indices, const Maybe<i64>& indptr, i64 p,
                       const In<double>& r, const D& pivot, const Out<double>& sum) {
    Rows x = rows_of({data, indices, indptr, p});
    const double *factors = values(r, {x.n, -1}, "R"), *c = values(pivot, {p}, "pivot");
    no_pivot(x, c);
    i64 k = static_cast<i64>(r.shape(1));
    double* out = values(sum, {k, p}, "out");
    Outside o;
    kernels().weighted_rows_sum(x, factors, k, c, out);
}

Targets targets(const In<double>& y, const double* weight, int loss, i64 n, i64 k) {
    if (loss < 0 || loss >= LOSSES)
        throw nb::value_error("loss must be 0 (squared), 1 (logistic), 2 (multinomial) or 3 (poisson).");
    if (k < 1 || (loss == MULTINOMIAL && k < 2))
        throw nb::value_error("the multinomial loss needs two classes or more, another one column or more.");
    bool one = loss == MULTINOMIAL || (k == 1 && y.ndim() == 1);
    const double* from = one ? values(y, {n}, "y") : values(y, {n, k}, "y");
    return {from, weight, static_cast<Loss>(loss)};
}

std::tuple<double, double, double> glm_sums(const AnyIn& data, const Maybe<std::int32_t>& indices,
                                            const Maybe<i64>& indptr, i64 p, const In<double>& y, const D& weight,
                                            const In<double>& w, const D& b, int loss, const D& pivot,
                                            const Out<double>& grad, const Out<double>& grad_b) {
    Rows x = rows_of({data, indices, indptr, p});
    Model m = {values(w, {-1, p}, "W"), nullptr, values(pivot, {p}, "pivot"), static_cast<i64>(w.shape(0))};
    m.b = values(b, {m.k}, "b");
    no_pivot(x, m.pivot);
    Targets t = targets(y, values(weight, {x.n}, "weight"), loss, x.n, m.k);
    GlmSums out = {0.0, 0.0, 0.0, values(grad, {m.k, p}, "grad"), values(grad_b, {m.k}, "grad_b")};
    {
        Outside o;
        kernels().glm_sums(x, m, t, out);
    }
    return {out.weight_sum, out.loss_hi, out.loss_lo};
}

void glm_values(const In<double>& z, const In<double>& y, int loss, const Out<double>& value, const Out<double>& slope) {
    const double* from = values(z, {-1, -1}, "z");
    i64 n = static_cast<i64>(z.shape(0)), k = static_cast<i64>(z.shape(1));
    Targets t = targets(y, nullptr, loss, n, k);
    double *to = values(value, {n}, "value"), *slopes = values(slope, {n, k}, "slope");
    Outside o;
    kernels().glm_values(from, t, n, k, to, slopes);
}

void gram(const AnyIn& data, const Maybe<std::int32_t>& indices, const Maybe<i64>& indptr, i64 p, const D& y,
          const D& weight, const D& pivot, const D& pivot_y, const Out<double>& weight_sum, const Out<double>& sum_x,
          const Out<double>& sum_y, const Out<double>& g, const Out<double>& h, const Out<double>& yy) {
    GramInput in = {rows_of({data, indices, indptr, p}), nullptr, nullptr, values(pivot, {p}, "pivot"), nullptr, 0};
    no_pivot(in.x, in.pivot);
    in.y = values(y, {in.x.n, -1}, "Y");
    in.t = y ? static_cast<i64>(y->shape(1)) : 0;
    in.weight = values(weight, {in.x.n}, "weight");
    in.pivot_y = values(pivot_y, {in.t}, "pivot_y");
    GramSums out = {values(weight_sum, {1}, "weight_sum"), values(sum_x, {p}, "sum_x"), values(sum_y, {in.t}, "sum_y"),
                    values(g, {p, p}, "G"), values(h, {p, in.t}, "H"), values(yy, {in.t}, "yy")};
    Outside o;
    kernels().gram(in, out);
}

double moments(const AnyIn& data, const Maybe<std::int32_t>& indices, const Maybe<i64>& indptr, i64 p, const D& weight,
               const D& pivot, const Out<double>& sum, const Out<double>& sum_sq) {
    Rows x = rows_of({data, indices, indptr, p});
    const double *w = values(weight, {x.n}, "weight"), *c = values(pivot, {p}, "pivot");
    no_pivot(x, c);
    double *to = values(sum, {p}, "sum"), *squares = values(sum_sq, {p}, "sum_sq");
    Outside o;
    return kernels().moments(x, w, c, to, squares);
}

void column_range(const AnyIn& data, const Maybe<std::int32_t>& indices, const Maybe<i64>& indptr, i64 p,
                  const Out<double>& low, const Out<double>& high) {
    Rows x = rows_of({data, indices, indptr, p});
    double *to_low = values(low, {p}, "low"), *to_high = values(high, {p}, "high");
    Outside o;
    kernels().column_range(x, to_low, to_high);
}

bool all_finite(const AnyIn& data, const Maybe<std::int32_t>& indices, const Maybe<i64>& indptr, i64 p) {
    Rows x = rows_of({data, indices, indptr, p});
    i64 first = x.indptr ? x.indptr[0] : 0, last = x.indptr ? x.indptr[x.n] : x.n * p;
    const char* from = static_cast<const char*>(x.data) + first * (x.single ? 4 : 8);
    Outside o;
    return kernels().all_finite(from, x.single, last - first);
}

void count_bad(const AnyIn& data, const Maybe<std::int32_t>& indices, const Maybe<i64>& indptr, i64 p,
               const Out<i64>& nans, const Out<i64>& infs, const Out<i64>& first_nan, const Out<i64>& first_inf) {
    Rows x = rows_of({data, indices, indptr, p});
    Bad bad = {values(nans, {p}, "nans"), values(infs, {p}, "infs"), values(first_nan, {p}, "first_nan"),
               values(first_inf, {p}, "first_inf")};
    Outside o;
    kernels().count_bad(x, bad);
}

}  // namespace

#define SL_ROWS nb::arg("data").noconvert(), nb::arg("indices").none(), nb::arg("indptr").none(), nb::arg("n_columns")
#define SL_ARRAY(name) nb::arg(name).noconvert()
#define SL_MAYBE(name) nb::arg(name).noconvert().none()

void bind_rows(nb::module_& m) {
    m.def("row_products", row_products, SL_ROWS, SL_ARRAY("w"), SL_MAYBE("b"), SL_MAYBE("pivot"), SL_ARRAY("z"));
    m.def("weighted_rows_sum", weighted_rows_sum, SL_ROWS, SL_ARRAY("r"), SL_MAYBE("pivot"), SL_ARRAY("out"));
    m.def("glm_sums", glm_sums, SL_ROWS, SL_ARRAY("y"), SL_MAYBE("weight"), SL_ARRAY("w"), SL_MAYBE("b"), nb::arg("loss"),
          SL_MAYBE("pivot"), SL_ARRAY("grad"), SL_ARRAY("grad_b"));
    m.def("glm_values", glm_values, SL_ARRAY("z"), SL_ARRAY("y"), nb::arg("loss"), SL_ARRAY("value"), SL_ARRAY("slope"));
    m.def("gram", gram, SL_ROWS, SL_MAYBE("y"), SL_MAYBE("weight"), SL_MAYBE("pivot"), SL_MAYBE("pivot_y"),
          SL_ARRAY("weight_sum"), SL_ARRAY("sum_x"), SL_ARRAY("sum_y"), SL_ARRAY("g"), SL_ARRAY("h"), SL_ARRAY("yy"));
    m.def("moments", moments, SL_ROWS, SL_MAYBE("weight"), SL_MAYBE("pivot"), SL_ARRAY("sum"), SL_ARRAY("sum_sq"));
    m.def("column_range", column_range, SL_ROWS, SL_ARRAY("low"), SL_ARRAY("high"));
    m.def("all_finite", all_finite, SL_ROWS);
    m.def("count_bad", count_bad, SL_ROWS, SL_ARRAY("nans"), SL_ARRAY("infs"), SL_ARRAY("first_nan"), SL_ARRAY("first_inf"));
}

}  // namespace shardlearn
