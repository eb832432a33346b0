"""Accelerated gradient descent: short, robust, and slow where the features are correlated.

Nesterov's momentum with a backtracked step and gradient restart (Beck & Teboulle 2009; O'Donoghue & Candès 2015), in
coordinates where each feature has variance 1. One evaluation a round: where the upper bound that a step relies on
turns out to be wrong at the next point, the step is taken again with twice the curvature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from shardlearn.core.matrix import Floats
from shardlearn.core.query import Query
from shardlearn.core.solver import Status
from shardlearn.statistics.gradient import LossSums
from shardlearn.statistics.moments import MomentSums

from .frame import Evaluation, evaluate, from_frame, inner, sums_at
from .lbfgs import Lbfgs, LbfgsState, begin
from .linesearch import ROUNDING, Progress
from .metric import Metric, bounded, solve
from .problem import Glm

STEEPEST = 2.0**60
IDLE = 200  # steps without progress that mean rounding


@dataclass(frozen=True, slots=True)
class Momentum:
    """The place y that was evaluated last, the step that led towards it, and what comes next."""

    y: Floats  # (k, q)
    grad: Floats  # (k, q)
    x: Floats  # (k, q) the end of the last plain gradient step
    curvature: float  # along no direction tried so far did F bend more
    t: float  # Nesterov's sequence
    next_x: Floats  # (k, q)
    next_y: Floats  # (k, q) evaluated next


@dataclass(frozen=True, slots=True)
class DescentState:
    """The last accepted point, and its momentum."""

    W: Floats  # (k, p)
    b: Floats  # (k,)
    look: LbfgsState | None  # while the frame and the scale of the features are looked at
    rounds: int = 0
    iterations: int = 0
    status: Status = Status.RUNNING
    loss: float = np.inf  # F
    gradient: float = np.inf  # largest |dF| in the original coordinates
    center: Floats | None = None  # (p,)
    second: Floats | None = None  # (p,)
    theta: Floats | None = None  # (k, q) where the search begins
    metric: Metric | None = None
    momentum: Momentum | None = None
    progress: Progress = field(default_factory=Progress)

    @property
    def figures(self) -> Mapping[str, float]:
        return {"loss": self.loss, "gradient": self.gradient} if self.momentum is not None else {}


@dataclass(frozen=True, slots=True)
class GradientDescent:
    """To learn from, and to compare with."""

    tol: float = 1e-4
    max_iter: int = 100

    def init(self, problem: Glm, /) -> DescentState:
        look = begin(problem)
        return DescentState(look.W, look.b, look)

    def ask(self, problem: Glm, state: DescentState, /) -> Query[MomentSums] | Query[LossSums]:
        if state.look is not None:
            return Lbfgs().ask(problem, state.look)
        at = state.theta if state.momentum is None else state.momentum.next_y
        assert at is not None
        return Query(sums_at(problem, state.center, at))

    def tell(self, problem: Glm, state: DescentState, answer: MomentSums | LossSums, /) -> DescentState:
        state = replace(state, rounds=state.rounds + 1)
        if isinstance(answer, MomentSums):
            assert state.look is not None
            look = Lbfgs().tell(problem, state.look, answer)
            if look.theta is None:
                return replace(state, look=look)
            return replace(state, look=None, center=look.center, second=look.second, theta=look.theta)
        old, metric = state.momentum, state.metric
        if old is None or metric is None:
            return self._began(problem, state, answer)
        here = evaluate(problem, state.center, old.next_y, answer)
        if not _bounded(metric, state.loss, old, here):
            if old.curvature >= STEEPEST:
                return replace(state, status=Status.STALLED)
            return replace(state, momentum=_step(metric, replace(old, curvature=2.0 * old.curvature)))
        forward = inner(here.grad, old.next_x - old.x) <= 0.0
        t = 0.5 * (1.0 + float(np.sqrt(1.0 + 4.0 * old.t * old.t))) if forward else 1.0
        x = old.next_x if forward else old.next_y
        now = Momentum(old.next_y, here.grad, x, old.curvature, t, x, x)
        return self._judged(problem, replace(state, iterations=state.iterations + 1), metric, now, here)

    def _began(self, problem: Glm, state: DescentState, sums: LossSums) -> DescentState:
        """At the first point: the scale of the coordinates is known now."""
        assert state.theta is not None
        assert state.second is not None
        here = evaluate(problem, state.center, state.theta, sums)
        bound = 1.0 if problem.loss.bound is None else problem.loss.bound
        metric = bounded(bound, state.second, problem.l2 / here.weight, problem.intercept)
        at = state.theta
        start = Momentum(at, here.grad, at, 1.0, 1.0, at, at)
        return self._judged(problem, replace(state, metric=metric), metric, start, here)

    def _judged(
        self, problem: Glm, state: DescentState, metric: Metric, now: Momentum, here: Evaluation
    ) -> DescentState:
        """Whether the point is good enough; if not, the next one."""
        model = from_frame(problem, state.center, now.y)
        progress = state.progress.after(state.loss, here.value, here.steepest)
        state = replace(
            state, progress=progress, W=model.W, b=model.b, loss=here.value, gradient=here.steepest, momentum=now
        )
        if here.steepest <= self.tol and 0.5 * inner(here.grad, solve(metric, here.grad)) <= self.tol:
            return replace(state, status=Status.CONVERGED)
        if state.iterations >= self.max_iter:
            return replace(state, status=Status.OUT_OF_ROUNDS)
        if progress.idle >= IDLE:
            return replace(state, status=Status.STALLED)
        return replace(state, momentum=_step(metric, now))


def _bounded(metric: Metric, loss: float, old: Momentum, here: Evaluation) -> bool:
    """Whether F stayed below its quadratic model; rounding apart. False for a nan."""
    step = old.next_y - old.y
    norm = step / metric.scale
    model = loss + inner(old.grad, step) + 0.5 * old.curvature * inner(norm, norm)
    return here.value <= model + 4.0 * ROUNDING * abs(loss)


def _step(metric: Metric, now: Momentum) -> Momentum:
    """A gradient step from y, and beyond it along the last two."""
    x = now.y - solve(metric, now.grad) / now.curvature
    t = 0.5 * (1.0 + float(np.sqrt(1.0 + 4.0 * now.t * now.t)))
    return replace(now, next_x=x, next_y=x + ((now.t - 1.0) / t) * (x - now.x))
