"""Mini-batch k-means: a start from a sample of the rows, then steps, each of which sees one batch.

The rows of many small batches come together in one pass over the few blocks that hold them, and the steps are taken
where the solver is. So what a step computes is a function of the rows of its batch, of parameters and seed alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from shardlearn.core.block import Block
from shardlearn.core.grid import TARGET_BYTES, Grid
from shardlearn.core.matrix import Floats, Ints
from shardlearn.core.query import Query
from shardlearn.core.rows import ALL, Ids, Rows, positions
from shardlearn.core.solver import Status
from shardlearn.statistics.clusters import Assigned, Inertia, Labels
from shardlearn.statistics.moments import Moments, MomentSums
from shardlearn.statistics.whole_rows import Parts, WholeRows

from . import locally
from .batch_step import Learned, stepped
from .batches import Batches, sampled
from .clusters import Clusters
from .kmeans import KMeans, quiet
from .lloyd import Lloyd, variance
from .problem import Shape

CHUNK = 4  # blocks' worth of rows that are had at once, at most, or one batch
MOST = 256  # batches that are had at once
APART = 32  # bits between the seeds of tries
COPIES = 12  # of the centres, at most, that a step holds
WIDER = 8  # times as large is the sample after one in which there were too few rows


@dataclass(frozen=True, slots=True)
class Streamed:
    """Clusters, and where to begin: the best of these centres."""

    clusters: Clusters
    starts: tuple[Floats, ...] = ()  # (k, p) each; none: chosen

    @property
    def shape(self) -> Shape:
        return self.clusters.shape


class BatchPhase(Enum):
    START = "start"
    LOOK = "look"  # for the variance, where the tolerance asks for it
    STEP = "step"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class MiniBatchState:
    """`smooth` is the mean squared distance of rows, averaged over steps, the last ones most."""

    learned: Learned | None = None
    phase: BatchPhase = BatchPhase.START
    sample: int = 0  # rows that a start is made of
    variance: float = 0.0  # mean over the features
    seen: float = 0.0  # weight of all batches
    smooth: float | None = None
    least: float | None = None
    idle: int = 0  # steps since `smooth` was at its least
    inertia: float = 0.0
    labels: Labels | None = None  # (n,) where they are asked for
    verdict: Status = Status.RUNNING
    status: Status = Status.RUNNING
    rounds: int = 0

    @property
    def figures(self) -> Mapping[str, float]:
        if self.learned is None:
            return {}
        return {"steps": float(self.learned.steps), "mean": self.learned.mean}


@dataclass(frozen=True, slots=True)
class MiniBatch:
    """Until `smooth` has not fallen for `patience` steps, or a step moves the centres by little, or `max_iter`."""

    size: int  # rows of a batch, at most all
    sample: int  # rows that a start is made of, at most all
    max_iter: int = 100  # epochs
    tol: float = 0.0  # of sum |dc|^2, relative to the variance; 0: not looked at
    patience: int | None = 10
    seeding: str = "k-means++"
    tries: int = 1
    ratio: float = 0.01  # of the largest cluster's weight below which one is put elsewhere
    measured: bool = True  # all rows are measured at last
    labels: bool = False  # and the state has their labels

    def init(self, problem: Streamed, /) -> MiniBatchState:
        state = MiniBatchState(sample=self.sample)
        return self._began(state, problem.starts[0]) if len(problem.starts) == 1 else state

    @quiet
    def ask(self, problem: Streamed, state: MiniBatchState, /) -> Query[Any]:
        clusters = problem.clusters
        if state.phase is BatchPhase.START:
            return held_rows(clusters, *_once(np.concatenate(self._samples(problem, state.sample))))
        assert state.learned is not None
        if state.phase is BatchPhase.LOOK:
            middle = None if clusters.shape.sparse else _middle(state.learned.centers)
            return Query(Moments(clusters.shape.features, pivot=middle))
        if state.phase is BatchPhase.STEP:
            return held_rows(clusters, *_once(self._batches(problem, state.learned.steps).reshape(-1)))
        rows = problem.shape.rows if self.labels else None
        return Query(Inertia(clusters.compared(state.learned.centers), rows))

    @quiet
    def tell(self, problem: Streamed, state: MiniBatchState, answer: Any, /) -> MiniBatchState:
        state = replace(state, rounds=state.rounds + 1)
        match answer:
            case Assigned():
                labels = np.concatenate([np.zeros(0, np.int32), *answer.labels]) if self.labels else None
                return replace(state, inertia=float(answer.inertia), labels=labels, status=state.verdict)
            case MomentSums():
                return replace(state, variance=variance(answer), phase=BatchPhase.STEP)
            case Parts() if state.phase is BatchPhase.START:
                return self._started(problem, state, answer.joined(problem.shape.features).block())
        return self._stepped(problem, state, answer.joined(problem.shape.features).block())

    # -- where it begins -----------------------------------------------------------------------------------------------

    def _samples(self, problem: Streamed, m: int) -> list[Ints]:
        """Rows of each try, and where there are several, of those by which the best is told."""
        grid, seed = problem.shape.grid, problem.clusters.seed
        count = 1 if problem.starts else self.tries + (self.tries > 1)
        return [sampled(grid, m, seed, i) for i in range(count)]

    def _started(self, problem: Streamed, state: MiniBatchState, rows: Block) -> MiniBatchState:
        """The best start; where rows were left out, and too few are there, a larger sample is taken."""
        clusters = problem.clusters
        parts = [weighing(rows, ids) for ids in self._samples(problem, state.sample)]
        if min(part.n for part in parts) < clusters.k and state.sample < problem.shape.rows:
            return replace(state, sample=min(WIDER * state.sample, problem.shape.rows))
        tries = enumerate(parts[: self.tries])
        found = problem.starts or [first_centers(clusters, part, self.seeding, i) for i, part in tries]
        if len(found) == 1:
            return self._began(state, found[0])
        left = [Inertia(clusters.compared(centers)).of(parts[-1]).inertia for centers in found]
        return self._began(state, found[int(np.argmin([float(one) for one in left]))])

    def _began(self, state: MiniBatchState, centers: Floats) -> MiniBatchState:
        phase = BatchPhase.LOOK if self.tol > 0 else BatchPhase.STEP
        return replace(state, learned=Learned.at(centers), phase=phase)

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _steps(self, problem: Streamed) -> int:
        """At most."""
        return self.max_iter * problem.shape.rows // self.size

    def _batches(self, problem: Streamed, first: int) -> Ints:
        """(m, size) the row ids of the next batches."""
        grid = problem.shape.grid
        stop = min(first + max(1, min(MOST, CHUNK * grid.rows // self.size)), self._steps(problem))
        return Batches(grid, self.size, problem.clusters.seed).ids(first, stop)

    def _stepped(self, problem: Streamed, state: MiniBatchState, rows: Block) -> MiniBatchState:
        """After all these batches, or as many as it takes."""
        assert state.learned is not None
        for ids in self._batches(problem, state.learned.steps):
            batch = rows.take(positions(ids, rows.row_ids()))
            learned = stepped(problem.clusters, state.learned, batch, self.ratio)
            state = self._judged(problem, replace(state, learned=learned, seen=state.seen + learned.weight), learned)
            if state.verdict is not Status.RUNNING:
                return self._ended(problem, state, learned)
        return state

    def _judged(self, problem: Streamed, state: MiniBatchState, now: Learned) -> MiniBatchState:
        """As scikit-learn does; the first batch tells of the start alone."""
        if now.steps > 1 and now.weight > 0:
            share = min(1.0, 2.0 * self.size / (problem.shape.rows + 1))
            smooth = now.mean if state.smooth is None else state.smooth * (1.0 - share) + now.mean * share
            fell = state.least is None or smooth < state.least
            state = replace(state, smooth=smooth, idle=0 if fell else state.idle + 1)
            state = replace(state, least=smooth) if fell else state
            still = self.tol > 0 and now.shift <= self.tol * state.variance
            if still or (self.patience is not None and state.idle >= self.patience):
                return replace(state, verdict=Status.CONVERGED)
        return replace(state, verdict=Status.OUT_OF_ROUNDS) if now.steps >= self._steps(problem) else state

    def _ended(self, problem: Streamed, state: MiniBatchState, now: Learned) -> MiniBatchState:
        """The centres as they are published; the inertia is measured, or guessed from that of batches."""
        state = replace(state, learned=replace(now, centers=rounded(now.centers, problem.clusters.single)))
        if self.measured:
            return replace(state, phase=BatchPhase.FINISH)
        mean = now.mean if state.smooth is None else state.smooth
        weight = state.seen / (now.steps * self.size) * problem.shape.rows
        return replace(state, inertia=mean * weight, status=state.verdict)


def held_rows(problem: Clusters, rows: Rows, count: int) -> Query[Any]:
    """Rows as they are. Of sparse ones the size is a guess: blocks are so many rows that they take TARGET_BYTES."""
    p, grid = problem.shape.features, problem.shape.grid
    row_bytes = p * (4 if problem.single else 8)
    if problem.shape.sparse:
        row_bytes = min(12 * p, 2 * TARGET_BYTES // grid.rows)
    return Query(WholeRows(count, row_bytes), rows=rows)


def weighing(rows: Block, ids: Ints) -> Block:
    """Those of the rows that have these ids and weigh something."""
    some = rows.take(positions(ids, rows.row_ids()))
    return some if some.weight is None else some.take(np.flatnonzero(some.weight > 0))


def first_centers(problem: Clusters, rows: Block, seeding: str, number: int = 0) -> Floats:
    """(k, p) centres at which k-means of a sample would begin."""
    shape = replace(problem.shape, grid=Grid(0, rows.n, problem.shape.grid.rows))
    small = replace(problem, shape=shape, seed=problem.seed + (number << APART), start=None)
    state = locally.solved(KMeans(Lloyd(), seeding), small, rows, lambda state: state.lloyd is not None)
    assert state.lloyd is not None
    return state.lloyd.centers


def rounded(centers: Floats, single: bool) -> Floats:
    """As they are published: labels belong to that."""
    return centers.astype(np.float32).astype(np.float64) if single else centers


def passes(solver: MiniBatch, problem: Streamed) -> Iterator[Query[Any]]:
    """Questions with large answers: a sample, and batches; beside each the centres and their sums."""
    p, k, n = problem.shape.features, problem.clusters.k, problem.shape.rows
    beside = 8 * k * p * COPIES
    several = solver.tries + (solver.tries > 1)
    yield replace(held_rows(problem.clusters, ALL, min(several * solver.sample, n)), beside=beside)
    many = max(solver.size, CHUNK * problem.shape.grid.rows)
    yield replace(held_rows(problem.clusters, ALL, min(many, n)), beside=beside)
    if solver.labels:
        yield Query(Inertia(problem.clusters.compared(np.zeros((1, p))), n), beside=beside)


def _once(ids: Ints) -> tuple[Ids, int]:
    """Each of some ids once, and how many these are."""
    ordered = np.sort(ids)
    first = np.ones(len(ordered), np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    return Ids(ordered[first]), int(np.count_nonzero(first))


def _middle(centers: Floats) -> Floats:
    """(p,) somewhere among the rows."""
    low, high = centers.min(axis=0), centers.max(axis=0)
    out: Floats = low + 0.5 * (high - low)
    return out
