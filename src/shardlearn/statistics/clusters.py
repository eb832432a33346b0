"""What one iteration of k-means asks of rows: which cluster each is in, and sums over those that moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.fixed import Scale, Weights
from shardlearn.core.matrix import Array, Floats, Ints, Matrix, concat_rows, doubles, raw, take_rows

from .double import Double
from .parts import parts_of, stretch, together
from .unit_rows import by_cosine, full_weight

LABELS = "labels"  # name of the carry
Labels = NDArray[np.int32]


def whole(weight: Floats | None, weights: Weights | None, n: int) -> Ints | None:
    """(layers, n) weights as whole numbers, which they are where `weights` is None; None for ones."""
    if weights is None and weight is None:
        return None
    return (weights or Weights()).whole(np.ones(n) if weight is None else weight)


def layers_of(weights: Weights | None) -> int:
    return 1 if weights is None else weights.layers


# -- labels, carried ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Later:
    """Centres that are made ready when a block asks for them, once for all blocks."""

    points: Matrix  # (k, p)
    sparse: bool
    unit: bool = False  # rows and centres have length one

    @cached_property
    def centers(self) -> kernels.Centers:
        return kernels.centers_of(self.points, self.sparse, self.unit)


@dataclass(frozen=True, slots=True)
class Assign:
    """The cluster of each row under these centres, and under those before: -1 where there were none."""

    centers: kernels.Centers
    before: Later | None

    def __call__(self, block: Block, /) -> Mapping[str, Array]:
        label = kernels.nearest_center(block.X, self.centers).label
        if self.before is None:
            return {"label": label, "before": np.full(block.n, -1, np.int32)}
        return {"label": label, "before": kernels.nearest_center(block.X, self.before.centers).label}


@dataclass(frozen=True, slots=True)
class Reassign:
    """The same where the last labels are at hand."""

    centers: kernels.Centers

    def __call__(self, block: Block, /) -> Mapping[str, Array]:
        label = kernels.nearest_center(block.X, self.centers).label
        return {"label": label, "before": block.extra[f"{LABELS}/label"]}


# -- labels with bounds, for rows that need not be looked at -----------------------------------------------------------

MANY = 0.9  # share of a block's rows from which on all of them are compared at once


@dataclass(frozen=True, slots=True)
class AssignBounded:
    """As `Assign`, with what `ReassignDoubtful` goes on from; it also finds most of these labels from those before."""

    centers: kernels.Points
    before: Later | None
    moved: kernels.Moved

    def __call__(self, block: Block, /) -> Mapping[str, Array]:
        none = np.full(block.n, -1, np.int32)
        if self.before is None:
            return _columns(kernels.nearest_bounds(raw(block.X).data, self.centers), none, None)
        before = self.before.centers
        assert isinstance(before, kernels.Points)
        known = _columns(kernels.nearest_bounds(raw(block.X).data, before), none, None)
        return ReassignDoubtful(self.centers, self.moved)(block.with_extra(LABELS, known))


@dataclass(frozen=True, slots=True)
class ReassignDoubtful:
    """As `Reassign`, but only rows whose nearest centre may be another one are compared (Hamerly 2010).

    A row stays where it is if its centre is surely nearer than any other, by how far centres moved since the row was
    compared: so labels are those that comparing all rows gives.
    """

    centers: kernels.Points | kernels.Led
    moved: kernels.Moved

    def __call__(self, block: Block, /) -> Mapping[str, Array]:
        few = _few(block, self.centers)
        before, upper, lower = (block.extra[f"{LABELS}/{name}"] for name in ("label", "upper", "lower"))
        now, doubtful = kernels.loosened(kernels.Bounded(before, upper, lower), self.moved)
        if len(doubtful) > MANY * block.n:
            return _columns(_bounded(raw(block.X).data, self.centers, few), before, few)
        now = kernels.Bounded(before.copy(), now.upper, now.lower)
        if len(doubtful):
            _bounded(raw(block.X).data, self.centers, few, now, doubtful)
        return _columns(now, before, few)


def _few(block: Block, centers: kernels.Points | kernels.Led) -> Array | None:
    """Coordinates of the rows along a few directions, where centres are compared along them first."""
    if isinstance(centers, kernels.Points):
        return None
    few = block.extra.get(f"{LABELS}/few")
    return centers.directions.coordinates(raw(block.X).data) if few is None else few


def _bounded(
    X: Array,
    centers: kernels.Points | kernels.Led,
    few: Array | None,
    into: kernels.Bounded | None = None,
    some: Ints | None = None,
) -> kernels.Bounded:
    if isinstance(centers, kernels.Points):
        return kernels.nearest_bounds(X, centers, into, some)
    assert few is not None
    return kernels.nearest_led(X, centers, few, into, some)[0]


def _columns(now: kernels.Bounded, before: Labels, few: Array | None) -> Mapping[str, Array]:
    columns = {"label": now.label, "before": before, "upper": now.upper, "lower": now.lower}
    return columns if few is None else columns | {"few": few}


# -- sums --------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Moved:
    """What the rows that changed their cluster brought to it, less what they took from the one before."""

    sums: Ints  # (layers, limbs, k, p) fixed point, each row times its whole weight
    weights: Ints  # (layers, k) whole
    changed: Ints  # (layers,) whole weight of these rows


@dataclass(frozen=True, slots=True)
class ClusterSums:
    """Exact, in place: only rows whose label changed are read."""

    k: int
    features: int
    scale: Scale
    heavy: Weights | None = None
    exact: ClassVar[bool] = True

    def of(self, block: Block, /) -> Moved:
        layers = layers_of(self.heavy)
        sums = np.zeros((layers, self.scale.limbs, self.k, self.features), np.int64)
        return self.add(Moved(sums, np.zeros((layers, self.k), np.int64), np.zeros(layers, np.int64)), block)

    def add(self, into: Moved, block: Block, /) -> Moved:
        weight = whole(block.weight, self.heavy, block.n)
        moves = kernels.Moves(block.extra[f"{LABELS}/label"], block.extra[f"{LABELS}/before"], weight)
        into.changed += kernels.cluster_sums(block.X, moves, self.scale, into.sums, into.weights)
        return into

    def merge(self, left: Moved, right: Moved, /) -> Moved:
        left.sums += right.sums
        left.weights += right.weights
        left.changed += right.changed
        return left

    def bytes(self) -> int:
        return 8 * layers_of(self.heavy) * (self.k * (1 + self.scale.limbs * self.features) + 1)

    @property
    def parts(self) -> int:
        return parts_of(self.bytes())

    def part(self, answer: Moved, i: int, /) -> Moved:
        count, none = self.parts, np.zeros_like(answer.changed)
        return Moved(stretch(answer.sums, i, count), stretch(answer.weights, i, count), none if i else answer.changed)

    def join(self, results: Sequence[Moved], /) -> Moved:
        layers = layers_of(self.heavy)
        sums = together([part.sums for part in results], (layers, self.scale.limbs, self.k, self.features))
        return Moved(sums, together([part.weights for part in results], (layers, self.k)), results[0].changed)


# -- rows far from their centre ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FarRows:
    """Rows by falling distance from their centre, of equal ones the lowest id first."""

    square: Floats  # (m,)
    id: Ints  # (m,)
    label: Labels  # (m,)
    weight: Ints  # (m, layers) whole
    X: Matrix  # (m, p)

    def first(self, most: int) -> FarRows:
        """The farthest of them."""
        order = np.lexsort((self.id, -self.square))[:most]
        X = take_rows(self.X, order)
        return FarRows(self.square[order], self.id[order], self.label[order], self.weight[order], X)


@dataclass(frozen=True, slots=True)
class Farthest:
    """Exact: the rows that are farthest from the nearest centre, of those that weigh something."""

    centers: kernels.Centers
    features: int
    most: int
    heavy: Weights | None = None
    exact: ClassVar[bool] = True

    def of(self, block: Block, /) -> FarRows:
        label, square, *_ = kernels.nearest_center(block.X, self.centers, squares=True)
        assert square is not None
        found = whole(block.weight, self.heavy, block.n)
        weight = np.ones((block.n, 1), np.int64) if found is None else found.T
        where, ids = np.flatnonzero(weight.any(axis=1)), block.row_ids()
        where = where[np.lexsort((ids[where], -square[where]))[: self.most]]
        X = doubles(take_rows(block.X, where))
        return FarRows(square[where], ids[where], label[where], weight[where], X)

    def merge(self, left: FarRows, right: FarRows, /) -> FarRows:
        names = ("square", "id", "label", "weight")
        square, ids, label, weight = (np.concatenate([getattr(left, name), getattr(right, name)]) for name in names)
        return FarRows(square, ids, label, weight, concat_rows([left.X, right.X])).first(self.most)

    def bytes(self) -> int:
        return self.most * (28 + 8 * layers_of(self.heavy) + 12 * self.features) + 8


# -- the end -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Assigned:
    """The sum of squared distances times weights, and labels by block where they are asked for."""

    inertia: Double
    labels: tuple[Labels, ...]


@dataclass(frozen=True, slots=True)
class Inertia:
    """sum_i s_i min_j |x_i - c_j|^2, or of 1 - cosine, in twice the working precision."""

    centers: kernels.Centers
    rows: int | None = None  # at most so many labels are answered too; None: no labels
    carried: bool = False  # labels are those of the carry
    unit: bool = False  # 1 - cosine
    exact: ClassVar[bool] = False

    @property
    def gathers(self) -> bool:
        """Labels are rows; the rest of an answer is nothing beside them."""
        return self.rows is not None

    def of(self, block: Block, /) -> Assigned:
        square: Floats | None
        if self.carried:
            assert isinstance(self.centers, kernels.Points)
            label = block.extra[f"{LABELS}/label"]
            square = kernels.label_squares(raw(block.X).data, self.centers, label)
        else:
            label, square, *_ = kernels.nearest_center(block.X, self.centers, squares=True)
            assert square is not None
        if self.unit:
            label, square = by_cosine(block, label, square)
        inertia = Double(*kernels.double_sum(square, full_weight(block)))
        return Assigned(inertia, () if self.rows is None or not block.n else (label,))

    def merge(self, left: Assigned, right: Assigned, /) -> Assigned:
        return Assigned(left.inertia + right.inertia, left.labels + right.labels)

    def bytes(self) -> int:
        return 16 + 4 * (self.rows or 0)
