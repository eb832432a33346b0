"""Distances that are no sums of squares, each one chain in float64; and lists of neighbours that are put together."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from shardlearn import _native
from shardlearn.core.matrix import Array, Csr, Floats, Ints, Matrix, own_rows, raw

from .points import Neighbors, Pairs

Origin = NDArray[np.int32]


class Measure(IntEnum):
    """A key that grows with the distance: a sum over the features in order, or their maximum; native/table.hpp."""

    PRODUCT = 0  # -x . y, multiply-adds
    ABSOLUTE = 1  # |x - y|
    LARGEST = 2
    DIFFERENT = 3  # features that are not equal, counted
    POWER = 4  # |x - y|^power, multiplied out where power is whole and at most 64
    SQUARE = 5  # (x - y)^2, multiply-adds
    SPHERE = 6  # haversine; rows are (longitude, cosine of the latitude, latitude)


def nearest_by(X: Array, ids: Ints, points: Floats, measure: Measure, power: float, into: Neighbors) -> None:
    """Joins these rows to what was found among others."""
    _native.nearest_by(X, X.shape[1], ids, points, int(measure), power, into.square, into.id)


def within_by(
    X: Array, ids: Ints, points: Floats, measure: Measure, power: float, limit: float, counts: Ints | None = None
) -> Pairs:
    """Rows whose key is not above the limit; with `counts` (m,) they are only counted, and added there."""
    return Pairs(*_native.within_by(X, X.shape[1], ids, points, int(measure), power, limit, counts))


def sorted_lists(pairs: Pairs, m: int) -> tuple[Ints, Ints]:
    """(starts, order): order[starts[j]:starts[j + 1]] says which pairs are point j's, ascending by (key, id)."""
    starts, order = np.empty(m + 1, np.int64), np.empty(len(pairs.id), np.int64)
    _native.sorted_lists(pairs.point, pairs.square, pairs.id, starts, order)
    return starts, order


def unit_rows(X: Array, queries: bool) -> Floats:
    """(n, p + 2): rows over their lengths; half the squared distance of two such rows is 1 - cosine.

    A row of zeros has a one in a column of its own, so it is at a right angle to every query. A query of zeros
    has 2**30 in another one: it is as far from all rows, to the bit.
    """
    out = np.empty((X.shape[0], X.shape[1] + 2))
    _native.unit_rows(X, X.shape[1], int(queries), out)
    return out


def normalized(X: Matrix) -> tuple[Matrix, NDArray[np.bool_]]:
    """Rows over their lengths, in float64 and then rounded to their own dtype; (n,) which rows are zeros, and stay."""
    x, none = raw(own_rows(X, 0, X.shape[0])), np.empty(X.shape[0], np.bool_)
    out = np.empty_like(x.data)
    _native.normalize(x.data, x.indices, x.indptr, x.n_columns, out, none)
    if x.indices is None or x.indptr is None:
        return out, none
    return Csr(out, x.indices, x.indptr, x.n_columns), none


def join_nearest(into: Neighbors, other: Neighbors) -> Origin:
    """The nearest of both, in `into`; (m, k) where each stood: below k in `into`, from k on in `other`."""
    origin = np.empty(into.id.shape, np.int32)
    _native.join_nearest(into.square, into.id, other.square, other.id, origin)
    return origin
