"""Accuracy, log loss, Brier score and AUC of class probabilities."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from shardlearn.core.matrix import Floats, Ints
from shardlearn.kernels import log

from .exact import ExactSum, ratio
from .ranking import Ranking

EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class ClassScores:
    """As `sklearn.metrics` defines them; None where they have no meaning, as the AUC of three classes."""

    rows: int
    accuracy: float
    log_loss: float | None
    brier: float | None
    auc: float | None
    unknown: int  # rows whose label the model was not fitted on: wrong for accuracy, and then there is nothing else


@dataclass(slots=True)
class Classification:
    """Takes rows as they stream past.

    Log loss: mean of -log p of the true class, p kept off 0 and 1 by 2**-52. Brier score: mean squared distance to the
    true class's unit vector; for two classes half of that.
    """

    classes: int
    weighted: bool = False
    folder: str | None = None
    rows: int = 0
    right: int = 0
    unknown: int = 0
    weight: ExactSum = field(default_factory=ExactSum)
    right_weight: ExactSum = field(default_factory=ExactSum)
    loss: ExactSum = field(default_factory=ExactSum)
    square: ExactSum = field(default_factory=ExactSum)
    ranking: Ranking = field(init=False)

    def __post_init__(self) -> None:
        self.ranking = Ranking(self.weighted, self.folder)

    def add(self, codes: Ints, predicted: Ints, probability: Floats, weight: Floats | None = None) -> None:
        """Rows in their order: true class (-1: unknown), predicted class, probabilities (n, classes), weight."""
        known = codes >= 0
        hit = codes == predicted
        self.rows += len(codes)
        self.right += int(np.count_nonzero(hit))
        self.unknown += int(np.count_nonzero(~known))
        if weight is not None:
            self.weight.add(weight)
            self.right_weight.add(weight[hit])
        if self.unknown:
            return
        true = np.take_along_axis(probability, codes[:, None], axis=1)[:, 0]
        self.loss.add(_times(-log(np.clip(true, EPS, 1 - EPS)), weight))
        self._add_square(codes, probability, weight)
        if self.classes == 2:
            self.ranking.add(codes == 1, probability[:, 1], weight)

    def result(self) -> ClassScores:
        """The metrics of all rows; asked for once, at the end."""
        whole = self.weight.fraction() if self.weighted else Fraction(self.rows)
        right = self.right_weight.fraction() if self.weighted else Fraction(self.right)
        told = not self.unknown
        return ClassScores(
            rows=self.rows,
            accuracy=ratio(right, whole),
            log_loss=_mean(self.loss, whole) if told else None,
            brier=_mean(self.square, whole) if told else None,
            auc=_number(self.ranking.auc()) if told and self.classes == 2 else None,
            unknown=self.unknown,
        )

    def _add_square(self, codes: Ints, probability: Floats, weight: Floats | None) -> None:
        if self.classes == 2:
            away = probability[:, 1] - (codes == 1)
            self.square.add(_times(away * away, weight))
            return
        for k in range(self.classes):
            away = probability[:, k] - (codes == k)
            self.square.add(_times(away * away, weight))


def _times(values: Floats, weight: Floats | None) -> Floats:
    return values if weight is None else values * weight


def _mean(total: ExactSum, whole: Fraction) -> float | None:
    return None if total.odd else _number(ratio(total.fraction(), whole))


def _number(value: float) -> float | None:
    return None if value != value else value
