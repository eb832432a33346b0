"""Lloyd's iterations (1982): each row to its nearest centre, each centre to the mean of its rows.

Labels are functions of the rows and the centres alone, and sums are whole numbers: only rows whose label changed have
to be added, and the centres are the same bits in whatever order that happens. Centre = sum / weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from shardlearn import kernels
from shardlearn.core import fixed
from shardlearn.core.matrix import Floats, Ints, slice_rows
from shardlearn.core.query import Carry, Query
from shardlearn.core.solver import Status
from shardlearn.statistics.beside import Beside
from shardlearn.statistics.cells import MovedCells
from shardlearn.statistics.clusters import (
    LABELS,
    Assign,
    AssignBounded,
    Assigned,
    FarRows,
    Farthest,
    Inertia,
    Labels,
    Moved,
    Reassign,
    ReassignDoubtful,
)
from shardlearn.statistics.moments import Moments, MomentSums

from .clusters import Clusters, Units
from .leading import Leading, leading, led
from .sums import Sums, moved_means, no_sums, plus, sums_asked, transferred

PAYS = 512  # multiplications a row
GROWN = 1.0 + 2.0**-30  # far above the rounding of a distance, also of one between centres


class LloydPhase(Enum):
    ASSIGN = "assign"
    RELOCATE = "relocate"  # clusters without rows get the rows that are farthest from their centres
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class LloydState:
    """`centers` are those of the last assignment until its sums are there; `verdict` is the status after the end."""

    centers: Floats  # (k, p)
    units: Units
    sums: Sums  # of all rows, by their last labels
    weights: Ints  # (layers, k)
    before: Floats | None = None  # (k, p) the centres that the carried labels belong to
    phase: LloydPhase = LloydPhase.ASSIGN
    iterations: int = 0
    changed: float = -1.0  # weight of the rows that changed their cluster in the last assignment
    shift: float = 0.0  # sum |dc|^2 of the last iteration
    variance: float = 0.0  # mean over the features
    inertia: float = 0.0
    labels: Labels | None = None  # (n,) where they are asked for
    leading: Leading | None = None  # directions along which centres are compared first
    verdict: Status = Status.RUNNING
    status: Status = Status.RUNNING

    @property
    def figures(self) -> Mapping[str, float]:
        return {"changed": self.changed, "shift": self.shift}


@dataclass(frozen=True, slots=True)
class Lloyd:
    """Until no label changes, or sum |dc|^2 <= tol * variance, or so many iterations have passed."""

    tol: float = 1e-4
    max_iter: int = 300
    labels: bool = False  # the state is to have them at last
    bounds: bool = True  # rows that surely stay are not compared, where that pays; labels are the same
    directions: bool = True  # centres that are surely far along a few directions are not compared, where that pays

    def begin(self, problem: Clusters, centers: Floats, units: Units) -> LloydState:
        return LloydState(centers, units, *no_sums((problem.k, problem.shape.features), units, problem.shape.sparse))

    def ask(self, problem: Clusters, state: LloydState) -> Query[Any]:
        p, units = problem.shape.features, state.units
        if state.phase is LloydPhase.FINISH:  # labels belong to what is published
            state = replace(state, centers=problem.published(state.centers))
        now = problem.compared(state.centers)
        if state.phase is LloydPhase.RELOCATE:
            return Query(Farthest(now, p, len(empty(state.weights)), units.weights))
        carry = (self._carry(problem, state, now),)
        if state.phase is LloydPhase.FINISH:
            carried, rows = isinstance(carry[0].step, ReassignDoubtful), problem.shape.rows if self.labels else None
            return Query(Inertia(now, rows, carried, problem.unit), carry if carried else ())
        sums = sums_asked(problem, units)
        if state.before is None:
            return Query(Beside((sums, Moments(p, pivot=units.middle))), carry)
        return Query(sums, carry)

    def _carry(self, problem: Clusters, state: LloydState, now: kernels.Centers) -> Carry:
        """Labels; with bounds for dense rows, where comparing a row takes longer than its bounds."""
        before = None if state.before is None else problem.later(state.before)
        if not self.bounds or problem.k * problem.shape.features < PAYS or not isinstance(now, kernels.Points):
            return Carry(LABELS, state.iterations, Assign(now, before), Reassign(now))
        start = state.centers if state.before is None else state.before
        moved, points = moved_by(start, state.centers), led(state.centers, state.leading, now)
        return Carry(LABELS, state.iterations, AssignBounded(now, before, moved), ReassignDoubtful(points, moved))

    def tell(self, problem: Clusters, state: LloydState, answer: Any) -> LloydState:
        match answer:
            case Assigned():
                labels = np.concatenate([np.zeros(0, np.int32), *answer.labels]) if self.labels else None
                return replace(state, inertia=float(answer.inertia), labels=labels, status=state.verdict)
            case FarRows():
                return self._moved(problem, state, *_relocated(state, answer))
            case Moved() | MovedCells():
                return self._assigned(problem, state, answer)
        state = replace(state, variance=variance(answer[1]))
        return self._assigned(problem, state, answer[0])

    def _assigned(self, problem: Clusters, state: LloydState, moved: Moved | MovedCells) -> LloydState:
        sums, weights = plus(state.sums, moved.sums), state.weights + moved.weights
        changed = float(state.units.weighing(moved.changed))
        state = replace(state, sums=sums, weights=weights, changed=changed, iterations=state.iterations + 1)
        if len(empty(weights)):
            return replace(state, phase=LloydPhase.RELOCATE)
        return self._moved(problem, state, sums, weights)

    def _moved(self, problem: Clusters, state: LloydState, sums: Sums, weights: Ints) -> LloydState:
        """The centres go to the means; one without rows stays."""
        centers, shift = moved_means(sums, weights, state.centers, state.units)
        verdict = Status.RUNNING
        if state.changed == 0 or shift <= self.tol * state.variance:
            verdict = Status.CONVERGED
        elif state.iterations >= self.max_iter:
            verdict = Status.OUT_OF_ROUNDS
        phase = LloydPhase.ASSIGN if verdict is Status.RUNNING else LloydPhase.FINISH
        if phase is LloydPhase.FINISH and problem.single:
            centers = centers.astype(np.float32).astype(np.float64)  # what is published: labels belong to it
        now = state.leading
        if self.directions and state.iterations == 1 and not problem.shape.sparse:
            now = leading(centers)  # centres are means by now, and go near from here
        return replace(
            state, before=state.centers, centers=centers, shift=shift, phase=phase, verdict=verdict, leading=now
        )


def moved_by(before: Floats, now: Floats) -> kernels.Moved:
    """How far each centre went, rounded up."""
    square = kernels.row_squares(now - before)
    far = np.nextafter((np.sqrt(square) * GROWN).astype(np.float32), np.float32(np.inf))
    order = np.sort(far)
    return kernels.Moved(far, float(order[-1]), float(order[-2]) if len(order) > 1 else 0.0)


def empty(weights: Ints) -> Ints:
    """The clusters without weight."""
    return np.flatnonzero(~weights.any(axis=0))


def _relocated(state: LloydState, far: FarRows) -> tuple[Sums, Ints]:
    """Sums and weights with the farthest rows given to the empty clusters in order, for the means alone.

    As in scikit-learn: labels stay, and where all rows lie on their centres, as far as sums hold them, nothing is to be
    had.
    """
    unit = fixed.unit(state.units.scale)
    if not len(far.id) or far.square[0] <= kernels.dot(unit, unit):
        return state.sums, state.weights
    to = empty(state.weights)[: len(far.id)].astype(np.int32)
    count = len(to)
    moves = kernels.Moves(to, far.label[:count], np.ascontiguousarray(far.weight[:count].T))
    return transferred(state.sums, state.weights, slice_rows(far.X, 0, count), moves, state.units.scale)[:2]


def variance(sums: MomentSums) -> float:
    """Mean over the features of the weighted variance."""
    p, mean = len(sums.sum), sums.sum / sums.weight
    spread = sums.square / sums.weight - mean * mean
    return kernels.dot(np.maximum(spread, 0.0), np.ones(p)) / p
