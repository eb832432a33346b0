"""What k-means asks of rows: exact sums of clusters, the nearest centre, sums of scalars in twice the precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

import shardlearn._native as _native
from shardlearn.core.fixed import Scale
from shardlearn.core.matrix import Array, Floats, Ints, Matrix, raw, to_dense

from .moves import Moves
from .points import Labels, Nearest, Points, _fields
from .points import nearest as nearest_dense
from .sparse_clusters import Across

Centers: TypeAlias = Points | Across


def centers_of(values: Matrix, sparse: bool, unit: bool = False) -> Centers:
    """(k, p) points as rows of that kind are compared with them; `unit`: rows and points have length one."""
    return Across.of(values, unit) if sparse else Points.of(np.ascontiguousarray(to_dense(values)))


def nearest_center(X: Matrix, centers: Centers, squares: bool = False) -> Nearest:
    """Of each row the point at the least distance, the lowest number where several are."""
    x = raw(X)
    if isinstance(centers, Points):
        return nearest_dense(x.data, centers, squares)
    label = np.empty(X.shape[0], np.int32)
    square = np.empty(X.shape[0]) if squares else None
    points = centers.values, centers.half, centers.k
    _native.nearest_sparse(x.data, x.indices, x.indptr, x.n_columns, *points, label, square)
    return Nearest(label, square, 0, X.shape[0])


def nearer_center(X: Matrix, centers: Centers, first: int, label: Labels, square: Floats) -> None:
    """Where one of these points is at less than the squared distance that is known, both are updated.

    Points are numbered from `first` on.
    """
    x = raw(X)
    if isinstance(centers, Points):
        _native.nearer(x.data, x.n_columns, *_fields(centers), first, label, square)
        return
    other, less, *_ = nearest_center(X, centers, squares=True)
    assert less is not None
    nearer = less < square
    label[nearer], square[nearer] = other[nearer] + np.int32(first), less[nearer]


@dataclass(frozen=True, slots=True)
class Bounded:
    """The nearest point of each row; its distance at most, and that of every other point at least."""

    label: Labels  # (n,)
    upper: NDArray[np.float32]  # (n,)
    lower: NDArray[np.float32]  # (n,)


@dataclass(frozen=True, slots=True)
class Moved:
    """How far each of k points went, at most; and the largest two of these."""

    each: NDArray[np.float32]  # (k,)
    most: float
    next: float


def unbounded(n: int) -> Bounded:
    """Room for n rows."""
    return Bounded(np.empty(n, np.int32), np.empty(n, np.float32), np.empty(n, np.float32))


def nearest_bounds(X: Array, points: Points, into: Bounded | None = None, some: Ints | None = None) -> Bounded:
    """As `nearest`, and bounds, from the float32 scores alone.

    Of `some` rows where they are named, into what is there.
    """
    out = unbounded(len(X)) if into is None else into
    _native.nearest_bounds(X, X.shape[1], *_fields(points), some, out.label, out.upper, out.lower)
    return out


def loosened(bounded: Bounded, moved: Moved) -> tuple[Bounded, Ints]:
    """The bounds after the points moved, and the rows for which another point may be nearest now; labels stay."""
    out = Bounded(bounded.label, bounded.upper.copy(), bounded.lower.copy())
    doubtful = np.empty(len(out.label), np.int64)
    count = _native.loosen(out.label, moved.each, moved.most, moved.next, out.upper, out.lower, doubtful)
    return out, doubtful[:count]


def center_squares(X: Matrix, centers: Centers) -> Floats:
    """(n, k): the squared distance of each row to each point, as `nearest_center` has it of the nearest."""
    x = raw(X)
    if isinstance(centers, Points):
        out = np.empty((X.shape[0], len(centers.values)))
        _native.dense_squares(x.data, x.n_columns, centers.values, out)
        return out
    out = np.empty((X.shape[0], centers.k))
    _native.sparse_squares(x.data, x.indices, x.indptr, x.n_columns, centers.values, centers.half, centers.k, out)
    return out


def cluster_sums(X: Matrix, moves: Moves, scale: Scale, sums: Ints, weights: Ints) -> Ints:
    """Takes the rows whose label is another than before, and what they weigh together is returned, (layers,).

    For each layer of the weights, adds a row's limbs times its weight to `sums[:, label]` (limbs, k, p) and its weight
    to `weights[label]`, and takes them from those of `before`: integers, so the sums are the same whatever the way to
    them. `sums` are (layers, limbs, k, p), `weights` (layers, k).
    """
    x, factor = raw(X), np.ldexp(1.0, scale.exponent)
    rows = x.data, x.indices, x.indptr, x.n_columns, moves.label, moves.before
    each = zip(moves.layers, sums, weights, strict=True)
    changed = [_native.cluster_sums(*rows, weight, factor, scale.room, into, of) for weight, into, of in each]
    return np.array(changed, np.int64)


@dataclass(frozen=True, slots=True)
class InPairs:
    """Rows at nodes of a tree, some of which have a pair of points below them."""

    node: Labels  # (n,)
    pair: Labels  # (nodes,) the number of each node's pair; -1: none

    @classmethod
    def of(cls, node: Labels, inner: Sequence[int]) -> InPairs:
        """Pairs below these nodes, in this order."""
        pair = np.full(max(int(node.max(initial=0)), *inner, 0) + 1, -1, np.int32)
        pair[list(inner)] = np.arange(len(inner), dtype=np.int32)
        return cls(node, pair)


def sides(X: Array, points: Floats, rows: InPairs, side: Labels) -> None:
    """Of each row the nearer of two points, 0 or 1, as `nearest_center` has it: those of its pair (pairs, 2, p).

    `side` (n,) keeps what it has where a row has no pair.
    """
    _native.sides(X, X.shape[1], points, rows.node, rows.pair, side)


@dataclass(frozen=True, slots=True)
class PairSums:
    """Sums of the two clusters of each pair."""

    sums: Ints  # (layers, pairs, limbs, 2, p)
    weights: Ints  # (layers, pairs, 2)
    changed: Ints  # (layers, pairs) whole weight of the rows that moved

    @classmethod
    def none(cls, pairs: int, features: int, limbs: int, layers: int = 1) -> PairSums:
        shape = (layers, pairs, limbs, 2, features)
        none = np.zeros((layers, pairs), np.int64)
        return cls(np.zeros(shape, np.int64), np.zeros((layers, pairs, 2), np.int64), none)


def pair_sums(X: Array, rows: InPairs, moves: Moves, factor: tuple[Floats, int], into: PairSums) -> None:
    """As `cluster_sums`, of the clusters 0 and 1 of each row's pair, whose scale is its own.

    `factor`: powers of two (pairs, p), and the bits of a limb.
    """
    assert moves.before is not None
    told = X, X.shape[1], rows.node, rows.pair, moves.label, moves.before
    for weight, *out in zip(moves.layers, into.sums, into.weights, into.changed, strict=True):
        _native.pair_sums(*told, weight, *factor, *out)


def cluster_means(sums: Ints, weights: Ints, centers: Floats, scale: Scale, bits: int = 1) -> Floats:
    """(k, p) sums (layers, limbs, k, p) over weights (layers, k), to the last bit.

    The next layer counts 2**-bits as much. A cluster that weighs nothing keeps its old centre.
    """
    out = centers.copy()
    _native.cluster_means(sums, weights, np.ldexp(1.0, scale.exponent), scale.room, bits, out)
    return out


def point_squares(points: Floats) -> Floats:
    """(m, m): the squared distance of each point to each, one FMA chain over the features."""
    out = np.empty((len(points), len(points)))
    _native.point_squares(points, out)
    return out


def spread(points: Floats, mass: Floats, draws: Floats, squares: Floats | None = None) -> Ints:
    """(k,) which of the (m, p) points greedy k-means++ takes (Arthur & Vassilvitskii 2007).

    `draws` (k, trials) in [0, 1) say which points are tried, by mass times squared distance; `squares` are their
    distances, which are computed as they are needed without. Repeated from the first on where fewer than k lie apart.
    """
    out = np.empty(len(draws), np.int64)
    _native.spread(points, mass, draws, squares, out)
    return out


def double_sum(values: Floats, weight: Floats | None = None) -> tuple[float, float]:
    """(high, low): the sum of values times weights in 16 lanes of twice the precision, folded by halves."""
    return _native.double_sum(values, weight)
