"""Area under the ROC curve, exact, of any number of scores: sorted runs that spill to a file, merged by ranges.

AUC = (1 / (P N)) sum over positives of [weight of negatives below + half of those equal] (Mann & Whitney 1947), with
ties as scikit-learn counts them. P and N are the weights of positives and negatives.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import IO

import numpy as np

from shardlearn.core.matrix import Array, Floats, Ints

from .exact import ExactSum, ratio

RUN = 1 << 17  # scores of a run: a whole number of rows that no block or worker decides
IN_MEMORY = 8  # runs that are kept without a file
RANGE = 1 << 19  # scores that are merged at a time, about


@dataclass(slots=True)
class Runs:
    """Scores of one class as sorted runs, each with its weights; the later ones in a file that has no name."""

    weighted: bool
    folder: str | None = None
    waiting: list[tuple[Floats, Floats | None]] = field(default_factory=list)
    held: int = 0
    sorted: list[tuple[Array, Array | None]] = field(default_factory=list)
    file: IO[bytes] | None = None
    spilled: int = 0  # scores in the file

    def add(self, scores: Floats, weight: Floats | None) -> None:
        """Take scores, in the order of rows."""
        self.waiting.append((scores, weight))
        self.held += len(scores)
        if self.held >= RUN:
            scores, weight = self._taken()
            whole = len(scores) // RUN * RUN
            for start in range(0, whole, RUN):
                self._put(_part(scores, weight, start, start + RUN))
            rest = _part(scores, weight, whole, len(scores))
            self.waiting, self.held = [rest], len(scores) - whole

    def finish(self) -> list[tuple[Array, Array | None]]:
        """All runs."""
        if self.held:
            scores, weight = self._taken()
            self.sorted.append(_ascending(scores, weight))
            self.waiting, self.held = [], 0
        return [*self.sorted, *self._mapped()]

    def close(self) -> None:
        """Give the file back."""
        if self.file is not None:
            self.file.close()

    def _taken(self) -> tuple[Floats, Floats | None]:
        scores = np.concatenate([scores for scores, _ in self.waiting])
        weights = [weight for _, weight in self.waiting if weight is not None]
        return scores, np.concatenate(weights) if self.weighted else None

    def _put(self, part: tuple[Floats, Floats | None]) -> None:
        scores, weight = _ascending(*part)
        if len(self.sorted) < IN_MEMORY:
            self.sorted.append((scores, weight))
            return
        if self.file is None:
            self.file = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115  closed below
        scores.tofile(self.file)
        if weight is not None:
            weight.tofile(self.file)
        self.spilled += 1

    def _mapped(self) -> Iterator[tuple[Array, Array | None]]:
        if self.file is None:
            return
        self.file.flush()
        table = np.memmap(self.file, np.float64, "r", shape=(self.spilled, 2 if self.weighted else 1, RUN))
        self.close()  # the mapping stays
        for run in table:
            yield run[0], run[1] if self.weighted else None


@dataclass(slots=True)
class Ranking:
    """Scores of positives and negatives; `auc` when all were added."""

    weighted: bool = False
    folder: str | None = None  # for the files; the system's own if None
    sides: tuple[Runs, Runs] = field(init=False)
    weights: tuple[ExactSum, ExactSum] = field(default_factory=lambda: (ExactSum(), ExactSum()))
    counts: list[int] = field(default_factory=lambda: [0, 0])

    def __post_init__(self) -> None:
        self.sides = (Runs(self.weighted, self.folder), Runs(self.weighted, self.folder))

    def add(self, positive: Array, scores: Floats, weight: Floats | None = None) -> None:
        """Scores of rows, in the order of rows."""
        for side in (0, 1):
            rows = np.flatnonzero(positive == bool(side))
            mine = None if weight is None else weight[rows]
            self.sides[side].add(scores[rows], mine)
            self.counts[side] += len(rows)
            if mine is not None:
                self.weights[side].add(mine)

    def auc(self) -> float:
        """NaN when one of the classes has no weight."""
        negative, positive = (side.finish() for side in self.sides)
        if not self.weighted:
            twice = sum(_pairs(neg, pos) for neg, pos in self._ranges(negative, positive))
            return ratio(Fraction(twice, 2), Fraction(self.counts[0] * self.counts[1]))
        total, below = ExactSum(), 0.0
        for neg, pos in self._ranges(negative, positive):
            below = _weighted(neg, pos, below, total)
        return ratio(total.fraction(), self.weights[0].fraction() * self.weights[1].fraction())

    def close(self) -> None:
        """Give the files back, if `auc` was never asked for."""
        for side in self.sides:
            side.close()

    def _ranges(self, negative: Sides, positive: Sides) -> Iterator[tuple[Side, Side]]:
        """Negatives and positives, sorted, of one range of scores after the other."""
        n = sum(self.counts)
        cuts = _cuts([scores for scores, _ in [*negative, *positive]], max(n // RANGE, 1))
        at = [np.zeros(len(side), np.int64) for side in (negative, positive)]
        seen = 0
        for cut in [*cuts, np.inf]:
            found = []
            for side, starts in zip((negative, positive), at, strict=True):
                found.append(_between(side, starts, cut))
            yield (found[0][0], found[0][1], seen), (found[1][0], found[1][1], 0)
            seen += len(found[0][0])


Sides = list[tuple[Array, Array | None]]
Side = tuple[Floats, Floats | None, int]  # scores, weights, negatives before this range


def _pairs(negative: Side, positive: Side) -> int:
    """Twice the pairs in the right order: whole numbers, so exact."""
    below, scores = negative[0], positive[0]
    left, right = np.searchsorted(below, scores, "left"), np.searchsorted(below, scores, "right")
    return int(left.sum() + right.sum()) + 2 * negative[2] * len(scores)


def _weighted(negative: Side, positive: Side, below: float, total: ExactSum) -> float:
    """Add the weight of the pairs in the right order; returns the weight of negatives up to here."""
    (scores, weight, _), (others, heavy, _) = negative, positive
    assert weight is not None
    assert heavy is not None
    sums = below + np.concatenate([[0.0], np.cumsum(weight)])  # cumsum adds one after the other, on every CPU
    left, right = np.searchsorted(scores, others, "left"), np.searchsorted(scores, others, "right")
    total.add(heavy * ((sums[left] + sums[right]) * 0.5))
    return float(sums[-1])


def _between(side: Sides, starts: Ints, stop: float) -> tuple[Floats, Floats | None]:
    """What lies below `stop` in each run from where the last range ended, sorted; equal scores stay in row order."""
    scores, weights = [np.empty(0)], [np.empty(0)]
    for i, (run, weight) in enumerate(side):
        end = len(run) if stop == np.inf else int(np.searchsorted(run, stop, "left"))
        scores.append(run[starts[i] : end])
        if weight is not None:
            weights.append(weight[starts[i] : end])
        starts[i] = end
    weighted = any(weight is not None for _, weight in side)
    return _ascending(np.concatenate(scores), np.concatenate(weights) if weighted or not side else None)


def _cuts(runs: list[Array], ranges: int) -> list[float]:
    """Scores that cut all runs together into about so many equal ranges."""
    if ranges < 2 or not runs:
        return []
    sample = np.sort(np.concatenate([run[:: max(len(run) // (8 * ranges), 1)] for run in runs]))
    picked = sample[np.arange(1, ranges) * len(sample) // ranges]
    return [float(score) for score in np.unique(picked)]


def _ascending(scores: Floats, weight: Floats | None) -> tuple[Floats, Floats | None]:
    if weight is None:
        return np.sort(scores), None
    order = np.argsort(scores, kind="stable")
    return scores[order], weight[order]


def _part(scores: Floats, weight: Floats | None, start: int, stop: int) -> tuple[Floats, Floats | None]:
    return scores[start:stop], None if weight is None else weight[start:stop]
