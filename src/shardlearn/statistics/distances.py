"""What "near" means: each metric is a key that grows with the distance, defined to the bit, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shardlearn import kernels
from shardlearn.core.errors import InputError
from shardlearn.core.matrix import Array, Csr, Floats, Ints, Matrix, slice_rows, to_dense
from shardlearn.kernels import Measure, Neighbors, Pairs, Points, Tree

PLAIN = {
    "inner_product": Measure.PRODUCT,
    "manhattan": Measure.ABSOLUTE,
    "chebyshev": Measure.LARGEST,
    "hamming": Measure.DIFFERENT,
    "minkowski": Measure.POWER,
    "haversine": Measure.SPHERE,
}
SQUARES = ("euclidean", "sqeuclidean", "cosine")
SPARSE = (*SQUARES, "inner_product")  # sparse rows are compared as they are
METRICS = (*SQUARES, *PLAIN)
FAR = 2.0**59  # below a key of cosine where the query is zero: then all rows are at distance 1
PIECE = 4 * 1024 * 1024  # bytes of sparse rows that are dense at a time
ROUND = 1.0 + 1e-12  # more than what rounding does to a key, or to a distance
TURNS = 1e6  # radians; the sine is not computed beyond


@dataclass(frozen=True, slots=True)
class Metric:
    """The key of rows x and y; the nearest rows are those of the least (key, row id).

    - euclidean, sqeuclidean: sum (x - y)^2, one chain of multiply-adds over the features in order
    - cosine: the same of the rows over their lengths, 2 (1 - cosine); zeros are at a right angle to all
    - inner_product: - sum x y, one chain of multiply-adds
    - manhattan, chebyshev, hamming: sum |x - y|, max |x - y|, number of features that differ
    - minkowski: sum |x - y|^power
    - haversine: sin^2 of half the latitudes' difference + product of their cosines x sin^2 of half the longitudes'
    """

    name: str
    power: float = 2.0  # of minkowski

    def packed(self, queries: Matrix) -> Queries:
        """Queries as `search` takes them; the layout depends on the processor."""
        return Queries(self, queries)

    def packed_bytes(self, rows: int, features: int) -> int:
        """What `packed` takes, and what it takes on the way."""
        return rows * (12 * (features + 8) + 8 * features) + 64 * features

    def search(self, X: Matrix, ids: Ints, queries: Queries, into: Neighbors) -> None:
        """Join rows to what was found among others."""
        for rows, some in self._comparable(X, ids):
            if isinstance(rows, Csr):
                kernels.nearest_sparse_rows(rows, some, queries.sparse, self.measure, into)
            elif self.name in SQUARES:
                kernels.nearest_rows(rows, some, queries.points, into)
            else:
                kernels.nearest_by(rows, some, queries.plain, self.measure, self.power, into)

    def within(
        self, X: Matrix, ids: Ints, queries: Queries, limit: float, counts: Ints | None = None
    ) -> Iterator[Pairs]:
        """Rows whose key is not above the limit; with `counts` (m,) they are only counted, and added there."""
        for rows, some in self._comparable(X, ids):
            if isinstance(rows, Csr):
                yield kernels.sparse_within(rows, some, queries.sparse, self.measure, limit, counts)
            elif self.name in SQUARES:
                yield kernels.rows_within(rows, some, queries.points, limit, counts)
            else:
                yield kernels.within_by(rows, some, queries.plain, self.measure, self.power, limit, counts)

    @property
    def measure(self) -> Measure:
        """How kernels call it."""
        return PLAIN.get(self.name, Measure.SQUARE)

    @property
    def grows(self) -> bool:
        """Whether a tree can be asked: the key is no less where features are farther apart, whatever is rounded."""
        if self.name == "minkowski":
            return self.power == int(self.power) and self.power <= 64
        return self.name in ("euclidean", "sqeuclidean", "manhattan", "chebyshev")

    def search_tree(self, tree: Tree, queries: Queries, into: Neighbors) -> int:
        """Join the rows of a tree; says how many were looked at."""
        return tree.nearest(queries.plain, self.measure, self.power, into)

    def within_tree(self, tree: Tree, queries: Queries, limit: float, counts: Ints | None = None) -> Pairs:
        """The same as `within` of the rows of a tree."""
        return tree.within(queries.plain, self.measure, self.power, limit, counts)

    def _comparable(self, X: Matrix, ids: Ints) -> Iterator[tuple[Matrix, Ints]]:
        """The rows as they are compared with queries, and their ids."""
        if isinstance(X, Csr) and self.name in SPARSE:
            yield (kernels.unit_sparse_rows(X, queries=False) if self.name == "cosine" else X), ids
            return
        for start, rows in dense_pieces(X):
            some = ids[start : start + len(rows)]
            yield self.dense(rows, queries=False), some

    def dense(self, X: Array, queries: bool) -> Array:
        """Rows in the space in which keys are chains."""
        if self.name == "cosine":
            return kernels.unit_rows(X, queries)
        return on_sphere(X) if self.name == "haversine" else X

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
            case "haversine":
                return 2.0 * kernels.asin(np.sqrt(np.minimum(key, 1.0)))
            case _:
                return key

    def reach(self, radius: float, features: int) -> float:
        """A key that no row is above whose distance is not above the radius; some that are farther may be below."""
        if self.name == "inner_product":
            return radius
        if radius < 0:
            return -1.0
        match self.name:
            case "euclidean":
                key = radius * radius
            case "cosine":
                key = 2.0 * radius if radius < 1.0 else np.inf
            case "hamming":
                key = radius * features
            case "minkowski":
                key = float(kernels.exp(self.power * kernels.log(np.array([radius])))[0])
            case "haversine":
                half = kernels.sin(np.array([0.5 * min(radius, 3.0)]))[0]
                key = float(half * half) if radius < 3.0 else np.inf
            case _:
                key = radius
        return key * ROUND + 1e-300


class Queries:
    """Rows that others are compared with, in the forms that comparing takes, each made when it is first needed."""

    def __init__(self, metric: Metric, X: Matrix) -> None:
        self.metric, self.X = metric, X

    @cached_property
    def plain(self) -> Floats:
        """(m, p) float64, in the space in which keys are chains."""
        return self.metric.dense(to_dense(self.X), queries=True).astype(np.float64, order="C", copy=False)

    @cached_property
    def points(self) -> Points:
        """The same with what float32 scores need."""
        return Points.of(self.plain)

    @cached_property
    def sparse(self) -> Csr:
        """The same without zeros."""
        X = self.X if isinstance(self.X, Csr) else without_zeros(self.X)
        if self.metric.name == "cosine":
            return kernels.unit_sparse_rows(X, queries=True)
        return Csr(X.data.astype(np.float64, copy=False), X.indices, X.indptr, X.n_columns)


def without_zeros(X: Array) -> Csr:
    """The same rows, sparse."""
    rows, columns = np.nonzero(X)
    indptr = np.searchsorted(rows, np.arange(len(X) + 1)).astype(np.int64)
    return Csr(X[rows, columns], columns.astype(np.int32), indptr, X.shape[1])


def on_sphere(X: Array) -> Floats:
    """(n, 3) longitudes, cosines of latitudes, and latitudes, of rows (latitude, longitude) in radians."""
    if not bool((np.abs(X) <= TURNS).all()):
        raise InputError(
            "Angles of the haversine distance are in radians.",
            code="SL2326",
            found=f"an angle of more than {TURNS:,.0f}",
            needed="latitudes and longitudes in radians",
            fix="np.radians of degrees",
        )
    latitude, longitude = np.ascontiguousarray(X.T.astype(np.float64))
    return np.stack([longitude, kernels.cos(latitude), latitude], axis=1)


def dense_pieces(X: Matrix) -> Iterator[tuple[int, Array]]:
    """Rows as dense arrays, each with the position of its first one; sparse ones a few at a time."""
    if not isinstance(X, Csr):
        yield 0, X
        return
    n, p = X.shape
    step = max(PIECE // max(p * X.dtype.itemsize, 1), 64)
    for start in range(0, n, step):
        yield start, to_dense(slice_rows(X, start, min(start + step, n)))
