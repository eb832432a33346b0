"""Dense float64 linear algebra without BLAS: each element one fused chain in index order (`dot`: 16 fixed lanes)."""

from __future__ import annotations

import numpy as np

from shardlearn import _native
from shardlearn.core.matrix import Floats, Ints


def dot(a: Floats, b: Floats) -> float:
    """Sum of a_j b_j, in 16 lanes (l = j mod 16) and a fixed fold."""
    return _native.dot(a, b)


def axpy(alpha: float, x: Floats, y: Floats) -> Floats:
    """y + alpha x, rounded once; a new array."""
    out = np.empty(x.shape)
    _native.axpy(alpha, x, y, out)
    return out


def add_upper(A: Floats, into: Floats) -> None:
    """into += A in the upper triangle, in place; what lies below is left alone."""
    _native.add_upper(A, into)


def gemv(A: Floats, x: Floats) -> Floats:
    """A x; each row is `dot`."""
    out = np.empty(A.shape[0])
    _native.gemv(A, x, out)
    return out


def row_squares(A: Floats) -> Floats:
    """`dot` of each row with itself."""
    out = np.empty(A.shape[0])
    _native.row_squares(A, out)
    return out


def gemv_t(A: Floats, x: Floats) -> Floats:
    """A^T x; each element a chain over the rows in order."""
    out = np.empty(A.shape[1])
    _native.gemv_t(A, x, out)
    return out


def matmul(A: Floats, B: Floats) -> Floats:
    """A B; each element a chain over the inner index in order."""
    out = np.empty((A.shape[0], B.shape[1]))
    _native.matmul(A, B, out)
    return out


def cholesky(A: Floats) -> tuple[Floats, int]:
    """(L, failed): A = L L^T, read from A's upper triangle.

    `failed` is -1, or the first column whose pivot isn't above 0 (or is NaN); L is zero then.
    """
    L = np.empty(A.shape)
    return L, _native.cholesky(A, L)


def pivoted_cholesky(A: Floats, tol: float) -> tuple[Floats, Ints, int]:
    """(L, perm, rank): A[perm][:, perm] = L L^T up to the rank, read from A's upper triangle.

    The largest remaining diagonal comes first (ties: the smallest index), and it stops at one not above `tol`.
    Columns of L from `rank` on are zero; `perm[rank:]` ascends.
    """
    L, perm = np.empty(A.shape), np.empty(len(A), np.int64)
    return L, perm, _native.pivoted_cholesky(A, tol, L, perm)


def symmetric_eigen(A: Floats) -> tuple[Floats, Floats]:
    """(values, vectors): A = vectors^T diag(values) vectors, read from A's upper triangle.

    Values (p,) descend, vectors (p, p) are rows. Errors are relative to the largest value. NaN or inf in A: no error,
    but no meaning.
    """
    values, vectors = np.empty(len(A)), np.empty(A.shape)
    _native.symmetric_eigen(A, values, vectors)
    return values, vectors


def solve_lower(L: Floats, B: Floats) -> Floats:
    """x with L x = B, for B of shape (p,) or (p, k): columns don't depend on each other."""
    x = np.array(B, order="C", copy=True)
    _native.solve_lower(L, x if x.ndim > 1 else x[:, None])
    return x


def solve_lower_t(L: Floats, B: Floats) -> Floats:
    """x with L^T x = B, for B of shape (p,) or (p, k): chains run down from the last index."""
    x = np.array(B, order="C", copy=True)
    _native.solve_lower_t(L, x if x.ndim > 1 else x[:, None])
    return x
