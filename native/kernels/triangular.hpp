// Triangular solves, each element one chain: forward in ascending, backward in descending order of the inner index.
#pragma once
#include "gemm.hpp"

namespace shardlearn::SHARDLEARN_ISA {

constexpr i64 SMALL = 48;  // rows of a triangle that is solved without packing
constexpr int CHAINS = 8;  // scalar chains side by side

// s[r] -= a[r] . x for CHAINS rows of stride `row`, from index 0 to `n`.
SL_INLINE void chains_minus(const double* a, i64 row, const double* x, i64 n, double* s, int rows) {
    double acc[CHAINS];
    for (int r = 0; r < CHAINS; ++r) acc[r] = r < rows ? s[r] : 0.0;
    if (rows == CHAINS) {
        for (i64 k = 0; k < n; ++k)
            for (int r = 0; r < CHAINS; ++r) acc[r] = fnma(a[r * row + k], x[k], acc[r]);
    } else {
        for (int r = 0; r < rows; ++r)
            for (i64 k = 0; k < n; ++k) acc[r] = fnma(a[r * row + k], x[k], acc[r]);
    }
    for (int r = 0; r < rows; ++r) s[r] = acc[r];
}

inline void solve_lower_vector(const double* l, double* x, i64 p) {
    for (i64 i = 0; i < p; i += CHAINS) {
        int rows = static_cast<int>(least<i64>(CHAINS, p - i));
        chains_minus(l + i * p, p, x, i, x + i, rows);
        for (int r = 0; r < rows; ++r) {
            const double* row = l + (i + r) * p + i;
            for (int k = 0; k < r; ++k) x[i + r] = fnma(row[k], x[i + k], x[i + r]);
            x[i + r] = x[i + r] / row[r];
        }
    }
}

// x -= factor * from, over one row of the right-hand sides.
SL_INLINE void row_minus(double factor, const double* from, double* x, i64 k) {
    for_vectors(k, [&](i64 j, int count) {
        store_some(x + j, fnma(set(factor), load_some(from + j, count), load_some(x + j, count)), count);
    });
}
SL_INLINE void row_divide(double by, double* x, i64 k) {
    for_vectors(k, [&](i64 j, int count) { store_some(x + j, load_some(x + j, count) / set(by), count); });
}

inline void solve_lower(const double* l, double* x, i64 p, i64 k) {
    if (k == 1) return solve_lower_vector(l, x, p);
    for (i64 i0 = 0; i0 < p; i0 += SMALL) {
        i64 i1 = least(p, i0 + SMALL);
        if (i0 > 0) gemm<true>({l + i0 * p, p, 1}, {x, k, 1}, i0, {x + i0 * k, k, i1 - i0, k, false});
        for (i64 i = i0; i < i1; ++i) {
            for (i64 c = i0; c < i; ++c) row_minus(l[i * p + c], x + c * k, x + i * k, k);
            row_divide(l[i * p + i], x + i * k, k);
        }
    }
}

inline void solve_lower_t_vector(const double* l, double* x, i64 p) {
    for (i64 high = p; high > 0;) {
        i64 low = high > CHAINS ? high - CHAINS : 0;
        for (i64 i = high - 1; i >= low; --i) {
            for (i64 c = high - 1; c > i; --c) x[i] = fnma(l[c * p + i], x[c], x[i]);
            x[i] = x[i] / l[i * p + i];
        }
        for_vectors(low, [&](i64 j, int count) {
            V acc = load_some(x + j, count);
            for (i64 c = high - 1; c >= low; --c) acc = fnma(load_some(l + c * p + j, count), set(x[c]), acc);
            store_some(x + j, acc, count);
        });
        high = low;
    }
}

inline void solve_lower_t(const double* l, double* x, i64 p, i64 k) {
    if (k == 1) return solve_lower_t_vector(l, x, p);
    for (i64 i1 = p; i1 > 0;) {
        i64 i0 = i1 > SMALL ? i1 - SMALL : 0;
        if (i1 < p)  // the inner index runs down from p - 1 to i1
            gemm<true>({l + (p - 1) * p + i0, 1, -p}, {x + (p - 1) * k, -k, 1}, p - i1, {x + i0 * k, k, i1 - i0, k, false});
        for (i64 i = i1 - 1; i >= i0; --i) {
            for (i64 c = i1 - 1; c > i; --c) row_minus(l[c * p + i], x + c * k, x + i * k, k);
            row_divide(l[i * p + i], x + i * k, k);
        }
        i1 = i0;
    }
}

}  // namespace shardlearn::SHARDLEARN_ISA
