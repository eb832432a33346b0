"""What "near" means: each metric is a key that grows with the distance, defined to the bit, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from shardlearn import kernels
from shardlearn.core.matrix import Array, Csr, Floats, Ints, Matrix, slice_rows, to_dense
from shardlearn.kernels import Measure, Neighbors, Points

PLAIN = {
    "inner_product": Measure.PRODUCT,
    "manhattan": Measure.ABSOLUTE,
    "chebyshev": Measure.LARGEST,
    "hamming": Measure.DIFFERENT,
    "minkowski": Measure.POWER,
}
SQUARES = ("euclidean", "sqeuclidean", "cosine")
METRICS = (*SQUARES, *PLAIN)
FAR = 2.0**59  # below a key of cosine where the query is zero: then all rows are at distance 1
PIECE = 4 * 1024 * 1024  # bytes of sparse rows that are dense at a time

Queries: TypeAlias = Points | Floats  # as rows are compared with them


@dataclass(frozen=True, slots=True)
class Metric:
    """The key of rows x and y; the nearest rows are those of the least (key, row id).

    - euclidean, sqeuclidean: sum (x - y)^2, one chain of multiply-adds over the features in order
    - cosine: the same of the rows over their lengths, 2 (1 - cosine); zeros are at a right angle to all
    - inner_product: - sum x y, one chain of multiply-adds
    - manhattan, chebyshev, hamming: sum |x - y|, max |x - y|, number of features that differ
    - minkowski: sum |x - y|^power
    """

    name: str
    power: float = 2.0  # of minkowski

    def packed(self, queries: Matrix) -> Queries:
        """Queries as `search` takes them; the layout depends on the processor."""
        X = to_dense(queries)
        if self.name in PLAIN:
            return X.astype(np.float64, order="C", copy=False)
        return Points.of(kernels.unit_rows(X, queries=True) if self.name == "cosine" else X.astype(np.float64))

    def packed_bytes(self, rows: int, features: int) -> int:
        """What `packed` takes, and what it takes on the way."""
        return rows * (12 * (features + 8) + 8 * features) + 64 * features

    def search(self, X: Matrix, ids: Ints, queries: Queries, into: Neighbors) -> None:
        """Join rows to what was found among others."""
        for start, rows in dense_pieces(X):
            some = ids[start : start + len(rows)]
            if isinstance(queries, Points):
                near = kernels.unit_rows(rows, queries=False) if self.name == "cosine" else rows
                kernels.nearest_rows(near, some, queries, into)
            else:
                kernels.nearest_by(rows, some, queries, PLAIN[self.name], self.power, into)

    def distance(self, key: Floats, features: int) -> Floats:
        """The distances of keys."""
        match self.name:
            case "euclidean":
                return np.asarray(np.sqrt(key))
            case "cosine":
                return np.where(key < FAR, 0.5 * key, 1.0)
            case "hamming":
                return key / features
            case "minkowski":
                return np.where(key > 0, kernels.exp(kernels.log(key) / self.power), 0.0)
            case _:
                return key


def dense_pieces(X: Matrix) -> Iterator[tuple[int, Array]]:
    """Rows as dense arrays, each with the position of its first one; sparse ones a few at a time."""
    if not isinstance(X, Csr):
        yield 0, X
        return
    n, p = X.shape
    step = max(PIECE // max(p * X.dtype.itemsize, 1), 64)
    for start in range(0, n, step):
        yield start, to_dense(slice_rows(X, start, min(start + step, n)))
