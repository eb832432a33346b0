"""One step of mini-batch k-means whose batch is all of the data: what `partial_fit` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from shardlearn.core.block import Block
from shardlearn.core.matrix import Floats
from shardlearn.core.query import Query
from shardlearn.core.rows import ALL
from shardlearn.core.solver import Status
from shardlearn.statistics.clusters import Inertia, Labels
from shardlearn.statistics.whole_rows import Parts

from .batch_step import Learned, stepped
from .batches import sampled
from .clusters import Clusters
from .kmeans import quiet
from .mini_batch import first_centers, held_rows, rounded, weighing
from .problem import Shape


@dataclass(frozen=True, slots=True)
class NextBatch:
    """Clusters, and what earlier batches have taught, or centres to begin from."""

    clusters: Clusters
    then: Learned | None = None
    single: bool = False  # centres are published in float32, whatever the batch holds

    @property
    def shape(self) -> Shape:
        return self.clusters.shape


@dataclass(frozen=True, slots=True)
class OneBatchState:
    """Over once the rows are there."""

    learned: Learned | None = None
    centers: Floats | None = None  # (k, p) as they are published
    inertia: float = 0.0  # of this batch
    labels: Labels | None = None  # (n,)
    status: Status = Status.RUNNING
    rounds: int = 0

    @property
    def figures(self) -> Mapping[str, float]:
        return {} if self.learned is None else {"mean": self.learned.mean}


@dataclass(frozen=True, slots=True)
class OneBatch:
    """As `MiniBatch`, with the sample drawn from the first batch."""

    sample: int
    seeding: str = "k-means++"
    ratio: float = 0.01
    measured: bool = True  # the rows of the batch are, and labelled

    def init(self, problem: NextBatch, /) -> OneBatchState:
        return OneBatchState()

    def ask(self, problem: NextBatch, state: OneBatchState, /) -> Query[Any]:
        return held_rows(problem.clusters, ALL, problem.shape.rows)

    @quiet
    def tell(self, problem: NextBatch, state: OneBatchState, answer: Parts, /) -> OneBatchState:
        rows = answer.joined(problem.shape.features).block()
        now = stepped(problem.clusters, problem.then or self._start(problem.clusters, rows), rows, self.ratio)
        centers = rounded(now.centers, problem.single)
        state = OneBatchState(now, centers, status=Status.CONVERGED, rounds=state.rounds + 1)
        if not self.measured:
            return state
        found = Inertia(problem.clusters.compared(centers), rows.n).of(rows)
        return replace(state, inertia=float(found.inertia), labels=np.concatenate(found.labels))

    def _start(self, problem: Clusters, rows: Block) -> Learned:
        if problem.start is not None:
            return Learned.at(problem.start)
        some = weighing(rows, sampled(problem.shape.grid, self.sample, problem.seed, 0))
        if some.n < problem.k:
            some = weighing(rows, rows.row_ids())
        return Learned.at(first_centers(problem, some, self.seeding))
