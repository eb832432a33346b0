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

// P A P^T = L L^T with the largest pivot first (ties: the smallest index); stops at a pivot not above tol.
inline i64 pivoted_cholesky(const double* a, double* l, i64* order, i64 p, double tol) {
    double* rest = scratch(FREE_2, p);       // what is left of the diagonal
    double* rows = scratch(FREE_3, p * p);   // rows[k][i]: column k of L, by original index
    for (i64 i = 0; i < p; ++i) rest[i] = a[i * p + i], order[i] = i;
    i64 rank = 0;
    for (; rank < p; ++rank) {
        i64 best = rank;
        for (i64 i = rank + 1; i < p; ++i)
            if (rest[order[i]] > rest[order[best]]) best = i;
        i64 pivot = order[best];
        if (!(rest[pivot] > tol)) break;
        for (i64 i = best; i > rank; --i) order[i] = order[i - 1];  // the others stay ascending
        order[rank] = pivot;
        double root = __builtin_sqrt(rest[pivot]);
        for (i64 c = rank + 1; c < p; ++c) {
            i64 i = order[c];
            double s = i < pivot ? a[i * p + pivot] : a[pivot * p + i];
            for (i64 k = 0; k < rank; ++k) s = fnma(rows[k * p + i], rows[k * p + pivot], s);
            s = s / root;
            rows[rank * p + i] = s;
            rest[i] = fnma(s, s, rest[i]);
        }
        rows[rank * p + pivot] = root;
    }
    for (i64 i = 0; i < p; ++i)
        for (i64 k = 0; k < p; ++k) l[i * p + k] = k < rank && k <= i ? rows[k * p + order[i]] : 0.0;
    return rank;
}

}  // namespace shardlearn::SHARDLEARN_ISA
