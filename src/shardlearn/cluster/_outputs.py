"""What centres answer for a row: the nearest of them, and the distances to all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.matrix import Array, Csr, Floats
from shardlearn.faces.clean import Clean, look
from shardlearn.solvers.clusters import directions
from shardlearn.statistics.clusters import Later
from shardlearn.statistics.double import Double
from shardlearn.statistics.unit_rows import UnitRows, cosine_distances, nearest_by_cosine


@dataclass(frozen=True, eq=False, slots=True)
class Centers:
    """Centres, ready for rows of either kind; the same bits for a row alone and among others."""

    dense: Later
    sparse: Later
    unit: bool = False  # rows are compared by cosines

    @classmethod
    def of(cls, values: Array, unit: bool = False) -> Centers:
        """Whoever has changed the attribute gets what it says."""
        centers: Floats = np.ascontiguousarray(values, np.float64)
        centers = directions(centers) if unit else centers
        return cls(Later(centers, False, unit), Later(centers, True, unit), unit)

    def as_for(self, block: Block) -> kernels.Centers:
        return (self.sparse if isinstance(block.X, Csr) else self.dense).centers


@dataclass(frozen=True, eq=False, slots=True)
class Nearest:
    """The number of the nearest centre, the lowest of equals; with the squared distance for scores."""

    centers: Centers
    squares: bool = False

    def __call__(self, block: Block, /) -> Block:
        if self.centers.unit:
            label, apart = nearest_by_cosine(UnitRows()(block), self.centers.as_for(block))
            return answered(block, {"label": label, "square": apart})
        return self._compared(block)[0]

    def shown(self, block: Block, /) -> tuple[Block, bool]:
        """Who compares dense rows sees which ones may not be finite; else features are looked at before."""
        if self.centers.unit or isinstance(block.X, Csr):
            look(block)
            return self(block), True
        return self._compared(block)

    def _compared(self, block: Block) -> tuple[Block, bool]:
        found = kernels.nearest_center(block.X, self.centers.as_for(block), self.squares)
        columns: dict[str, Array] = {"label": found.label}
        if found.square is not None:
            columns["square"] = found.square
        return answered(block, columns), found.unclear == 0

    def values(self, block: Block, /) -> Array:
        return block.extra["out/label"]

    def columns(self, block: Block, /) -> Mapping[str, Array]:
        return {"prediction": self.values(block)}


@dataclass(frozen=True, eq=False, slots=True)
class Distances:
    """(n, k) Euclidean distances, or 1 - cosine."""

    centers: Centers

    def __call__(self, block: Block, /) -> Block:
        if self.centers.unit:
            return answered(block, {"distance": cosine_distances(UnitRows()(block), self.centers.as_for(block))})
        return answered(block, {"distance": np.sqrt(kernels.center_squares(block.X, self.centers.as_for(block)))})

    def values(self, block: Block, /) -> Array:
        return block.extra["out/distance"]

    def columns(self, block: Block, /) -> Mapping[str, Array]:
        columns = enumerate(self.values(block).T)
        return {f"distance_{j}": np.ascontiguousarray(column) for j, column in columns}


@dataclass(frozen=True, eq=False, slots=True)
class LeftOver:
    """sum_i s_i d_i^2, or of 1 - cosine, in twice the working precision; values that no model takes are refused."""

    nearest: Nearest
    exact: ClassVar[bool] = False

    def of(self, block: Block, /) -> Double:
        square = Clean(self.nearest)(block).extra["out/square"]
        return Double(*kernels.double_sum(square, block.weight))

    def merge(self, left: Double, right: Double, /) -> Double:
        return left + right

    def bytes(self) -> int:
        return 16


def answered(block: Block, columns: Mapping[str, Array]) -> Block:
    """The block with its answers and without its features."""
    return replace(block, X=np.empty((block.n, 0))).with_extra("out", columns)
