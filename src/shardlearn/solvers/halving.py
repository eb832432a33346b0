"""k-means that says at last what each cluster has, instead of the inertia of all: one split of a bisection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from shardlearn.core.matrix import Floats
from shardlearn.core.query import Query
from shardlearn.core.solver import Status
from shardlearn.statistics.by_leaf import Shared, Shares

from .clusters import Clusters
from .kmeans import KMeans, KMeansState, quiet
from .lloyd import LloydPhase


@dataclass(frozen=True, slots=True)
class HalvingState:
    """Over when inertia and weight are there."""

    kmeans: KMeansState
    inertia: Floats = field(default_factory=lambda: np.zeros(0))  # (k,) of each cluster
    weight: Floats = field(default_factory=lambda: np.zeros(0))  # (k,)
    status: Status = Status.RUNNING

    @property
    def centers(self) -> Floats:
        """(k, p) those at the end."""
        assert self.kmeans.lloyd is not None
        return self.kmeans.lloyd.centers

    @property
    def figures(self) -> Mapping[str, float]:
        return self.kmeans.figures


@dataclass(frozen=True, slots=True)
class Halving:
    """The last question is another one than that of `kmeans`."""

    kmeans: KMeans

    def init(self, problem: Clusters, /) -> HalvingState:
        return HalvingState(self.kmeans.init(problem))

    @quiet
    def ask(self, problem: Clusters, state: HalvingState, /) -> Query[Any]:
        lloyd = state.kmeans.lloyd
        if lloyd is None or lloyd.phase is not LloydPhase.FINISH:
            return self.kmeans.ask(problem, state.kmeans)
        return Query(Shared(problem.compared(lloyd.centers), problem.k, lloyd.units.weights))

    @quiet
    def tell(self, problem: Clusters, state: HalvingState, answer: Any, /) -> HalvingState:
        if not isinstance(answer, Shares):
            return replace(state, kmeans=self.kmeans.tell(problem, state.kmeans, answer))
        lloyd = state.kmeans.lloyd
        assert lloyd is not None
        inertia = np.array([float(one) for one in answer.inertia])
        return replace(state, inertia=inertia, weight=lloyd.units.weighing(answer.weight), status=lloyd.verdict)
