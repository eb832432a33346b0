"""What each kernel means, in NumPy with 80-bit sums: the definition of correct, used by tests only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shardlearn.core.matrix import Array, Floats, Ints, Matrix, to_dense

Wide = NDArray[np.longdouble]


def wide(x: Array | float) -> Wide:
    return np.asarray(x, np.longdouble)


def centred(X: Matrix, pivot: Floats | None) -> Wide:
    """x - pivot, rounded to float64 as the kernels do."""
    x = to_dense(X).astype(np.float64)
    return wide(x if pivot is None else x - pivot)


def exp(x: Array) -> Wide:
    return np.exp(wide(x))


def log(x: Array) -> Wide:
    return np.log(wide(x))


def log1p(x: Array) -> Wide:
    return np.log1p(wide(x))


def expm1(x: Array) -> Wide:
    return np.expm1(wide(x))


def tanh(x: Array) -> Wide:
    return np.tanh(wide(x))


def expit(x: Array) -> Wide:
    e = np.exp(-np.abs(wide(x)))
    return wide(np.where(x < 0, e, 1) / (1 + e))


def softplus(x: Array) -> Wide:
    return np.maximum(wide(x), 0) + np.log1p(np.exp(-np.abs(wide(x))))


def sin(x: Array) -> Wide:
    return np.sin(wide(x))


def cos(x: Array) -> Wide:
    return np.cos(wide(x))


def asin(x: Array) -> Wide:
    return np.arcsin(wide(x))


def dot(a: Floats, b: Floats) -> Any:
    return (wide(a) * wide(b)).sum()


def axpy(alpha: float, x: Floats, y: Floats) -> Wide:
    return wide(y) + wide(alpha) * wide(x)


def add_upper(A: Floats, into: Floats) -> Wide:
    return wide(into) + np.triu(wide(A))


def matmul(A: Array, B: Array) -> Wide:
    return wide(A) @ wide(B)


def cholesky(A: Floats) -> tuple[Wide, int]:
    """From the upper triangle; zero and the column where it fails."""
    L = np.tril(wide(A).T).copy()
    for j in range(len(L)):
        pivot = L[j, j] - (L[j, :j] ** 2).sum()
        if not pivot > 0:
            return np.zeros_like(L), j
        L[j, j] = np.sqrt(pivot)
        L[j + 1 :, j] = (L[j + 1 :, j] - L[j + 1 :, :j] @ L[j, :j]) / L[j, j]
    return L, -1


def symmetric_eigen(A: Floats) -> tuple[Floats, Floats]:
    """Values, descending, and vectors as rows, from the upper triangle; in double precision."""
    values, vectors = np.linalg.eigh(A, UPLO="U")
    return values[::-1], vectors.T[::-1]


def row_products(X: Matrix, W: Floats, b: Floats | None = None, pivot: Floats | None = None) -> Wide:
    z = centred(X, pivot) @ wide(W).T
    return z if b is None else z + wide(b)


def weighted_rows_sum(X: Matrix, R: Floats, pivot: Floats | None = None) -> Wide:
    return wide(R).T @ centred(X, pivot)


def glm_values(z: Array, y: Floats, loss: int) -> tuple[Wide, Wide]:
    """(value of each row, slope in z) of 0 squared, 1 logistic, 2 multinomial, 3 poisson."""
    z = wide(z)
    if loss == 2:
        hot = y[:, None] == np.arange(z.shape[1])
        top = z.max(axis=1, keepdims=True)
        e = np.exp(z - top)
        total = e.sum(axis=1, keepdims=True)
        return np.log(total)[:, 0] - np.where(hot, z - top, 0).sum(axis=1), e / total - hot
    target = wide(y).reshape(z.shape)
    if loss == 0:
        return (0.5 * (z - target) ** 2).sum(axis=1), z - target
    mean, potential = (expit(z), softplus(z)) if loss == 1 else (exp(z), exp(z))
    return (potential - target * z).sum(axis=1), mean - target


def glm_sums(
    X: Matrix, y: Floats, weight: Floats | None, W: Floats, b: Floats | None, loss: int, pivot: Floats | None = None
) -> tuple[Any, Any, Wide, Wide]:
    """(weight sum, loss, gradient in W, gradient in b)."""
    value, slope = glm_values(row_products(X, W, b, pivot), y, loss)
    w = wide(np.ones(len(value)) if weight is None else weight)
    slope = slope * w[:, None]
    return w.sum(), (value * w).sum(), slope.T @ centred(X, pivot), slope.sum(axis=0)


def gram(
    X: Matrix,
    Y: Floats | None = None,
    weight: Floats | None = None,
    pivot: Floats | None = None,
    pivot_y: Floats | None = None,
) -> tuple[Wide, Wide, Wide, Wide, Wide, Wide]:
    """(weight sum, sum_x, sum_y, upper G, H, yy)."""
    x = centred(X, pivot)
    y = centred(np.empty((len(x), 0)) if Y is None else Y, pivot_y)
    w = wide(np.ones(len(x)) if weight is None else weight)
    wx, wy = x * w[:, None], y * w[:, None]
    total = w.sum(keepdims=True)
    return total, wx.sum(axis=0), wy.sum(axis=0), np.triu(wx.T @ x), wx.T @ y, (wy * y).sum(axis=0)


def moments(X: Matrix, weight: Floats | None = None, pivot: Floats | None = None) -> tuple[Any, Wide, Wide]:
    x = centred(X, pivot)
    w = wide(np.ones(len(x)) if weight is None else weight)[:, None]
    return w.sum(), (w * x).sum(axis=0), (w * x * x).sum(axis=0)


def column_range(X: Matrix) -> tuple[Floats, Floats]:
    x = to_dense(X).astype(np.float64)
    low = np.where(np.isnan(x), np.inf, x).min(axis=0, initial=np.inf)
    return low, np.where(np.isnan(x), -np.inf, x).max(axis=0, initial=-np.inf)


def count_bad(X: Matrix) -> tuple[Ints, Ints, Ints, Ints] | None:
    x = to_dense(X)
    if np.isfinite(x).all():
        return None

    def first(found: NDArray[np.bool_]) -> Ints:
        return np.where(found.any(axis=0), found.argmax(axis=0), -1)

    nan, inf = np.isnan(x), np.isinf(x)
    return nan.sum(axis=0), inf.sum(axis=0), first(nan), first(inf)


def philox(seed: int, purpose: int, ids: Ints, stream: int, draw_block: int) -> NDArray[np.uint32]:
    """Philox4x32-10 in Python's integers (Salmon, Moraes, Dror & Shaw, 2011)."""
    mask = 0xFFFFFFFF
    out = np.empty((len(ids), 4), np.uint32)
    for row, signed in enumerate(ids.tolist()):
        k0, k1, (a, b, c, d) = (
            seed & mask,
            (seed >> 32) ^ purpose,
            (signed & mask, signed >> 32 & mask, stream, draw_block),
        )
        for _ in range(10):
            left, right = 0xD2511F53 * a, 0xCD9E8D57 * c
            a, b, c, d = right >> 32 ^ b ^ k0, right & mask, left >> 32 ^ d ^ k1, left & mask
            k0, k1 = (k0 + 0x9E3779B9) & mask, (k1 + 0xBB67AE85) & mask
        out[row] = a, b, c, d
    return out


