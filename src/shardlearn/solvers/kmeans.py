"""k-means from a look at the data to the last labels: units, first centres, Lloyd's iterations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from shardlearn.core.errors import InputError
from shardlearn.core.query import Query
from shardlearn.core.solver import Status
from shardlearn.core.statistic import Statistic
from shardlearn.statistics.beside import Beside
from shardlearn.statistics.clusters import Inertia, layers_of
from shardlearn.statistics.seeding import Drawn, Extent

from .clusters import Clusters, Units, directions, most_units, units
from .lloyd import Lloyd, LloydState
from .seeding import OVER, ROUNDS, OneByOne, Oversampling, SeedPhase, SeedState, filled, first_rows
from .spreading import KEPT
from .sums import points, sums_asked

quiet = np.errstate(
    over="ignore", invalid="ignore"
)  # distances too large for float64, or for bounds, are told apart no more

SEEDINGS: Mapping[str, Oversampling | OneByOne] = MappingProxyType(
    {"k-means||": Oversampling(), "k-means++": OneByOne()}
)


@dataclass(frozen=True, slots=True)
class KMeansState:
    """`seeding`, then `lloyd`; neither before the first look."""

    units: Units | None = None
    seeding: SeedState | None = None
    lloyd: LloydState | None = None
    rounds: int = 0

    @property
    def status(self) -> Status:
        return Status.RUNNING if self.lloyd is None else self.lloyd.status

    @property
    def figures(self) -> Mapping[str, float]:
        now = self.lloyd or self.seeding
        return {} if now is None else now.figures


@dataclass(frozen=True, slots=True)
class KMeans:
    """`seeding`: "k-means||", "k-means++" or "random"; a problem that says where to start has no use for it."""

    lloyd: Lloyd
    seeding: str = "k-means||"

    def init(self, problem: Clusters, /) -> KMeansState:
        return KMeansState()

    @quiet
    def ask(self, problem: Clusters, state: KMeansState, /) -> Query[Any]:
        if state.lloyd is not None:
            return self.lloyd.ask(problem, state.lloyd)
        if state.seeding is not None:
            assert state.units is not None
            return SEEDINGS[self.seeding].ask(problem, state.seeding, state.units)
        looks: tuple[Statistic[Any], ...] = (Extent(problem.shape.features),)
        if problem.start is None:
            looks = (*looks, first_rows(problem, self.seeding))
        return Query(Beside(looks))

    @quiet
    def tell(self, problem: Clusters, state: KMeansState, answer: Any, /) -> KMeansState:
        state = replace(state, rounds=state.rounds + 1)
        if state.lloyd is not None:
            return replace(state, lloyd=self.lloyd.tell(problem, state.lloyd, answer))
        if state.seeding is not None:
            assert state.units is not None
            seeding = SEEDINGS[self.seeding].tell(problem, state.seeding, answer, state.units)
        else:
            if not answer[0].rows:
                raise all_zero()
            state = replace(state, units=units(problem, answer[0]))
            seeding = self._begun(problem, answer)
        return self._seeded(problem, replace(state, seeding=seeding))

    def _begun(self, problem: Clusters, answer: tuple[Any, ...]) -> SeedState:
        """Where the first look leads."""
        if problem.start is not None:
            start = directions(problem.start) if problem.unit else problem.start
            return SeedState(start, 0, phase=SeedPhase.DONE)
        if self.seeding == "random":
            return SeedState(filled(answer[1].X, problem.k), 0, phase=SeedPhase.DONE)
        return SEEDINGS[self.seeding].begin(problem, answer[1])

    def _seeded(self, problem: Clusters, state: KMeansState) -> KMeansState:
        """Lloyd's iterations begin where there are centres."""
        assert state.seeding is not None
        assert state.units is not None
        if state.seeding.phase is not SeedPhase.DONE:
            return state
        lloyd = self.lloyd.begin(problem, points(state.seeding.candidates), state.units)
        return replace(state, seeding=None, lloyd=lloyd)


def all_zero() -> InputError:
    return InputError(
        "No row has a direction.",
        code="SL2323",
        found="features that are zero in all rows that weigh something",
        needed="one row or more that is not zero, for cosines",
        fix='metric="euclidean"',
    )


def passes(solver: KMeans, problem: Clusters) -> Iterator[Query[Any]]:
    """Questions with large answers: sums of clusters, and what is held of candidates beside drawn rows."""
    p, k = problem.shape.features, problem.k
    most = most_units(problem)
    whole = most.scale.limbs * layers_of(most.weights)
    yield Query(sums_asked(problem, most), beside=8 * k * p * (whole + 3))
    if problem.start is None and solver.seeding == "k-means||":
        m = 1 + k * OVER * ROUNDS
        yield Query(Drawn(p, OVER * k, 0, 0, near=True), beside=16 * p * m + (8 * m * m if m <= KEPT else 0))
    if solver.lloyd.labels:
        yield Query(Inertia(problem.compared(np.zeros((1, p))), problem.shape.rows))
