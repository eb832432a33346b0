// Vectors, elementary functions, and what is done with small matrices.
#include "program.hpp"

using namespace program;

namespace {

const i64 EDGES[] = {1, 7, 60, 131};

Vector transposed(const Vector& a, i64 p) {
    Vector out(a.size());
    for (i64 i = 0; i < p; ++i)
        for (i64 j = 0; j < p; ++j) out[size(j * p + i)] = a[size(i * p + j)];
    return out;
}

Vector gram_of(const Table& kernels, i64 p) {
    Vector a = numbers(2, p * p), s(a.size()), t = transposed(a, p);
    kernels.matmul(a.data(), t.data(), s.data(), p, p, p);
    return s;
}

Vector positive(const Table& kernels, i64 p) {
    Vector s = gram_of(kernels, p);
    for (i64 i = 0; i < p; ++i) s[size(i * p + i)] += 1.0;
    return s;
}

void functions(const Table& kernels, Hash& hash, const Vector& x, double scale) {
    for (int f = 0; f < FUNCTIONS; ++f) {
        Vector at = times(scale, x), out(x.size());
        if (f == LOG || f == LOG1P) at = absolute(at);
        kernels.elementwise(static_cast<Function>(f), at.data(), out.data(), static_cast<i64>(at.size()));
        hash.add(out);
    }
}

}  // namespace

CASE(elementwise, "numbers") {
    for (double scale : {1.0, 300.0, 0x1p-30}) functions(kernels, hash, numbers(1, 3001), scale);
}
CASE(elementwise, "odd values") { functions(kernels, hash, odd(1, 331, 3), 1.0); }
CASE(elementwise, "few") {
    for (i64 n = 0; n < 34; ++n) functions(kernels, hash, numbers(1, n), 1.0);
}

CASE(matmul, "numbers") {
    for (i64 p : EDGES) hash.add(gram_of(kernels, p));
}
CASE(matmul, "odd values and shapes") {
    for (i64 m : {1, 13, 97})
        for (i64 inner : {0, 1, 129})
            for (i64 n : {1, 25, 49}) {
                Vector a = odd(2, m * inner, 501), b = odd(3, inner * n, 333), out(size(m * n));
                kernels.matmul(a.data(), b.data(), out.data(), m, inner, n);
                hash.add(out);
            }
}
CASE(dot, "numbers") {
    for (i64 p : EDGES) {
        Vector a = numbers(2, p * p), s = gram_of(kernels, p);
        hash.add(kernels.dot(a.data(), s.data(), p * p));
    }
}
CASE(dot, "every length and odd values") {
    for (i64 n = 0; n < 70; ++n)
        for (const Vector& x : {numbers(4, n), times(0x1p-540, numbers(4, n)), odd(4, n, 15)})
            hash.add(kernels.dot(x.data(), x.data(), n));
}
CASE(axpy, "every length and odd values") {
    for (i64 n = 0; n < 20; ++n)
        for (const Vector& x : {numbers(5, n), odd(6, n, 2)}) {
            Vector out(x.size());
            kernels.axpy(0.3, x.data(), x.data(), out.data(), n);
            hash.add(out);
        }
}
CASE(add_upper, "numbers") {
    for (i64 p : EDGES) {
        Vector a = numbers(7, p * p), into = numbers(8, p * p);
        kernels.add_upper(a.data(), into.data(), p);
        hash.add(into);
    }
}
CASE(gemv, "numbers and odd values") {
    for (i64 p : EDGES)
        for (const Vector& a : {numbers(7, p * (p + 2)), odd(7, p * (p + 2), 999)}) {
            Vector x = numbers(8, p + 2), out(size(p));
            kernels.gemv(a.data(), x.data(), out.data(), p, p + 2);
            hash.add(out);
        }
}
CASE(row_squares, "numbers and odd values") {
    for (i64 p : EDGES)
        for (const Vector& a : {numbers(7, p * (p + 2)), odd(7, p * (p + 2), 999)}) {
            Vector out(size(p));
            kernels.row_squares(a.data(), out.data(), p, p + 2);
            hash.add(out);
        }
}
CASE(gemv_t, "numbers and odd values") {
    for (i64 p : EDGES)
        for (const Vector& a : {numbers(7, p * (p + 2)), odd(7, p * (p + 2), 999)}) {
            Vector x = numbers(8, p), out(size(p + 2));
            kernels.gemv_t(a.data(), x.data(), out.data(), p, p + 2);
            hash.add(out);
        }
}

CASE(cholesky, "numbers") {
    for (i64 p : EDGES) {
        Vector s = positive(kernels, p), l(s.size());
        hash.add(kernels.cholesky(s.data(), l.data(), p), l);
    }
}
CASE(cholesky, "not positive, subnormal") {
    for (i64 p : EDGES)
        for (const Vector& s : {odd(9, p * p, 50), times(1e-312, positive(kernels, p)), times(-1.0, positive(kernels, p))}) {
            Vector l(s.size());
            hash.add(kernels.cholesky(s.data(), l.data(), p), l);
        }
}
CASE(solve_lower, "numbers") {
    for (i64 p : EDGES)
        for (i64 k : {5, 1}) {
            Vector s = positive(kernels, p), l(s.size()), right = numbers(3, k * p);
            kernels.cholesky(s.data(), l.data(), p);
            kernels.solve_lower(l.data(), right.data(), p, k);
            hash.add(right);
        }
}
CASE(solve_lower_t, "numbers") {
    for (i64 p : EDGES)
        for (i64 k : {5, 1}) {
            Vector s = positive(kernels, p), l(s.size()), right = numbers(3, k * p);
            kernels.cholesky(s.data(), l.data(), p);
            kernels.solve_lower_t(l.data(), right.data(), p, k);
            hash.add(right);
        }
}
CASE(pivoted_cholesky, "numbers") {
    for (i64 p : EDGES) {
        Vector s = positive(kernels, p), l(s.size());
        Vec<i64> order(size(p));
        hash.add(kernels.pivoted_cholesky(s.data(), l.data(), order.data(), p, 1e-9), l, order);
    }
}
CASE(pivoted_cholesky, "of low rank") {
    for (i64 p : EDGES) {
        Vector s = gram_of(kernels, p), l(s.size());
        Vec<i64> order(size(p));
        hash.add(kernels.pivoted_cholesky(s.data(), l.data(), order.data(), p, 0.05), l, order);
    }
}
CASE(symmetric_eigen, "numbers") {
    for (i64 p : EDGES) {
        Vector s = positive(kernels, p), values(size(p)), vectors(s.size());
        kernels.symmetric_eigen(s.data(), values.data(), vectors.data(), p);
        hash.add(values, vectors);
    }
}
CASE(symmetric_eigen, "ties, subnormal") {
    for (i64 p : EDGES)
        for (const Vector& s : {grid(9, p * p), times(1e-312, positive(kernels, p)), Vector(size(p * p))}) {
            Vector values(size(p)), vectors(s.size());
            kernels.symmetric_eigen(s.data(), values.data(), vectors.data(), p);
            hash.add(values, vectors);
        }
}
