// Cholesky factors, each element one chain in ascending order, blocked by halves.
#pragma once
#include "triangular.hpp"

namespace shardlearn::SHARDLEARN_ISA {

// X L^T = B in place, for the m rows of x and the n x n triangle l.
inline void solve_right(const double* l, i64 ld, double* x, i64 m, i64 n) {
    if (n > SMALL) {
        i64 half = (n / 2 + SMALL - 1) / SMALL * SMALL;
        solve_right(l, ld, x, m, half);
        gemm<true>({x, ld, 1}, {l + half * ld, 1, ld}, half, {x + half, ld, m, n - half, false});
        return solve_right(l + half * ld + half, ld, x + half, m, n - half);
    }
    for (i64 i = 0; i < m; i += CHAINS) {
        int rows = static_cast<int>(least<i64>(CHAINS, m - i));
        for (i64 j = 0; j < n; ++j) {
            double s[CHAINS];
            for (int r = 0; r < rows; ++r) s[r] = x[(i + r) * ld + j];
            chains_minus(x + i * ld, ld, l + j * ld, j, s, rows);
            for (int r = 0; r < rows; ++r) x[(i + r) * ld + j] = s[r] / l[j * ld + j];
        }
    }
}

// Factors the lower triangle of a in place; the first column without a positive pivot, or -1.
inline i64 factor(double* a, i64 ld, i64 n) {
    if (n > SMALL) {
        i64 half = (n / 2 + SMALL - 1) / SMALL * SMALL;
        i64 failed = factor(a, ld, half);
        if (failed >= 0) return failed;
        double *below = a + half * ld, *rest = below + half;
        solve_right(a, ld, below, n - half, half);
        gemm<true>({below, ld, 1}, {below, 1, ld}, half, {rest, ld, n - half, n - half, true});
        failed = factor(rest, ld, n - half);
        return failed < 0 ? -1 : half + failed;
    }
    for (i64 j = 0; j < n; ++j) {
        for (i64 i = j; i < n; ++i) {
            double s = a[i * ld + j];
            for (i64 k = 0; k < j; ++k) s = fnma(a[i * ld + k], a[j * ld + k], s);
            a[i * ld + j] = s;
        }
        if (!(a[j * ld + j] > 0.0)) return j;
        double root = __builtin_sqrt(a[j * ld + j]);
        for (i64 i = j; i < n; ++i) a[i * ld + j] = i == j ? root : a[i * ld + j] / root;
    }
    return -1;
}

// L from the upper triangle of a; zeros above L's diagonal, and everywhere where it fails.
inline i64 cholesky(const double* a, double* l, i64 p) {
    constexpr i64 EDGE = 16;
    for (i64 i = 0; i < p; i += EDGE)
        for (i64 j = 0; j < p; j += EDGE)
            for (i64 r = i; r < least(p, i + EDGE); ++r)
                for (i64 c = j; c < least(p, j + EDGE); ++c) l[r * p + c] = c <= r ? a[c * p + r] : 0.0;
    i64 failed = factor(l, p, p);
    if (failed >= 0)
        for (i64 i = 0; i < p * p; ++i) l[i] = 0.0;
    for (i64 i = 0; i < p; ++i)  // tiles on the diagonal write above it
        for (i64 j = i + 1; j < least(p, i + NR + MR + SMALL); ++j) l[i * p + j] = 0.0;
    return failed;
}

constexpr i64 PIVOTS = 64;  // columns between two updates of the whole matrix

struct Pivoting {
    i64 p;
    i64* order;    // the pivots, then the other indices, ascending
    double* rest;  // what is left of the diagonal
    double* s;     // the lower triangle, up to the last whole block of columns
    double* rows;  // rows[k][i]: column k of L, by original index
};

// Moves the largest remaining pivot to the front (ties: the smallest index), unless it isn't above tol: then -1.
inline i64 next_pivot(const Pivoting& m, i64 rank, double tol) {
    i64 best = rank;
    for (i64 i = rank + 1; i < m.p; ++i)
        if (m.rest[m.order[i]] > m.rest[m.order[best]]) best = i;
    i64 pivot = m.order[best];
    if (!(m.rest[pivot] > tol)) return -1;
    for (i64 i = best; i > rank; --i) m.order[i] = m.order[i - 1];
    m.order[rank] = pivot;
    return pivot;
}

// Column `rank` of L, from s and the columns since `start`.
inline void pivot_column(const Pivoting& m, i64 start, i64 rank, i64 pivot) {
    i64 p = m.p;
    double *column = m.rows + rank * p, root = __builtin_sqrt(m.rest[pivot]);
    for (i64 i = 0; i < p; ++i) column[i] = i < pivot ? m.s[pivot * p + i] : m.s[i * p + pivot];
    for (i64 k = start; k < rank; ++k) row_minus(m.rows[k * p + pivot], m.rows + k * p, column, p);
    row_divide(root, column, p);
    for (i64 c = 0; c < rank; ++c) column[m.order[c]] = 0.0;
    for (i64 c = rank + 1; c < p; ++c) {
        i64 i = m.order[c];
        m.rest[i] = fnma(column[i], column[i], m.rest[i]);
    }
    column[pivot] = root;
}

// P A P^T = L L^T from the upper triangle of a; stops at a pivot not above tol.
inline i64 pivoted_cholesky(const double* a, double* l, i64* order, i64 p, double tol) {
    Pivoting m = {p, order, scratch(FREE_2, p), scratch(FREE_3, p * p), scratch(FREE_4, p * p)};
    for (i64 i = 0; i < p; ++i) m.rest[i] = a[i * p + i], order[i] = i;
    for (i64 i = 0; i < p; ++i)
        for (i64 j = i; j < p; ++j) m.s[j * p + i] = a[i * p + j];
    i64 rank = 0, start = 0;
    for (; rank < p; ++rank) {
        if (rank - start == PIVOTS) {
            const double* block = m.rows + start * p;
            gemm<true>({block, 1, p}, {block, p, 1}, PIVOTS, {m.s, p, p, p, true});
            start = rank;
        }
        i64 pivot = next_pivot(m, rank, tol);
        if (pivot < 0) break;
        pivot_column(m, start, rank, pivot);
    }
    for (i64 i = 0; i < p; ++i)
        for (i64 k = 0; k < p; ++k) l[i * p + k] = k < rank && k <= i ? m.rows[k * p + order[i]] : 0.0;
    return rank;
}

}  // namespace shardlearn::SHARDLEARN_ISA
