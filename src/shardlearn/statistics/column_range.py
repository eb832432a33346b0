"""The smallest and the largest value of each column: exact, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.matrix import Floats

from .parts import parts_of, stretch


@dataclass(frozen=True, slots=True)
class Range:
    """(inf, -inf) where there is no value; NaN is no value."""

    low: Floats  # (p,)
    high: Floats  # (p,)


@dataclass(frozen=True, slots=True)
class ColumnRange:
    """Of p features."""

    features: int
    exact: ClassVar[bool] = True

    def of(self, block: Block, /) -> Range:
        return Range(*kernels.column_range(block.X))

    def merge(self, left: Range, right: Range, /) -> Range:
        return Range(np.minimum(left.low, right.low), np.maximum(left.high, right.high))

    def add(self, into: Range, block: Block, /) -> Range:
        return self.merge(into, self.of(block))

    def bytes(self) -> int:
        return 16 * self.features

    @property
    def parts(self) -> int:
        return parts_of(self.bytes())

    def part(self, answer: Range, i: int, /) -> Range:
        return Range(stretch(answer.low, i, self.parts), stretch(answer.high, i, self.parts))

    def join(self, results: Sequence[Range], /) -> Range:
        return Range(np.concatenate([part.low for part in results]), np.concatenate([part.high for part in results]))
