"""What a solver is asked to minimise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shardlearn.core.grid import Grid
from shardlearn.core.matrix import Floats
from shardlearn.losses.loss import Loss

RUNS = 64  # partial sums of second moments: with one a block, making and adding them would cost more than filling them


@dataclass(frozen=True, slots=True)
class Shape:
    """What a solver knows of the data before it asks: constants are functions of this and of parameters only."""

    grid: Grid  # rows that were dropped are counted
    features: int
    sparse: bool = False

    @property
    def rows(self) -> int:
        return self.grid.count


@dataclass(frozen=True, slots=True)
class Start:
    """A point to begin from."""

    W: Floats  # (k, p)
    b: Floats  # (k,)


@dataclass(frozen=True, slots=True)
class Glm:
    """F(W, b) = (1/s) sum_i s_i loss(y_i, W x_i + b) + (l2 / 2s) |W|^2, s = sum_i s_i; b is never penalised.

    So l2 is 1 / C of scikit-learn's LogisticRegression and alpha of its Ridge. Targets are as the loss takes them:
    codes 0 .. k - 1, or numbers.
    """

    shape: Shape
    loss: Loss
    l2: float
    outputs: int = 1
    intercept: bool = True
    start: Start | None = None  # None: zeros

    @property
    def first(self) -> Start:
        """Where the search begins."""
        if self.start is not None:
            return self.start
        return Start(np.zeros((self.outputs, self.shape.features)), np.zeros(self.outputs))


@dataclass(frozen=True, slots=True)
class LeastSquares:
    """For each target t: sum_i s_i (y_it - w_t x_i - b_t)^2 + alpha_t |w_t|^2; where many w do, the shortest.

    That is scikit-learn's Ridge, and its LinearRegression at alpha = 0. `positive` asks for w >= 0.
    """

    shape: Shape
    alpha: Floats  # (t,)
    intercept: bool = True
    positive: bool = False

    @property
    def targets(self) -> int:
        return len(self.alpha)
