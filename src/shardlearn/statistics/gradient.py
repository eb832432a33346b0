"""Loss and gradient of a generalised linear model: the pass that every smooth fit is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.matrix import Array, Floats
from shardlearn.losses.loss import Loss

from .double import Double, total
from .parts import parts_of, stretch, together


@dataclass(frozen=True, slots=True)
class LossSums:
    """Sums over rows, weighted by s_i; the features are less the pivot."""

    weight: float
    loss: Double
    grad: Floats  # (k, p) sum_i s_i slope_i x_i
    grad_b: Floats  # (k,) sum_i s_i slope_i


@dataclass(frozen=True, slots=True)
class GradSums:
    """At the model z = W (x - pivot) + b."""

    loss: Loss
    W: Floats  # (k, p)
    b: Floats  # (k,)
    pivot: Floats | None = None  # (p,); dense data only
    exact: ClassVar[bool] = False

    def of(self, block: Block, /) -> LossSums:
        if self.loss.fused is None:
            return composed(self, block)
        y = wanted(block.y)
        s, high, low, grad, grad_b = kernels.glm_sums(
            block.X, y, block.weight, self.W, self.b, self.loss.fused, self.pivot
        )
        return LossSums(s, Double(high, low), grad, grad_b)

    def merge(self, left: LossSums, right: LossSums, /) -> LossSums:
        np.add(left.grad, right.grad, out=left.grad)
        np.add(left.grad_b, right.grad_b, out=left.grad_b)
        return LossSums(left.weight + right.weight, left.loss + right.loss, left.grad, left.grad_b)

    def bytes(self) -> int:
        return 8 * (self.W.size + self.b.size + 3)

    @property
    def parts(self) -> int:
        return parts_of(self.bytes())

    def part(self, answer: LossSums, i: int, /) -> LossSums:
        return part_of_sums(answer, i, self.parts)

    def join(self, results: Sequence[LossSums], /) -> LossSums:
        return joined_sums(results, self.W.shape)


def part_of_sums(sums: LossSums, i: int, parts: int) -> LossSums:
    """Part i of the gradient; each has the numbers too."""
    return replace(sums, grad=stretch(sums.grad, i, parts), grad_b=stretch(sums.grad_b, i, parts))


def joined_sums(parts: Sequence[LossSums], shape: tuple[int, ...]) -> LossSums:
    """The sums of which these are the parts; shape of the gradient."""
    grad = together([part.grad for part in parts], shape)
    return replace(parts[0], grad=grad, grad_b=np.concatenate([part.grad_b for part in parts]))


def composed(statistic: GradSums, block: Block) -> LossSums:
    """The same sums, bit for bit, for a loss that has no native pass."""
    y = wanted(block.y)
    z = kernels.row_products(block.X, statistic.W, statistic.b, statistic.pivot)
    value, slope = statistic.loss.value(y, z), statistic.loss.slope(y, z)
    if block.weight is not None:
        value, slope = value * block.weight, slope * block.weight[:, None]
    grad = kernels.weighted_rows_sum(block.X, slope, statistic.pivot)
    return LossSums(weight_of(block), total(value), grad, column_sums(slope))


def wanted(y: Array | None) -> Floats:
    """Targets as native code takes them."""
    if y is None:
        raise ValueError("this statistic needs a target")
    return np.ascontiguousarray(y, np.float64)


def column_sums(values: Floats) -> Floats:
    """(n, k) -> (k,): chains over 256 rows, added in order."""
    return kernels.weighted_rows_sum(np.ones((len(values), 1)), values).reshape(-1)


def weight_of(block: Block) -> float:
    """The sum of the weights."""
    return kernels.moments(np.zeros((block.n, 1)), block.weight).weight_sum
