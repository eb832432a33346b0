"""Scores as statistics: one pass over predictions, summed in the fixed tree."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.errors import InputError
from shardlearn.core.matrix import Array, Floats

from .clean import Clean
from .labels import target
from .predictions import Method


def predicted(method: Method, block: Block) -> Array:
    """What the method answers for these rows; values that no model takes are refused on the way."""
    out: Array = method.values(Clean(method)(block))
    return out


@dataclass(slots=True)
class Hits:
    """Weight of the rows that were predicted right, and of all rows."""

    right: float
    total: float


@dataclass(frozen=True, eq=False, slots=True)
class Accuracy:
    """sum_i s_i [predicted_i = y_i] and sum_i s_i."""

    method: Method  # its `values` are labels
    exact: ClassVar[bool] = False

    def of(self, block: Block, /) -> Hits:
        hit = (predicted(self.method, block) == target(block)).astype(np.float64)
        weight = np.ones(block.n) if block.weight is None else block.weight
        return Hits(float(kernels.dot(weight, hit)), float(kernels.dot(weight, np.ones(block.n))))

    def merge(self, left: Hits, right: Hits, /) -> Hits:
        return Hits(left.right + right.right, left.total + right.total)

    def bytes(self) -> int:
        return 16


def share(hits: Hits) -> float:
    """right / total; nan where no row weighs anything, as scikit-learn has it."""
    return hits.right / hits.total if hits.total else float("nan")


@dataclass(slots=True)
class Deviations:
    """Weighted sums of squares, each y about its own mean."""

    rows: int
    weight: float
    mean: Floats  # (t,) of y
    total: Floats  # (t,) sum s (y - mean)^2
    residual: Floats  # (t,) sum s (y - prediction)^2


@dataclass(frozen=True, eq=False, slots=True)
class Explained:
    """What R2 needs. Means are merged as in Chan, Golub & LeVeque (1983), so an offset of y costs no digits."""

    method: Method  # its `values` are numbers, (n,) or (n, t)
    targets: int
    exact: ClassVar[bool] = False

    def of(self, block: Block, /) -> Deviations:
        y = _columns(target(block))
        ones = np.ones(block.n)
        weight = ones if block.weight is None else block.weight
        if y.shape[1] != self.targets:
            raise InputError(
                f"y_true and y_pred have different number of output ({y.shape[1]}!={self.targets})",
                code="SL2314",
                where="y",
            )
        left = y - _columns(predicted(self.method, block))
        all_ = float(kernels.dot(weight, ones))
        mean = _sums(weight, y) / all_ if all_ > 0 else np.zeros(self.targets)
        return Deviations(block.n, all_, mean, _sums(weight, (y - mean) ** 2), _sums(weight, left**2))

    def merge(self, left: Deviations, right: Deviations, /) -> Deviations:
        weight = left.weight + right.weight
        share = right.weight / weight if weight > 0 else 0.0
        apart = right.mean - left.mean
        return Deviations(
            left.rows + right.rows,
            weight,
            left.mean + apart * share if right.weight > 0 else left.mean,
            left.total + right.total + apart * apart * (left.weight * share),
            left.residual + right.residual,
        )

    def bytes(self) -> int:
        return 16 + 24 * self.targets


def r2(sums: Deviations) -> float:
    """1 - residual / total, averaged over targets; scikit-learn's values where y is constant."""
    if sums.rows < 2:
        warnings.warn("R^2 score is not well-defined with less than two samples.", UndefinedMetricWarning, stacklevel=3)
        return float("nan")
    score = 0.0
    for total, residual in zip(sums.total.tolist(), sums.residual.tolist(), strict=True):
        constant = 1.0 if residual == 0 else 0.0
        score += constant if total == 0 else 1.0 - residual / total
    return score / len(sums.total)


def _columns(values: Array) -> Floats:
    wide = values.astype(np.float64, copy=False)
    return wide[:, None] if wide.ndim == 1 else wide


def _sums(weight: Floats, columns: Floats) -> Floats:
    """(t,) sum_i s_i columns_ij"""
    return np.array([kernels.dot(weight, np.ascontiguousarray(column)) for column in columns.T])
