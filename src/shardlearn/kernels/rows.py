"""Products along rows, sums over rows, and the fused pass of a generalised linear model."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from shardlearn import _native
from shardlearn.core.matrix import Floats, Matrix, raw

SQUARED: Final = 0
LOGISTIC: Final = 1
MULTINOMIAL: Final = 2
POISSON: Final = 3


class GlmSums(NamedTuple):
    """Sums over a block's rows, each row times its weight."""

    weight_sum: float
    loss_hi: float  # the loss is loss_hi + loss_lo, a double-double
    loss_lo: float
    grad: Floats  # (k, p), with respect to W for rows x - pivot
    grad_b: Floats  # (k,)


def row_products(X: Matrix, W: Floats, b: Floats | None = None, pivot: Floats | None = None) -> Floats:
    """(n, k): (x - pivot) . w + b. A row's result doesn't depend on other rows.

    Dense: 16 lanes (l = j mod 16) and a fixed fold; sparse: one chain over the stored values.
    """
    x = raw(X)
    Z = np.empty((X.shape[0], W.shape[0]))
    _native.row_products(x.data, x.indices, x.indptr, x.n_columns, W, b, pivot, Z)
    return Z


def weighted_rows_sum(X: Matrix, R: Floats, pivot: Floats | None = None) -> Floats:
    """(k, p): the sum of R[i, k] (x_i - pivot), in chains over 256 rows that are added in order."""
    x = raw(X)
    out = np.zeros((R.shape[1], x.n_columns))
    _native.weighted_rows_sum(x.data, x.indices, x.indptr, x.n_columns, R, pivot, out)
    return out


def glm_sums(
    X: Matrix,
    y: Floats,
    weight: Floats | None,
    W: Floats,
    b: Floats | None,
    loss: int,
    pivot: Floats | None = None,
) -> GlmSums:
    """Loss and gradient at z = (x - pivot) . w + b, in one pass over X.

    SQUARED: (z - y)^2 / 2; LOGISTIC: log(1 + e^z) - y z; MULTINOMIAL: log sum e^z - z_y; POISSON: e^z - y z.
    y is (n,), or (n, k) for k > 1 columns of z; the codes 0, 1, ... of the classes for MULTINOMIAL, as floats.
    Equal, bit for bit, to `row_products`, `glm_values` times weight, `weighted_rows_sum`.
    """
    x = raw(X)
    grad, grad_b = np.zeros((W.shape[0], x.n_columns)), np.zeros(W.shape[0])
    sums = _native.glm_sums(x.data, x.indices, x.indptr, x.n_columns, y, weight, W, b, loss, pivot, grad, grad_b)
    return GlmSums(*sums, grad, grad_b)


def glm_values(z: Floats, y: Floats, loss: int) -> tuple[Floats, Floats]:
    """(value, slope): the loss of each row (n,), and its slope in z (n, k)."""
    value, slope = np.empty(z.shape[0]), np.empty(z.shape)
    _native.glm_values(z, y, loss, value, slope)
    return value, slope
