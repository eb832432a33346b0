"""The first centres of k-means: k-means|| (Bahmani et al. 2012), greedy k-means++ (Arthur & Vassilvitskii 2007).

Rows are drawn without replacement with probability by s d^2, by keys that each row has by itself
(statistics/seeding.py). So k-means|| needs no potential, and takes the same number of rows in each round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from shardlearn.core.matrix import Ints, Matrix, concat_rows, slice_rows, take_rows
from shardlearn.core.query import Carry, Query
from shardlearn.statistics.seeding import NEAR, Drawn, DrawnRows, Masses, NearestOf, NearestWith, Potentials

from .clusters import Clusters, Units
from .spreading import searched, trials

ROUNDS, OVER = 5, 2  # of k-means||, each drawing OVER * k rows


class SeedPhase(Enum):
    DRAW = "draw"
    WEIGH = "weigh"  # masses of candidates, or potentials of trials
    DONE = "done"


@dataclass(frozen=True, slots=True)
class SeedState:
    """`candidates` were drawn; the last `new` of them are not compared with the rows yet."""

    candidates: Matrix  # (m, p)
    new: int
    trials: Matrix | None = None  # (t, p) one of which is the next centre
    phase: SeedPhase = SeedPhase.DRAW
    rounds: int = 0

    @property
    def figures(self) -> Mapping[str, float]:
        return {"candidates": float(self.candidates.shape[0])}


def first_rows(problem: Clusters, init: str) -> Drawn:
    """All centres of "random", or the first candidate."""
    most = problem.k if init == "random" else 1
    return Drawn(problem.shape.features, most, problem.seed, 0)


def carry(problem: Clusters, state: SeedState) -> Carry:
    """The nearest candidate of each row."""
    m = state.candidates.shape[0]
    seen = m - state.new
    new = problem.compared(slice_rows(state.candidates, seen, m)) if state.new else None
    return Carry(NEAR, state.rounds, NearestOf(problem.later(state.candidates)), NearestWith(new, seen))


@dataclass(frozen=True, slots=True)
class Oversampling:
    """k-means||: rounds that draw many rows each; then k of them, by the mass of the rows near to each."""

    def begin(self, problem: Clusters, drawn: DrawnRows) -> SeedState:
        return SeedState(drawn.X, drawn.X.shape[0])

    def ask(self, problem: Clusters, state: SeedState, units: Units) -> Query[Any]:
        measure: Any = Masses(state.candidates.shape[0], units.weights)
        if state.phase is SeedPhase.DRAW:
            measure = Drawn(problem.shape.features, OVER * problem.k, problem.seed, 1 + state.rounds, near=True)
        return Query(measure, (carry(problem, state),))

    def tell(self, problem: Clusters, state: SeedState, answer: DrawnRows | Ints, units: Units) -> SeedState:
        state = replace(state, rounds=state.rounds + 1)
        if isinstance(answer, DrawnRows):
            order = np.argsort(answer.id)
            both = concat_rows([state.candidates, take_rows(answer.X, order)])
            last = state.rounds == ROUNDS or not len(order)
            phase = SeedPhase.WEIGH if last else SeedPhase.DRAW
            return replace(state, candidates=both, new=len(order), phase=phase)
        dtype = "float32" if problem.single else "float64"
        centers = searched(state.candidates, answer, problem.k, problem.seed, units, dtype)
        return replace(state, candidates=centers, new=0, phase=SeedPhase.DONE)


@dataclass(frozen=True, slots=True)
class OneByOne:
    """Greedy k-means++: each next centre is that of a few drawn rows which leaves least."""

    def begin(self, problem: Clusters, drawn: DrawnRows) -> SeedState:
        return SeedState(drawn.X, drawn.X.shape[0], phase=SeedPhase.DRAW if problem.k > 1 else SeedPhase.DONE)

    def ask(self, problem: Clusters, state: SeedState, units: Units) -> Query[Any]:
        measure: Any = Drawn(problem.shape.features, trials(problem.k), problem.seed, 1 + state.rounds, near=True)
        if state.phase is SeedPhase.WEIGH:
            assert state.trials is not None
            count = state.trials.shape[0]
            measure = Potentials(tuple(problem.compared(slice_rows(state.trials, i, i + 1)) for i in range(count)))
        return Query(measure, (carry(problem, state),))

    def tell(self, problem: Clusters, state: SeedState, answer: Any, units: Units) -> SeedState:
        state = replace(state, rounds=state.rounds + 1)
        if isinstance(answer, DrawnRows):
            if not len(answer.id):
                return replace(state, candidates=filled(state.candidates, problem.k), phase=SeedPhase.DONE)
            return replace(state, new=0, trials=take_rows(answer.X, np.argsort(answer.id)), phase=SeedPhase.WEIGH)
        assert state.trials is not None
        best = int(np.argmin([float(left) for left in answer]))
        centers = concat_rows([state.candidates, slice_rows(state.trials, best, best + 1)])
        phase = SeedPhase.DONE if centers.shape[0] == problem.k else SeedPhase.DRAW
        return replace(state, candidates=centers, new=1, trials=None, phase=phase)


def filled(centers: Matrix, k: int) -> Matrix:
    """(k, p): repeated from the first one on, where there are fewer rows apart than centres."""
    return take_rows(centers, np.arange(k) % centers.shape[0])
