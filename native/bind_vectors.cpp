// Bindings of elementwise functions and dense linear algebra; results go into arrays that the caller made.
#include "arrays.hpp"

namespace shardlearn {
namespace {

i64 length(const In<double>& a) { return static_cast<i64>(a.shape(0)); }
i64 width(const In<double>& a) { return static_cast<i64>(a.shape(1)); }

template <Function F>
void elementwise(const In<double>& x, const Out<double>& out) {
    if (x.size() != out.size()) throw nb::value_error("out has another size than x.");
    const double* from = values(x, {-1}, "x");
    double* to = values(out, {-1}, "out");
    Outside o;
    kernels().elementwise(F, from, to, static_cast<i64>(x.size()));
}

double dot(const In<double>& a, const In<double>& b) {
    const double *x = values(a, {-1}, "a"), *y = values(b, {length(a)}, "b");
    Outside o;
    return kernels().dot(x, y, length(a));
}

void axpy(double alpha, const In<double>& x, const In<double>& y, const Out<double>& out) {
    const double* from = values(x, {-1}, "x");
    i64 n = length(x);
    const double* added = values(y, {n}, "y");
    double* to = values(out, {n}, "out");
    Outside o;
    kernels().axpy(alpha, from, added, to, n);
}

void add_upper(const In<double>& a, const Out<double>& into) {
    const double* from = values(a, {-1, width(a)}, "A");
    double* to = values(into, {length(a), length(a)}, "into");
    Outside o;
    kernels().add_upper(from, to, length(a));
}

void gemv(const In<double>& a, const In<double>& x, const Out<double>& out) {
    const double* matrix = values(a, {-1, -1}, "A");
    const double* from = values(x, {width(a)}, "x");
    double* to = values(out, {length(a)}, "out");
    Outside o;
    kernels().gemv(matrix, from, to, length(a), width(a));
}

void row_squares(const In<double>& a, const Out<double>& out) {
    const double* matrix = values(a, {-1, -1}, "A");
    double* to = values(out, {length(a)}, "out");
    Outside o;
    kernels().row_squares(matrix, to, length(a), width(a));
}

void gemv_t(const In<double>& a, const In<double>& x, const Out<double>& out) {
    const double* matrix = values(a, {-1, -1}, "A");
    const double* from = values(x, {length(a)}, "x");
    double* to = values(out, {width(a)}, "out");
    Outside o;
    kernels().gemv_t(matrix, from, to, length(a), width(a));
}

void matmul(const In<double>& a, const In<double>& b, const Out<double>& out) {
    const double* left = values(a, {-1, -1}, "A");
    const double* right = values(b, {width(a), -1}, "B");
    double* to = values(out, {length(a), width(b)}, "out");
    Outside o;
    kernels().matmul(left, right, to, length(a), width(a), width(b));
}

i64 cholesky(const In<double>& a, const Out<double>& l) {
    const double* from = values(a, {-1, -1}, "A");
    i64 p = length(a);
    values(a, {p, p}, "A");
    double* to = values(l, {p, p}, "L");
    Outside o;
    return kernels().cholesky(from, to, p);
}

i64 pivoted_cholesky(const In<double>& a, double tol, const Out<double>& l, const Out<i64>& order) {
    const double* from = values(a, {-1, -1}, "A");
    i64 p = length(a);
    values(a, {p, p}, "A");
    double* to = values(l, {p, p}, "L");
    i64* perm = values(order, {p}, "perm");
    Outside o;
    return kernels().pivoted_cholesky(from, to, perm, p, tol);
}

void symmetric_eigen(const In<double>& a, const Out<double>& found, const Out<double>& vectors) {
    const double* from = values(a, {-1, -1}, "A");
    i64 p = length(a);
    values(a, {p, p}, "A");
    double *to = values(found, {p}, "values"), *rows = values(vectors, {p, p}, "vectors");
    Outside o;
    kernels().symmetric_eigen(from, to, rows, p);
}

template <void (*Table::*SOLVE)(const double*, double*, i64, i64)>
void solve(const In<double>& l, const Out<double>& x) {
    const double* triangle = values(l, {-1, -1}, "L");
    i64 p = length(l);
    values(l, {p, p}, "L");
    double* to = values(x, {p, -1}, "B");
    i64 k = static_cast<i64>(x.shape(1));
    Outside o;
    (kernels().*SOLVE)(triangle, to, p, k);
}

}  // namespace

void bind_vectors(nb::module_& m) {
    auto x = nb::arg("x").noconvert(), out = nb::arg("out").noconvert();
    auto a = nb::arg("a").noconvert(), b = nb::arg("b").noconvert(), l = nb::arg("l").noconvert();
    m.def("exp", elementwise<EXP>, x, out);
    m.def("log", elementwise<LOG>, x, out);
    m.def("log1p", elementwise<LOG1P>, x, out);
    m.def("expm1", elementwise<EXPM1>, x, out);
    m.def("tanh", elementwise<TANH>, x, out);
    m.def("expit", elementwise<EXPIT>, x, out);
    m.def("softplus", elementwise<SOFTPLUS>, x, out);
    m.def("sin", elementwise<SIN>, x, out);
    m.def("cos", elementwise<COS>, x, out);
    m.def("asin", elementwise<ASIN>, x, out);
    m.def("dot", dot, a, b);
    m.def("add_upper", add_upper, nb::arg("A").noconvert(), nb::arg("into").noconvert());
    m.def("axpy", axpy, nb::arg("alpha"), x, nb::arg("y").noconvert(), out);
    m.def("gemv", gemv, a, x, out);
    m.def("row_squares", row_squares, a, out);
    m.def("gemv_t", gemv_t, a, x, out);
    m.def("matmul", matmul, a, b, out);
    m.def("cholesky", cholesky, a, l);
    m.def("pivoted_cholesky", pivoted_cholesky, a, nb::arg("tol"), l, nb::arg("perm").noconvert());
    m.def("symmetric_eigen", symmetric_eigen, a, nb::arg("values").noconvert(), nb::arg("vectors").noconvert());
    m.def("solve_lower", solve<&Table::solve_lower>, l, x);
    m.def("solve_lower_t", solve<&Table::solve_lower_t>, l, x);
    m.def("peak_flops", [](i64 rounds) {
        Outside o;
        return kernels().peak_flops(rounds);
    }, nb::arg("rounds"));
    m.def("peak_read", [](const In<double>& from) {
        const double* data = values(from, {-1}, "x");
        Outside o;
        return kernels().peak_read(data, length(from));
    }, x);
}

}  // namespace shardlearn
