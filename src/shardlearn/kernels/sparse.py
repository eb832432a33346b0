"""Neighbours among sparse rows: the same keys as of dense ones, to the bit, from the values that are stored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shardlearn import _native
from shardlearn.core.matrix import Array, Csr, Ints

from .distances import Measure
from .points import Neighbors, Pairs

FAR = 2.0**30


def nearest_sparse_rows(X: Csr, ids: Ints, points: Csr, measure: Measure, into: Neighbors) -> None:
    """Joins these rows to what was found among others; the measure is SQUARE or PRODUCT, points are float64."""
    _native.sparse_nearest(*_fields(X), X.n_columns, ids, *_fields(points), int(measure), into.square, into.id)


def sparse_within(X: Csr, ids: Ints, points: Csr, measure: Measure, limit: float, counts: Ints | None = None) -> Pairs:
    """Rows whose key is not above the limit; with `counts` (m,) they are only counted, and added there."""
    return Pairs(*_native.sparse_within(*_fields(X), X.n_columns, ids, *_fields(points), int(measure), limit, counts))


def unit_sparse_rows(X: Csr, queries: bool) -> Csr:
    """What `unit_rows` makes of the same rows dense."""
    inside = slice(int(X.indptr[0]), int(X.indptr[-1]))
    values, indices, indptr = np.empty(inside.stop - inside.start), X.indices[inside], X.indptr - X.indptr[0]
    _native.unit_values(*_fields(X), X.n_columns, values)
    zero = np.diff(indptr) == 0
    if zero.any():
        at = indptr[:-1][zero]
        values = np.insert(values, at, FAR if queries else 1.0)
        indices = np.insert(indices, at, X.n_columns + queries)
        indptr = indptr + np.concatenate([[0], np.cumsum(zero)])
    return Csr(values, indices, indptr, X.n_columns + 2)


def _fields(X: Csr) -> tuple[Array, NDArray[np.int32], Ints]:
    return X.data, X.indices, X.indptr
