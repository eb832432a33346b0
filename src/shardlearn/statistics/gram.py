"""Second moments: what least squares and metrics are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.matrix import Floats, Matrix
from shardlearn.kernels import GramSums

from .gradient import wanted
from .parts import add_band, parts_of, stretch, together, upper_band, upper_of


@dataclass(frozen=True, slots=True)
class Gram:
    """Of p features, with t targets or none; G (p, p) in the upper triangle, H (p, t), sums, weights."""

    features: int
    targets: int = 0
    pivot: Floats | None = None  # (p,); dense data only
    pivot_y: Floats | None = None  # (t,)
    through: tuple[Floats, Floats] | None = None  # of z = V (x - pivot) + shift instead of x: V (p, .), shift (p,)
    exact: ClassVar[bool] = False

    def of(self, block: Block, /) -> GramSums:
        return kernels.gram(*self._rows(block), self.pivot_y)

    def add(self, into: GramSums, block: Block, /) -> GramSums:
        return kernels.gram(*self._rows(block), self.pivot_y, out=into)

    def merge(self, left: GramSums, right: GramSums, /) -> GramSums:
        add_band(right.G, left.G)
        for name in ("weight_sum", "sum_x", "sum_y", "H", "yy"):
            mine = getattr(left, name)
            mine += getattr(right, name)
        return left

    def bytes(self) -> int:
        p, t = self.features, self.targets
        return 8 * (p * p + p * t + p + 2 * t + 1)

    @property
    def parts(self) -> int:
        return parts_of(self.bytes())

    def part(self, answer: GramSums, i: int, /) -> GramSums:
        n = self.parts
        vectors = {name: stretch(getattr(answer, name), i, n) for name in ("weight_sum", "sum_x", "sum_y", "H", "yy")}
        return GramSums(G=upper_band(answer.G, i, n), **vectors)

    def join(self, results: Sequence[GramSums], /) -> GramSums:
        weight_sum, sum_x, sum_y, G, H, yy = zip(*results, strict=True)
        p, t = self.features, self.targets
        return GramSums(
            together(weight_sum, (1,)),
            together(sum_x, (p,)),
            together(sum_y, (t,)),
            upper_of(G),
            together(H, (p, t)),
            together(yy, (t,)),
        )

    def _rows(self, block: Block) -> tuple[Matrix, Floats | None, Floats | None, Floats | None]:
        """Features, targets, weights and the pivot of the features."""
        if self.through is None:
            return block.X, self._y(block), block.weight, self.pivot
        return kernels.row_products(block.X, *self.through, self.pivot), self._y(block), block.weight, None

    def _y(self, block: Block) -> Floats | None:
        return wanted(block.y).reshape(block.n, self.targets) if self.targets else None


def symmetric(upper: Floats) -> Floats:
    """The full matrix of an upper triangle."""
    return np.triu(upper) + np.triu(upper, 1).T