def squares(X: Array, C: Floats) -> Floats:
    """(n, k) squared distances, each one chain of multiply-adds in float64, rounded once a feature."""
    x, out = X.astype(np.float64), np.zeros((len(X), len(C)))
    for t in range(x.shape[1]):
        d = x[:, t, None] - C[:, t]
        out = fused(d, d, out)
    return out


def fused(a: Floats, b: Floats, c: Floats) -> Floats:
    """a * b + c, rounded once (Boldo and Melquiond 2008: the rests of product and sums, added to odd)."""
    high, low = product(a, b)
    middle, rest = added(c, low)
    first, second = added(high, middle)
    total, error = added(rest, second)
    bits = total.view(np.int64)
    odd = np.where((error != 0) & (bits % 2 == 0), np.nextafter(total, np.copysign(np.inf, error)), total)
    out: Floats = first + odd
    return out


def added(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The rounded sum and its rest (Knuth)."""
    total = a + b
    back = total - a
    return total, (a - (total - back)) + (b - back)


def product(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The rounded product and its rest (Dekker 1971)."""

    def halves(x: Floats) -> tuple[Floats, Floats]:
        wide = 134217729.0 * x
        high = wide - (wide - x)
        return high, x - high

    (a1, a2), (b1, b2), out = halves(a), halves(b), a * b
    return out, a2 * b2 - (((out - a1 * b1) - a2 * b1) - a1 * b2)
