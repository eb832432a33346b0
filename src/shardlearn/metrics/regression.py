"""R2, mean squared and mean absolute error."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from shardlearn.core.matrix import Floats

from .exact import ExactSum, as_float, products, ratio


@dataclass(frozen=True, slots=True)
class RegressionScores:
    """As `sklearn.metrics` defines them; `r2` is None for fewer than two rows."""

    rows: int
    r2: float | None
    mse: float
    mae: float


@dataclass(slots=True)
class Regression:
    """Takes rows as they stream past.

    R2 = 1 - sum w (y - f)^2 / sum w (y - mean)^2. The second sum is S2 - S1^2 / W of exact S's, so nothing cancels.
    """

    weighted: bool = False
    rows: int = 0
    weight: ExactSum = field(default_factory=ExactSum)
    square: ExactSum = field(default_factory=ExactSum)
    away: ExactSum = field(default_factory=ExactSum)
    first: ExactSum = field(default_factory=ExactSum)
    second: ExactSum = field(default_factory=ExactSum)

    def add(self, y: Floats, predicted: Floats, weight: Floats | None = None) -> None:
        """Rows: what is true, what was predicted, and their weights."""
        error = y - predicted
        square, away = error * error, np.abs(error)
        self.rows += len(y)
        if weight is None:
            for total, part in ((self.square, square), (self.away, away), (self.first, y)):
                total.add(part)
            parts: tuple[Floats, ...] = products(y, y)
        else:
            self.weight.add(weight)
            self.square.add(square * weight)
            self.away.add(away * weight)
            firsts = products(weight, y)
            for part in firsts:
                self.first.add(part)
            parts = (*products(firsts[0], y), *products(firsts[1], y))
        for part in parts:
            self.second.add(part)

    def result(self) -> RegressionScores:
        """The metrics of all rows so far."""
        whole = self.weight.fraction() if self.weighted else Fraction(self.rows)
        sums = (self.square, self.away, self.first, self.second)
        if any(total.odd for total in sums) or not whole:
            return RegressionScores(self.rows, None, float("nan"), float("nan"))
        square, away, first, second = (total.fraction() for total in sums)
        spread = second - first * first / whole
        r2 = 1 - square / spread if spread else Fraction(square == 0)  # scikit-learn's value for a constant y
        return RegressionScores(
            self.rows, None if self.rows < 2 else as_float(r2), ratio(square, whole), ratio(away, whole)
        )
