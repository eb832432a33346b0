// Eigenvalues and vectors of a symmetric matrix: Householder to a tridiagonal one, then implicit QL (Golub & Van Loan
// 2013, sections 8.3 and 8.4), every element one sequence of operations; SIMD runs along rows.
#pragma once
#include "triangular.hpp"
#include "vectors.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr double NOTHING = 1e-290;    // a sum of squares below this, of a matrix of norm about 1, is zero
constexpr double NEGLIGIBLE = 1e-100; // an element beside the diagonal, likewise
constexpr i64 QL_STEPS = 60;          // at most for one eigenvalue; two are usual
constexpr i64 STRIP = 64;             // columns that are rotated together

struct Rotation {
    i64 row;  // with the one after it
    double c, s;
};

struct Tridiagonal {
    i64 p;
    double *d, *e;   // (p,) diagonal, (p,) beside it
    double* z;       // (p, p) rows: vectors
    Rotation* turns; // those that z still lacks
    i64 count, room;
};

// A row times `by`.
SL_INLINE void row_scale(double by, const double* from, double* to, i64 n) {
    for_vectors(n, [&](i64 j, int count) { store_some(to + j, load_some(from + j, count) * set(by), count); });
}

// 2^-k for the k that brings the largest element to [1, 2); 1 where there is none, or none that is finite.
inline double unit_scale(const double* a, i64 p) {
    double top = 0.0;
    for (i64 i = 0; i < p; ++i)
        for (i64 j = i; j < p; ++j) top = most(top, a[i * p + j] < 0.0 ? -a[i * p + j] : a[i * p + j]);
    if (!(top > 1e-290 && top < 1e290)) return 1.0;
    double by = 1.0;
    for (; top * by >= 2.0; by *= 0.5) {}
    for (; top * by < 1.0; by *= 2.0) {}
    return by;
}

// Reflects the rows after k of m, so that row k is (.., d, e, 0, ..); leaves the reflector in row k. I - tau v v'.
inline double reflect(double* m, i64 p, i64 k, double* e, double* w) {
    i64 n = p - k - 1;
    double *v = m + k * p + k + 1, *rest = m + (k + 1) * p + k + 1;
    double tail = dot(v + 1, v + 1, n - 1);
    if (!(tail > NOTHING)) return *e = v[0], 0.0;
    double length = __builtin_sqrt(fma(v[0], v[0], tail));
    *e = v[0] > 0.0 ? -length : length;
    v[0] = v[0] - *e;
    double tau = 2.0 / fma(v[0], v[0], tail);
    for (i64 i = 0; i < n; ++i) w[i] = tau * dot(rest + i * p, v, n);
    double half = 0.5 * tau * dot(v, w, n);
    row_minus(half, v, w, n);
    for (i64 i = 0; i < n; ++i)
        for_vectors(n, [&](i64 j, int count) {
            V left = fnma(set(v[i]), load_some(w + j, count), load_some(rest + i * p + j, count));
            store_some(rest + i * p + j, fnma(set(w[i]), load_some(v + j, count), left), count);
        });
    return tau;
}

// Rows of z: the columns of the product of the reflectors in m.
inline void reflected(const double* m, const double* tau, double* z, i64 p) {
    constexpr i64 GROUP = 8;
    for (i64 i = 0; i < p * p; ++i) z[i] = 0.0;
    for (i64 i0 = 0; i0 < p; i0 += GROUP) {
        i64 i1 = least(p, i0 + GROUP);
        for (i64 i = i0; i < i1; ++i) z[i * p + i] = 1.0;
        for (i64 k = p - 3; k >= 0; --k) {
            if (tau[k] == 0.0) continue;
            const double* v = m + k * p + k + 1;
            for (i64 i = i0; i < i1; ++i) {
                double* row = z + i * p + k + 1;
                row_minus(tau[k] * dot(v, row, p - k - 1), v, row, p - k - 1);
            }
        }
    }
}

inline void flush(Tridiagonal& t) {
    for (i64 j0 = 0; j0 < t.p; j0 += STRIP) {
        i64 n = least(STRIP, t.p - j0);
        for (i64 k = 0; k < t.count; ++k) {
            Rotation q = t.turns[k];
            double *low = t.z + q.row * t.p + j0, *high = low + t.p;
            for_vectors(n, [&](i64 j, int count) {
                V a = load_some(low + j, count), b = load_some(high + j, count), c = set(q.c), s = set(q.s);
                store_some(high + j, fma(s, a, c * b), count);
                store_some(low + j, fnma(s, b, c * a), count);
            });
        }
    }
    t.count = 0;
}

