"""L-BFGS in a metric that a look at some rows gave (Nocedal & Wright 2006, algorithms 7.4 and 7.5).

One flat loop: each round either looks at rows for the metric, or evaluates F once and takes the step, tries another
one, or stops. Pairs are kept in the frame's own coordinates and the metric stands where the first inverse Hessian
does, which is the same as L-BFGS on v = L' theta.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np

from shardlearn.core.matrix import Floats
from shardlearn.core.query import Query
from shardlearn.core.rng import Purpose
from shardlearn.core.rows import ALL, Hashed, Range, Rows, share
from shardlearn.core.solver import Status
from shardlearn.statistics.gradient import LossSums
from shardlearn.statistics.moments import Moments, MomentSums

from . import linesearch
from .frame import Evaluation, evaluate, from_frame, inner, sums_at, to_frame
from .linesearch import Progress, Search, Verdict
from .metric import Metric, bounded, solve, unsteady
from .overflow import finite
from .problem import Glm, Start

MEMORY = 10
IDLE = 20  # accepted steps without progress that mean rounding


class Phase(Enum):
    """What the next round is for."""

    PIVOT = "pivot"  # the mean of the first block, so that moments lose no digits
    START = "start"  # some rows, to begin at what they say
    SAMPLE = "sample"  # moments of some rows: the metric and the centre
    DESCENT = "descent"
    SHARPEN = "sharpen"  # the metric again, with the curvature at the current point


@dataclass(frozen=True, slots=True)
class Pair:
    """A step s, the change y of the gradient along it, s'y and y'M^-1 y."""

    s: Floats  # (k, q)
    y: Floats  # (k, q)
    sy: float
    ymy: float


@dataclass(frozen=True, slots=True)
class LbfgsState:
    """The last accepted point, and what is needed to go on from there."""

    W: Floats  # (k, p)
    b: Floats  # (k,)
    phase: Phase
    rounds: int = 0
    iterations: int = 0
    status: Status = Status.RUNNING
    loss: float = np.inf  # F
    gradient: float = np.inf  # largest |dF| in the original coordinates
    weight: float = 0.0  # s
    center: Floats | None = None  # (p,)
    second: Floats | None = None  # mean second moments of the sample, until the metric is made of them
    ceiling: float = np.inf  # F at a start that was made of some rows is below, or it is no start
    theta: Floats | None = None  # (k, q) the point in the frame
    grad: Floats | None = None  # (k, q)
    direction: Floats | None = None  # (k, q)
    search: Search | None = None
    metric: Metric | None = None
    pairs: tuple[Pair, ...] = ()
    evaluations: int = 0
    progress: Progress = field(default_factory=Progress)
    sharpened: int = 0  # evaluations when the metric was made the last time

    @property
    def figures(self) -> Mapping[str, float]:
        return {"loss": self.loss, "gradient": self.gradient} if self.grad is not None else {}


@dataclass(frozen=True, slots=True)
class Lbfgs:
    """With second moments of single columns as metric: for sparse or very wide data."""

    tol: float = 1e-4
    max_iter: int = 100

    def init(self, problem: Glm, /) -> LbfgsState:
        return begin(problem)

    def ask(self, problem: Glm, state: LbfgsState, /) -> Query[MomentSums] | Query[LossSums]:
        if state.phase is Phase.SAMPLE:
            return Query(Moments(problem.shape.features, 0, kernel_pivot(problem, state)), rows=sample(problem))
        return ask_common(problem, state)

    def tell(self, problem: Glm, state: LbfgsState, answer: MomentSums | LossSums, /) -> LbfgsState:
        state = replace(state, rounds=state.rounds + 1)
        if isinstance(answer, LossSums):
            return descend(problem, state, answer, self.tol, self.max_iter)
        if state.phase is Phase.PIVOT:
            return pivoted(state, answer)
        mean = answer.sum / answer.weight if answer.weight > 0.0 else answer.sum
        center, second = state.center, answer.square / max(answer.weight, np.finfo(float).tiny)
        if problem.intercept:
            second = np.maximum(second - mean * mean, 0.0)
            center = mean if center is None else center + mean
            second = unsteady(second, center)
        return sampled(problem, state, center, second)


def begin(problem: Glm, start: Start | None = None, iterations: int = 0) -> LbfgsState:
    """The state before the first round."""
    phase = Phase.PIVOT if problem.intercept and not problem.shape.sparse else Phase.SAMPLE
    first = problem.first if start is None else start
    return LbfgsState(first.W, first.b, phase, iterations=iterations)


def sample(problem: Glm, least: int = 4096) -> Rows:
    """About max(10 p, least) rows, or all where that is more than a quarter."""
    m = max(10 * problem.shape.features, least)
    if problem.shape.rows <= 4 * m:
        return ALL
    return Hashed(Purpose.METRIC, share(m, problem.shape.rows))


def kernel_pivot(problem: Glm, state: LbfgsState) -> Floats | None:
    """What the kernels take off the features."""
    return None if problem.shape.sparse else state.center


def first_block(problem: Glm) -> Rows:
    """The rows of the first block."""
    return Range(*problem.shape.grid.span(problem.shape.grid.first_block))


def ask_common(problem: Glm, state: LbfgsState) -> Query[MomentSums] | Query[LossSums]:
    """The pass for the pivot, or F at the trial point."""
    if state.phase is Phase.PIVOT:
        return Query(Moments(problem.shape.features), rows=first_block(problem))
    return Query(sums_at(problem, state.center, trial(state)))


def trial(state: LbfgsState) -> Floats:
    """The point that the next evaluation is for."""
    assert state.theta is not None
    if state.search is None or state.direction is None:
        return state.theta
    return state.theta + state.search.t * state.direction


def pivoted(state: LbfgsState, sums: MomentSums) -> LbfgsState:
    """After the first block."""
    mean = sums.sum / sums.weight if sums.weight > 0.0 else sums.sum
    return replace(state, phase=Phase.SAMPLE, center=mean)


def sampled(problem: Glm, state: LbfgsState, center: Floats | None, second: Floats) -> LbfgsState:
    """After the rows of the metric: the frame is known now."""
    finite(second)
    theta = to_frame(problem, center, Start(state.W, state.b))
    return replace(state, phase=Phase.DESCENT, center=center, second=second, theta=theta)


def descend(problem: Glm, state: LbfgsState, sums: LossSums, tol: float, max_iter: int) -> LbfgsState:
    """Take F at the trial point."""
    at = trial(state)
    here = evaluate(problem, state.center, at, sums)
    state = replace(state, evaluations=state.evaluations + 1)
    metric = state.metric
    if metric is None:
        assert state.second is not None
        bound = 1.0 if problem.loss.bound is None else problem.loss.bound
        metric = bounded(bound, state.second, problem.l2 / here.weight, problem.intercept)
    if state.search is None:
        return aimed(judged(moved(problem, replace(state, metric=metric, second=None), at, here), tol, max_iter))
    assert state.direction is not None
    assert state.grad is not None
    assert state.theta is not None
    search, verdict = linesearch.advance(state.search, here.value, inner(here.grad, state.direction))
    if verdict is Verdict.GO_ON:
        return replace(state, search=search)
    if verdict is Verdict.FAIL:
        if not state.pairs:
            return replace(state, status=Status.STALLED)
        return aimed(replace(state, pairs=()))
    pairs = remembered(state.pairs, metric, at - state.theta, here.grad - state.grad)
    state = replace(state, pairs=pairs, iterations=state.iterations + 1)
    return aimed(judged(moved(problem, state, at, here), tol, max_iter))


def moved(problem: Glm, state: LbfgsState, theta: Floats, here: Evaluation) -> LbfgsState:
    """At a new point."""
    model = from_frame(problem, state.center, theta)
    return replace(
        state,
        W=model.W,
        b=model.b,
        theta=theta,
        grad=here.grad,
        loss=here.value,
        gradient=here.steepest,
        progress=state.progress.after(state.loss, here.value, here.steepest),
        weight=here.weight,
        search=None,
    )


def judged(state: LbfgsState, tol: float, max_iter: int) -> LbfgsState:
    """Whether the point is good enough: its gradient, and half the decrement that the metric promises."""
    assert state.metric is not None
    assert state.grad is not None
    if state.gradient <= tol and 0.5 * inner(state.grad, solve(state.metric, state.grad)) <= tol:
        return replace(state, status=Status.CONVERGED)
    if state.iterations >= max_iter:
        return replace(state, status=Status.OUT_OF_ROUNDS)
    return replace(state, status=Status.STALLED) if state.progress.idle >= IDLE else state


def aimed(state: LbfgsState) -> LbfgsState:
    """The next direction, and a search along it."""
    if state.status is not Status.RUNNING:
        return replace(state, direction=None, search=None, pairs=())
    assert state.metric is not None
    assert state.grad is not None
    direction = -inverse_hessian(state.metric, state.pairs, state.grad)
    slope = inner(state.grad, direction)
    if not slope < 0.0:
        return replace(state, status=Status.STALLED, direction=None, search=None, pairs=())
    return replace(state, direction=direction, search=linesearch.begin(state.loss, slope))


def remembered(pairs: tuple[Pair, ...], metric: Metric, s: Floats, y: Floats) -> tuple[Pair, ...]:
    """With one more pair; one without positive curvature would spoil the others."""
    sy, ymy = inner(s, y), inner(y, solve(metric, y))
    return (*pairs, Pair(s, y, sy, ymy))[-MEMORY:] if sy > 0.0 and ymy > 0.0 else pairs


def inverse_hessian(metric: Metric, pairs: tuple[Pair, ...], grad: Floats) -> Floats:
    """The two-loop recursion; the first inverse Hessian is (s'y / y'M^-1 y) M^-1 of the newest pair."""
    q, shares = grad, []
    for pair in reversed(pairs):
        a = inner(pair.s, q) / pair.sy
        shares.append(a)
        q = q - a * pair.y
    r = solve(metric, q)
    if pairs:
        r = (pairs[-1].sy / pairs[-1].ymy) * r
    for pair, a in zip(pairs, reversed(shares), strict=True):
        r = r + (a - inner(pair.y, r) / pair.sy) * pair.s
    return r
