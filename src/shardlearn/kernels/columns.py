"""Sums, extremes and bad values of each column."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from shardlearn import _native
from shardlearn.core.matrix import Floats, Ints, Matrix, raw


class Moments(NamedTuple):
    """Sums over rows with weight w, of x less the pivot."""

    weight_sum: float
    sum: Floats  # (p,): sum of w x
    sum_sq: Floats  # (p,): sum of w x^2


class BadValues(NamedTuple):
    """NaN and infinite values of each column; positions are -1 where there is none."""

    nan_count: Ints  # (p,)
    inf_count: Ints  # (p,)
    first_nan: Ints  # (p,) row position
    first_inf: Ints  # (p,) row position


def moments(X: Matrix, weight: Floats | None = None, pivot: Floats | None = None) -> Moments:
    """Weighted sums and squares, equal to `gram`'s sums and diagonal for dense X."""
    x = raw(X)
    sums, squares = np.zeros(x.n_columns), np.zeros(x.n_columns)
    weight_sum = _native.moments(x.data, x.indices, x.indptr, x.n_columns, weight, pivot, sums, squares)
    return Moments(weight_sum, sums, squares)


def column_range(X: Matrix) -> tuple[Floats, Floats]:
    """(min, max) of each column, NaN apart; (inf, -inf) where nothing is left. Zeros that are not stored count."""
    x = raw(X)
    low, high = np.empty(x.n_columns), np.empty(x.n_columns)
    _native.column_range(x.data, x.indices, x.indptr, x.n_columns, low, high)
    return low, high


def all_finite(X: Matrix) -> bool:
    """Whether no value is NaN or infinite."""
    x = raw(X)
    return _native.all_finite(x.data, x.indices, x.indptr, x.n_columns)


def count_bad(X: Matrix) -> BadValues | None:
    """None where every value is finite (at memory speed), else what is bad and where."""
    x = raw(X)
    if _native.all_finite(x.data, x.indices, x.indptr, x.n_columns):
        return None
    p = x.n_columns
    bad = BadValues(np.zeros(p, np.int64), np.zeros(p, np.int64), np.full(p, -1), np.full(p, -1))
    _native.count_bad(x.data, x.indices, x.indptr, p, *bad)
    return bad
