"""Value, gradient and Hessian of a generalised linear model at once: a Newton step in one pass.

The Hessian of outputs a and b is sum_i s_i D_i,ab x~_i x~_i', x~ = (x, 1): a Gram matrix with weights s_i |D_i,ab|.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.matrix import Floats
from shardlearn.losses.loss import Loss

from .gradient import GradSums, LossSums, column_sums, joined_sums, part_of_sums, wanted
from .parts import add_band, parts_of, stretch, together, upper_band, upper_of

STEPS = (1.0, 0.5, 0.25, 0.125)


@dataclass(frozen=True, slots=True)
class CurvatureSums:
    """At the point where the whole step ends; pairs of outputs (a, a) first, then (a, b), a < b, with -D."""

    sums: LossSums
    values: Floats  # (4,) sum_i s_i loss_i at the shares STEPS of the step
    weight: Floats  # (c,) sum_i s_i D_i
    sum_x: Floats  # (c, p) sum_i s_i D_i x_i
    G: Floats  # (c, p, p) sum_i s_i D_i x_i x_i'; upper triangles


@dataclass(frozen=True, slots=True)
class Curvature:
    """At z = W (x - pivot) + b, the end of a step (dW, db)."""

    loss: Loss
    W: Floats  # (k, p)
    b: Floats  # (k,)
    pivot: Floats | None = None  # (p,); dense data only
    step: tuple[Floats, Floats] | None = None  # dW (k, p), db (k,)
    exact: ClassVar[bool] = False

    def of(self, block: Block, /) -> CurvatureSums:
        p = self.W.shape[1]
        count = len(tuple(pairs_of(len(self.b))))
        empty = np.zeros(len(STEPS)), np.zeros(count), np.zeros((count, p)), np.zeros((count, p, p))
        return self._into(CurvatureSums(self._gradient(block), *empty), block)

    def add(self, into: CurvatureSums, block: Block, /) -> CurvatureSums:
        sums = GradSums(self.loss, self.W, self.b, self.pivot).merge(into.sums, self._gradient(block))
        return self._into(CurvatureSums(sums, into.values, into.weight, into.sum_x, into.G), block)

    def merge(self, left: CurvatureSums, right: CurvatureSums, /) -> CurvatureSums:
        sums = GradSums(self.loss, self.W, self.b, self.pivot).merge(left.sums, right.sums)
        for mine, other in zip(left.G, right.G, strict=True):
            add_band(other, mine)
        for name in ("values", "weight", "sum_x"):
            mine = getattr(left, name)
            mine += getattr(right, name)
        return CurvatureSums(sums, left.values, left.weight, left.sum_x, left.G)

    def bytes(self) -> int:
        k, p = len(self.b), int(self.W.shape[1])
        pairs = k * (k + 1) // 2
        return 8 * (k * (p + 1) + 3 + len(STEPS) + pairs * (p * p + p + 1))

    @property
    def parts(self) -> int:
        return parts_of(self.bytes())

    def part(self, answer: CurvatureSums, i: int, /) -> CurvatureSums:
        n = self.parts
        values, weight, sum_x = (stretch(sums, i, n) for sums in (answer.values, answer.weight, answer.sum_x))
        return CurvatureSums(part_of_sums(answer.sums, i, n), values, weight, sum_x, upper_band(answer.G, i, n))

    def join(self, results: Sequence[CurvatureSums], /) -> CurvatureSums:
        count, p = len(tuple(pairs_of(len(self.b)))), self.W.shape[1]
        return CurvatureSums(
            joined_sums([part.sums for part in results], self.W.shape),
            together([part.values for part in results], (len(STEPS),)),
            together([part.weight for part in results], (count,)),
            together([part.sum_x for part in results], (count, p)),
            upper_of([part.G for part in results]),
        )

    def _gradient(self, block: Block) -> LossSums:
        return GradSums(self.loss, self.W, self.b, self.pivot).of(block)

    def _into(self, out: CurvatureSums, block: Block) -> CurvatureSums:
        """The values and weighted Grams of a block, added on."""
        y = wanted(block.y)
        z = kernels.row_products(block.X, self.W, self.b, self.pivot)
        for share, at in enumerate(self._along(block, z)):
            value = self.loss.value(y, at)
            out.values[share] += column_sums((value if block.weight is None else value * block.weight)[:, None])[0]
        own, factor = self.loss.curvature(y, z), self.loss.coupling(y, z)
        for c, (a, b) in enumerate(pairs_of(len(self.b))):
            if a != b and factor is None:
                continue
            D = own[:, a] if factor is None or a == b else factor[:, a] * factor[:, b]
            weight = np.ascontiguousarray(D if block.weight is None else D * block.weight)
            kernels.gram(block.X, None, weight, self.pivot, None, out=_views(out, c))
        return out

    def _along(self, block: Block, z: Floats) -> Iterator[Floats]:
        if self.step is None:
            return
        dz = kernels.row_products(block.X, *self.step, self.pivot)
        for share in STEPS:
            yield z - (1.0 - share) * dz


def pairs_of(outputs: int) -> Iterator[tuple[int, int]]:
    """Pairs of outputs in the order of the blocks."""
    yield from ((a, a) for a in range(outputs))
    yield from ((a, b) for a in range(outputs) for b in range(a + 1, outputs))


def _views(sums: CurvatureSums, c: int) -> kernels.GramSums:
    """The sums of one pair, for the kernel to add on."""
    none = np.zeros(0)
    H = np.zeros((sums.sum_x.shape[1], 0))
    return kernels.GramSums(sums.weight[c : c + 1], sums.sum_x[c], none, sums.G[c], H, none)
