"""Sums of clusters of sparse rows: lists of the cells (feature, cluster) that some row touches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.fixed import Scale, Weights
from shardlearn.core.matrix import Csr, Ints

from .clusters import LABELS, layers_of, whole
from .parts import parts_of, stretch, together


@dataclass(frozen=True, slots=True)
class Cells:
    """Fixed point; all other cells are zero."""

    at: Ints  # (m,) feature * k + cluster, ascending
    limbs: Ints  # (m, limbs)

    @classmethod
    def none(cls, limbs: int) -> Cells:
        return cls(np.zeros(0, np.int64), np.zeros((0, limbs), np.int64))

    def between(self, first: int, stop: int) -> Cells:
        """The cells in first..stop."""
        low, high = np.searchsorted(self.at, [first, stop])
        return Cells(self.at[low:high], self.limbs[low:high])

    def plus(self, other: Cells) -> Cells:
        return Cells(*kernels.join_cells(self.at, self.limbs, other.at, other.limbs))


@dataclass(frozen=True, slots=True)
class CellTable:
    """Sums of all k clusters, as centres of sparse rows lie."""

    k: int
    limbs: Ints  # (layers, limbs, p, line)

    def plus(self, layers: Sequence[Cells]) -> CellTable:
        limbs = self.limbs.copy()
        for cells, into in zip(layers, limbs, strict=True):
            kernels.add_cells(cells.at, cells.limbs, self.k, into)
        return CellTable(self.k, limbs)


@dataclass(frozen=True, slots=True)
class MovedCells:
    """As `Moved`: what the rows that changed their cluster brought to it, less what they took from the one before."""

    sums: tuple[Cells, ...]  # a layer each
    weights: Ints  # (layers, k) whole
    changed: Ints  # (layers,) whole weight of these rows


@dataclass(frozen=True, slots=True)
class CellSums:
    """Exact; as `ClusterSums`, for sparse rows."""

    k: int
    features: int
    scale: Scale
    heavy: Weights | None = None
    exact: ClassVar[bool] = True

    def of(self, block: Block, /) -> MovedCells:
        assert isinstance(block.X, Csr)
        label, before = (block.extra[f"{LABELS}/{name}"] for name in ("label", "before"))
        weights = np.zeros((layers_of(self.heavy), self.k), np.int64)
        moves = kernels.Moves(label, before, whole(block.weight, self.heavy, block.n))
        return MovedCells(*moved_cells(block.X, moves, self.scale, weights))

    def add(self, into: MovedCells, block: Block, /) -> MovedCells:
        return self.merge(into, self.of(block))

    def merge(self, left: MovedCells, right: MovedCells, /) -> MovedCells:
        weights, changed = left.weights + right.weights, left.changed + right.changed
        return MovedCells(tuple(a.plus(b) for a, b in zip(left.sums, right.sums, strict=True)), weights, changed)

    def bytes(self) -> int:
        return 8 * layers_of(self.heavy) * (self.k * (1 + (1 + self.scale.limbs) * self.features) + 1)

    @property
    def parts(self) -> int:
        return parts_of(self.bytes())

    def part(self, answer: MovedCells, i: int, /) -> MovedCells:
        """The cells of some of the features."""
        count, none = self.parts, np.zeros_like(answer.changed)
        ends = [self.k * (self.features * at // count) for at in (i, i + 1)]
        sums = tuple(cells.between(*ends) for cells in answer.sums)
        return MovedCells(sums, stretch(answer.weights, i, count), none if i else answer.changed)

    def join(self, results: Sequence[MovedCells], /) -> MovedCells:
        layers = layers_of(self.heavy)
        sums = tuple(joined([part.sums[layer] for part in results]) for layer in range(layers))
        return MovedCells(sums, together([part.weights for part in results], (layers, self.k)), results[0].changed)


def joined(parts: Sequence[Cells]) -> Cells:
    """Of cells that follow each other."""
    return Cells(np.concatenate([part.at for part in parts]), np.concatenate([part.limbs for part in parts]))


def moved_cells(X: Csr, moves: kernels.Moves, scale: Scale, weights: Ints) -> tuple[tuple[Cells, ...], Ints, Ints]:
    """Sums of the rows that move, their weights (layers, k) to which `weights` are added, and what they weigh."""
    found = kernels.moved_cells(X, moves, scale, weights)
    return tuple(Cells(at, limbs) for at, limbs, _ in found), weights, np.array([changed for *_, changed in found])
