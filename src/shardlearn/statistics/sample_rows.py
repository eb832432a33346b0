"""Some rows themselves, in their order: what a start is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from shardlearn.core.block import Block
from shardlearn.core.matrix import Floats, to_dense

from .gradient import wanted


@dataclass(frozen=True, slots=True)
class Picked:
    """Rows with their targets and weights."""

    X: NDArray[np.float32]  # (m, p) less the pivot
    y: Floats  # (m,)
    weight: Floats  # (m,)


@dataclass(frozen=True, slots=True)
class RowSample:
    """Rows by block; they are put together once, at the end."""

    parts: tuple[Picked, ...]

    def joined(self, features: int) -> Picked:
        """All rows, in their order."""
        none = Picked(np.zeros((0, features), np.float32), np.zeros(0), np.zeros(0))
        X, y, weight = ([getattr(one, name) for one in (none, *self.parts)] for name in ("X", "y", "weight"))
        return Picked(np.concatenate(X), np.concatenate(y), np.concatenate(weight))


@dataclass(frozen=True, slots=True)
class SampleRows:
    """The rows that the query asks for, in float32: they say where to begin, not where to end."""

    features: int
    rows: int  # at most
    pivot: Floats | None = None  # (p,); dense data only
    exact: ClassVar[bool] = False
    gathers: ClassVar[bool] = True

    def of(self, block: Block, /) -> RowSample:
        if not block.n:
            return RowSample(())
        X = to_dense(block.X)
        with np.errstate(over="ignore"):  # an infinity says that these rows make no start
            X = np.asarray(X if self.pivot is None else X - self.pivot, np.float32)
        weight = np.ones(block.n) if block.weight is None else np.array(block.weight, np.float64)
        return RowSample((Picked(X, np.array(wanted(block.y)), weight),))

    def merge(self, left: RowSample, right: RowSample, /) -> RowSample:
        return RowSample(left.parts + right.parts)

    def bytes(self) -> int:
        return self.rows * (4 * self.features + 16)
