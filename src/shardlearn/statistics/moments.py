"""First and second moments of each column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.matrix import Floats

from .gradient import wanted
from .parts import parts_of, stretch


@dataclass(frozen=True, slots=True)
class MomentSums:
    """Sums over rows, weighted by s_i; the features are less the pivot."""

    weight: float
    sum: Floats  # (p,)
    square: Floats  # (p,) sum_i s_i x_i^2
    sum_y: Floats  # (t,)


@dataclass(frozen=True, slots=True)
class Moments:
    """Of p features, and the sums of t targets."""

    features: int
    targets: int = 0
    pivot: Floats | None = None  # (p,); dense data only
    exact: ClassVar[bool] = False

    def of(self, block: Block, /) -> MomentSums:
        weight, sum_, square = kernels.moments(block.X, block.weight, self.pivot)
        if not self.targets:
            return MomentSums(weight, sum_, square, np.zeros(0))
        y = wanted(block.y).reshape(block.n, self.targets)
        return MomentSums(weight, sum_, square, kernels.moments(y, block.weight, None)[1])

    def merge(self, left: MomentSums, right: MomentSums, /) -> MomentSums:
        for name in ("sum", "square", "sum_y"):
            mine = getattr(left, name)
            mine += getattr(right, name)
        return MomentSums(left.weight + right.weight, left.sum, left.square, left.sum_y)

    def bytes(self) -> int:
        return 8 * (2 * self.features + self.targets + 1)

    @property
    def parts(self) -> int:
        return parts_of(self.bytes())

    def part(self, answer: MomentSums, i: int, /) -> MomentSums:
        vectors = (stretch(sums, i, self.parts) for sums in (answer.sum, answer.square, answer.sum_y))
        return MomentSums(answer.weight, *vectors)

    def join(self, results: Sequence[MomentSums], /) -> MomentSums:
        vectors = ([getattr(part, name) for part in results] for name in ("sum", "square", "sum_y"))
        return MomentSums(results[0].weight, *map(np.concatenate, vectors))
