"""A step that satisfies the strong Wolfe conditions, one evaluation at a time.

Bracketing and zoom by safeguarded cubic interpolation (Nocedal & Wright 2006, algorithms 3.5 and 3.6; Moré & Thuente
1994 for the safeguards). Where values differ by rounding only, slopes decide (Hager & Zhang 2005, approximate Wolfe).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

ARMIJO = 1e-4
WOLFE = 0.9
ROUNDING = 1e-15  # values closer than this, relative to the first, are one value
EVALUATIONS = 20
GROWTH = 4.0


class Verdict(Enum):
    """What an evaluation of a trial step led to."""

    GO_ON = "go on"
    ACCEPT = "accept"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Place:
    """phi(t) and phi'(t)."""

    t: float
    value: float
    slope: float


@dataclass(frozen=True, slots=True)
class Search:
    """Where a search stands; `t` is the step to try next."""

    t: float
    origin: Place
    low: Place  # the best place so far that lowers phi enough
    high: Place | None = None  # a place beyond which no step is looked for
    evaluations: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How long a search has gone on without lowering F, or its gradient by half."""

    best: float = np.inf  # steepest gradient when it was last halved
    idle: int = 0

    def after(self, before: float, value: float, steepest: float) -> Progress:
        """Having gone from F = before to a value and a gradient there."""
        flat = not value < before - ROUNDING * abs(before)
        if flat and not steepest <= 0.5 * self.best:
            return Progress(self.best, self.idle + 1)
        return Progress(min(self.best, steepest), 0)


def begin(value: float, slope: float, t: float = 1.0) -> Search:
    """A search along a direction in which phi falls."""
    origin = Place(0.0, value, slope)
    return Search(t, origin, origin)


def advance(search: Search, value: float, slope: float) -> tuple[Search, Verdict]:
    """Take phi at the trial step."""
    trial = Place(search.t, value, slope)
    count = search.evaluations + 1
    if _accepted(search.origin, trial):
        return replace(search, evaluations=count), Verdict.ACCEPT
    low, high = _narrowed(search, trial)
    t = _grown(low, search.t) if high is None else _between(low, high)
    moved = replace(search, t=t, low=low, high=high, evaluations=count)
    closed = high is not None and abs(high.t - low.t) <= 1e-12 * max(high.t, low.t)
    return moved, Verdict.FAIL if closed or count >= EVALUATIONS else Verdict.GO_ON


def _same(origin: Place, trial: Place) -> bool:
    return abs(trial.value - origin.value) <= ROUNDING * abs(origin.value)


def _enough(origin: Place, trial: Place) -> bool:
    """Sufficient decrease; `<=` is false for a nan."""
    if trial.value <= origin.value + ARMIJO * trial.t * origin.slope:
        return True
    return _same(origin, trial) and trial.slope <= (2.0 * ARMIJO - 1.0) * origin.slope


def _accepted(origin: Place, trial: Place) -> bool:
    return _enough(origin, trial) and abs(trial.slope) <= WOLFE * abs(origin.slope)


def _narrowed(search: Search, trial: Place) -> tuple[Place, Place | None]:
    """The bracket after a trial that was not accepted."""
    low, high = search.low, search.high
    worse = trial.value > low.value and not _same(search.origin, trial)
    if not np.isfinite(trial.value) or not _enough(search.origin, trial) or worse:
        return low, trial
    if trial.slope * (trial.t - low.t) >= 0.0:
        return trial, low
    return trial, high


def _grown(low: Place, t: float) -> float:
    return max(low.t, t) * GROWTH


def _between(low: Place, high: Place) -> float:
    """Minimiser of the cubic through both places, well inside of them."""
    width = high.t - low.t
    if not (np.isfinite(high.value) and np.isfinite(high.slope)):
        return low.t + 0.1 * width
    a = low.slope + high.slope - 3.0 * (high.value - low.value) / width
    root = a * a - low.slope * high.slope
    share = 0.5
    if root >= 0.0:
        d = float(np.sqrt(root)) * (1.0 if width > 0.0 else -1.0)
        below = high.slope - low.slope + 2.0 * d
        if below != 0.0:
            share = 1.0 - (high.slope + d - a) / below
    return low.t + min(max(share, 0.1), 0.9) * width
