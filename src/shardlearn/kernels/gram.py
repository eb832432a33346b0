"""Second moments of a block: the sums that least squares needs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from shardlearn import _native
from shardlearn.core.matrix import Floats, Matrix, raw


class GramSums(NamedTuple):
    """Sums over rows with weight w, of x and y less their pivots."""

    weight_sum: Floats  # (1,)
    sum_x: Floats  # (p,): sum of w x
    sum_y: Floats  # (t,): sum of w y
    G: Floats  # (p, p): sum of w x x^T in the upper triangle, zero below
    H: Floats  # (p, t): sum of w x y^T
    yy: Floats  # (t,): sum of w y^2

    @staticmethod
    def zeros(p: int, t: int) -> GramSums:
        """The sums over no rows."""
        return GramSums(np.zeros(1), np.zeros(p), np.zeros(t), np.zeros((p, p)), np.zeros((p, t)), np.zeros(t))


def gram(
    X: Matrix,
    Y: Floats | None = None,
    weight: Floats | None = None,
    pivot: Floats | None = None,
    pivot_y: Floats | None = None,
    out: GramSums | None = None,
) -> GramSums:
    """The block's sums, added to `out` in place where it is given.

    Dense: chains over 256 rows from the block's first, which are added in order. Sparse (no pivot): one chain over
    all rows, continued from `out`. Y is (n, t).
    """
    x = raw(X)
    sums = GramSums.zeros(x.n_columns, 0 if Y is None else Y.shape[1]) if out is None else out
    _native.gram(x.data, x.indices, x.indptr, x.n_columns, Y, weight, pivot, pivot_y, *sums)
    return sums