SL_INLINE double size_of(double x) { return x < 0.0 ? -x : x; }

// sqrt(a^2 + b^2) without overflow.
inline double hypotenuse(double a, double b) {
    double high = most(size_of(a), size_of(b)), low = least(size_of(a), size_of(b));
    if (!(high > 0.0)) return 0.0;
    double ratio = low / high;
    return high * __builtin_sqrt(fma(ratio, ratio, 1.0));
}

// One implicit QL step on rows from..to.
inline void ql_step(Tridiagonal& t, i64 from, i64 to) {
    double *d = t.d, *e = t.e;
    double g = (d[from + 1] - d[from]) / (2.0 * e[from]), r = hypotenuse(g, 1.0);
    g = d[to] - d[from] + e[from] / (g < 0.0 ? g - r : g + r);
    double s = 1.0, c = 1.0, shift = 0.0;
    for (i64 i = to - 1; i >= from; --i) {
        double f = s * e[i], b = c * e[i];
        r = hypotenuse(f, g);
        e[i + 1] = r;
        if (!(r > 0.0)) {  // the matrix falls apart here
            d[i + 1] -= shift;
            e[to] = 0.0;
            return;
        }
        s = f / r, c = g / r;
        g = d[i + 1] - shift;
        r = fma(d[i] - g, s, 2.0 * c * b);
        shift = s * r;
        d[i + 1] = g + shift;
        g = fma(c, r, -b);
        if (t.count == t.room) flush(t);
        t.turns[t.count++] = {i, c, s};
    }
    d[from] -= shift, e[from] = g, e[to] = 0.0;
}

inline void ql(Tridiagonal& t) {
    for (i64 from = 0; from < t.p; ++from)
        for (i64 step = 0; step < QL_STEPS; ++step) {
            i64 to = from;
            for (; to + 1 < t.p; ++to) {
                double near = size_of(t.d[to]) + size_of(t.d[to + 1]);
                if (!(size_of(t.e[to]) > most(0x1p-53 * near, NEGLIGIBLE))) break;
            }
            if (to == from) break;
            ql_step(t, from, to);
        }
    flush(t);
}

// Values, descending (ties in the order in which they were found), and vectors as rows; from the upper triangle of a.
inline void symmetric_eigen(const double* a, double* values, double* vectors, i64 p) {
    i64 room = 16 * (p + 1);
    double* small = scratch(FREE_2, 5 * p + 3 * room);
    double *m = scratch(FREE_3, p * p), *tau = small + 2 * p, *w = small + 3 * p;
    i64* order = reinterpret_cast<i64*>(small + 4 * p);
    Tridiagonal t = {p, small, small + p, scratch(FREE_4, p * p), reinterpret_cast<Rotation*>(small + 5 * p), 0, room};
    double by = unit_scale(a, p);
    for (i64 i = 0; i < p; ++i) row_scale(by, a + i * p + i, m + i * p + i, p - i);
    for (i64 i = 0; i < p; ++i)
        for (i64 j = 0; j < i; ++j) m[i * p + j] = m[j * p + i];
    for (i64 k = 0; k + 2 < p; ++k) tau[k] = reflect(m, p, k, t.e + k, w);
    if (p > 1) t.e[p - 2] = m[(p - 2) * p + p - 1];
    for (i64 i = 0; i < p; ++i) t.d[i] = m[i * p + i], order[i] = i;
    reflected(m, tau, t.z, p);
    ql(t);
    for (i64 i = 1; i < p; ++i)  // by insertion
        for (i64 j = i; j > 0 && t.d[order[j]] > t.d[order[j - 1]]; --j) {
            i64 other = order[j];
            order[j] = order[j - 1], order[j - 1] = other;
        }
    for (i64 i = 0; i < p; ++i) {
        values[i] = t.d[order[i]] / by;
        row_scale(1.0, t.z + order[i] * p, vectors + i * p, p);
    }
}

}  // namespace shardlearn::SHARDLEARN_ISA
