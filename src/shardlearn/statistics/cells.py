"""Sums of clusters of sparse rows: lists of the cells (feature, cluster) that some row touches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.fixed import Scale
from shardlearn.core.matrix import Csr, Ints

from .clusters import LABELS, whole
from .parts import parts_of, stretch, together


@dataclass(frozen=True, slots=True)
class Cells:
    """Fixed point; all other cells are zero."""

    at: Ints  # (m,) feature * k + cluster, ascending
    limbs: Ints  # (m, limbs)

    @classmethod
    def none(cls, limbs: int) -> Cells:
        return cls(np.zeros(0, np.int64), np.zeros((0, limbs), np.int64))

    def plus(self, other: Cells) -> Cells:
        return Cells(*kernels.join_cells(self.at, self.limbs, other.at, other.limbs))


@dataclass(frozen=True, slots=True)
class CellTable:
    """Sums of all k clusters, as centres of sparse rows lie."""

    k: int
    limbs: Ints  # (limbs, p, line)

    def plus(self, cells: Cells) -> CellTable:
        limbs = self.limbs.copy()
        kernels.add_cells(cells.at, cells.limbs, self.k, limbs)
        return CellTable(self.k, limbs)


@dataclass(frozen=True, slots=True)
class MovedCells:
    """As `Moved`: what the rows that changed their cluster brought to it, less what they took from the one before."""

    sums: Cells
    weights: Ints  # (k,) whole
    changed: int  # whole weight of these rows


@dataclass(frozen=True, slots=True)
class CellSums:
    """Exact; as `ClusterSums`, for sparse rows."""

    k: int
    features: int
    scale: Scale
    exponent: int | None = None  # of weights
    exact: ClassVar[bool] = True

    def of(self, block: Block, /) -> MovedCells:
        assert isinstance(block.X, Csr)
        label, before = (block.extra[f"{LABELS}/{name}"] for name in ("label", "before"))
        weight, weights = whole(block.weight, self.exponent, block.n), np.zeros(self.k, np.int64)
        at, limbs, changed = kernels.moved_cells(block.X, label, before, weight, self.scale, weights)
        return MovedCells(Cells(at, limbs), weights, changed)

    def add(self, into: MovedCells, block: Block, /) -> MovedCells:
        return self.merge(into, self.of(block))

    def merge(self, left: MovedCells, right: MovedCells, /) -> MovedCells:
        weights, changed = left.weights + right.weights, left.changed + right.changed
        return MovedCells(left.sums.plus(right.sums), weights, changed)

    def bytes(self) -> int:
        return 8 * (self.k * (1 + (1 + self.scale.limbs) * self.features) + 1)

    @property
    def parts(self) -> int:
        return parts_of(self.bytes())

    def part(self, answer: MovedCells, i: int, /) -> MovedCells:
        """The cells of some of the features."""
        count, cells = self.parts, answer.sums
        low, high = np.searchsorted(cells.at, [self.k * (self.features * at // count) for at in (i, i + 1)])
        weights = stretch(answer.weights, i, count)
        return MovedCells(Cells(cells.at[low:high], cells.limbs[low:high]), weights, 0 if i else answer.changed)

    def join(self, results: Sequence[MovedCells], /) -> MovedCells:
        at = np.concatenate([part.sums.at for part in results])
        limbs = np.concatenate([part.sums.limbs for part in results])
        weights = together([part.weights for part in results], (self.k,))
        return MovedCells(Cells(at, limbs), weights, results[0].changed)
