"""Newton's method with one pass an iteration.

The pass at the end of a step gives F at four shares of the step, and gradient and Hessian at its end, which is where
the search nearly always goes on. Where the Hessian can't be factored, L-BFGS takes over from the point reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np

from shardlearn import kernels
from shardlearn.core.matrix import Floats
from shardlearn.core.query import Query
from shardlearn.core.solver import AnySolver, Status
from shardlearn.penalties.l2 import L2
from shardlearn.statistics.curvature import STEPS, Curvature, CurvatureSums
from shardlearn.statistics.moments import Moments, MomentSums

from . import preconditioned_lbfgs
from .frame import Evaluation, evaluate, from_frame, inner, parts, placed, to_frame
from .hessian import hessian
from .lbfgs import Lbfgs, LbfgsState, begin, first_block
from .linesearch import ARMIJO, ROUNDING, Progress
from .preconditioned_lbfgs import PreconditionedLbfgs
from .problem import RUNS, Glm, Start

IDLE = 5  # steps without progress that mean rounding
SHRINKS = 3  # rounds in which no share of the step was short enough
FLAT = 1e-14  # smallest pivot of the equilibrated Hessian

Answer = CurvatureSums | preconditioned_lbfgs.Answer
Question = Query[MomentSums] | Query[CurvatureSums] | preconditioned_lbfgs.Question


class NewtonPhase(Enum):
    """What the next round is for."""

    PIVOT = "pivot"
    NEWTON = "newton"
    FALLBACK = "fallback"  # L-BFGS


@dataclass(frozen=True, slots=True)
class NewtonState:
    """The last accepted point and the step that is tried."""

    W: Floats  # (k, p)
    b: Floats  # (k,)
    phase: NewtonPhase
    rounds: int = 0
    iterations: int = 0
    status: Status = Status.RUNNING
    loss: float = np.inf  # F
    gradient: float = np.inf  # largest |dF| in the original coordinates
    center: Floats | None = None  # (p,)
    theta: Floats | None = None  # (k, q)
    step: Floats | None = None  # (k, q); None: the point itself is asked about
    slope: float = 0.0  # dF along the step, at its start
    shrinks: int = 0
    progress: Progress = field(default_factory=Progress)
    fallback: LbfgsState | None = None

    @property
    def figures(self) -> Mapping[str, float]:
        return {"loss": self.loss, "gradient": self.gradient} if self.rounds and np.isfinite(self.loss) else {}


@dataclass(frozen=True, slots=True)
class NewtonCholesky:
    """For when passes are dear and p is small: each costs a Gram matrix a pair of outputs."""

    tol: float = 1e-4
    max_iter: int = 100

    def init(self, problem: Glm, /) -> NewtonState:
        first = problem.first
        if problem.intercept and not problem.shape.sparse:
            return NewtonState(first.W, first.b, NewtonPhase.PIVOT)
        return _placed(problem, NewtonState(first.W, first.b, NewtonPhase.NEWTON))

    def ask(self, problem: Glm, state: NewtonState, /) -> Question:
        if state.phase is NewtonPhase.PIVOT:
            return Query(Moments(problem.shape.features), rows=first_block(problem))
        if state.fallback is not None:
            return self._second(problem).ask(problem, state.fallback)
        assert state.theta is not None
        point = state.theta if state.step is None else state.theta + state.step
        step = None
        if state.step is not None:
            dW, db, _ = placed(problem, state.center, state.step)
            step = dW, db
        return Query(Curvature(problem.loss, *placed(problem, state.center, point), step=step), runs=RUNS)

    def tell(self, problem: Glm, state: NewtonState, answer: Answer, /) -> NewtonState:
        state = replace(state, rounds=state.rounds + 1)
        if state.fallback is not None:
            return self._followed(problem, state, state.fallback, answer)
        if isinstance(answer, MomentSums):
            mean = answer.sum / answer.weight if answer.weight > 0.0 else answer.sum
            return _placed(problem, replace(state, phase=NewtonPhase.NEWTON, center=mean))
        assert isinstance(answer, CurvatureSums)
        assert state.theta is not None
        end = state.theta if state.step is None else state.theta + state.step
        here = evaluate(problem, state.center, end, answer.sums)
        share = 1.0 if state.step is None else _share(problem, state, answer, here)
        if share is None:
            return self._shrunk(problem, state)
        iterations = state.iterations + (state.step is not None)
        if share < 1.0:
            assert state.step is not None
            at = state.theta + share * state.step
            return replace(state, theta=at, step=None, iterations=iterations, shrinks=0)
        model = from_frame(problem, state.center, end)
        progress = state.progress.after(state.loss, here.value, here.steepest)
        state = replace(state, W=model.W, b=model.b, theta=end, loss=here.value, gradient=here.steepest)
        state = replace(state, iterations=iterations, shrinks=0, progress=progress)
        return self._stepped(problem, state, answer, here)

    def _stepped(self, problem: Glm, state: NewtonState, sums: CurvatureSums, here: Evaluation) -> NewtonState:
        """The next step, or the end."""
        step = _newton_step(hessian(problem, state.center, sums, problem.l2 / here.weight), here.grad)
        if step is None:
            return self._fallen(problem, state)
        slope = inner(here.grad, step)
        if here.steepest <= self.tol and -0.5 * slope <= self.tol:
            return replace(state, step=None, status=Status.CONVERGED)
        if state.iterations >= self.max_iter:
            return replace(state, step=None, status=Status.OUT_OF_ROUNDS)
        if state.progress.idle >= IDLE:
            return replace(state, step=None, status=Status.STALLED)
        return replace(state, step=step, slope=slope)

    def _shrunk(self, problem: Glm, state: NewtonState) -> NewtonState:
        """After a step of which no share was short enough."""
        if state.shrinks >= SHRINKS:
            return self._fallen(problem, state)
        assert state.step is not None
        by = 0.5 * STEPS[-1]
        return replace(state, step=by * state.step, slope=by * state.slope, shrinks=state.shrinks + 1)

    def _fallen(self, problem: Glm, state: NewtonState) -> NewtonState:
        """L-BFGS from here."""
        below = begin(problem, Start(state.W, state.b), state.iterations)
        return replace(state, phase=NewtonPhase.FALLBACK, step=None, fallback=below)

    def _followed(
        self, problem: Glm, state: NewtonState, below: LbfgsState, answer: preconditioned_lbfgs.Answer
    ) -> NewtonState:
        """What L-BFGS makes of an answer."""
        second: AnySolver = self._second(problem)
        below = second.tell(problem, below, answer)
        known = np.isfinite(below.loss)
        return replace(
            state,
            W=below.W,
            b=below.b,
            iterations=below.iterations,
            status=below.status,
            loss=below.loss if known else state.loss,
            gradient=below.gradient if known else state.gradient,
            fallback=below,
        )

    def _second(self, problem: Glm) -> Lbfgs | PreconditionedLbfgs:
        if problem.shape.sparse:
            return Lbfgs(self.tol, self.max_iter)
        return PreconditionedLbfgs(self.tol, self.max_iter)


def _placed(problem: Glm, state: NewtonState) -> NewtonState:
    return replace(state, theta=to_frame(problem, state.center, Start(state.W, state.b)))


def _share(problem: Glm, state: NewtonState, sums: CurvatureSums, here: Evaluation) -> float | None:
    """The largest share of the step that lowers F enough."""
    assert state.theta is not None
    assert state.step is not None
    flat = abs(here.value - state.loss) <= ROUNDING * abs(state.loss)
    if flat and abs(inner(here.grad, state.step)) <= abs(state.slope):
        return 1.0
    penalty = L2(problem.l2 / here.weight)
    for share, value in zip(STEPS, sums.values, strict=True):
        W, _ = parts(problem, state.theta + share * state.step)
        there = here.value if share == 1.0 else value / here.weight + penalty.value(W)
        most = state.loss + ARMIJO * share * state.slope
        if there <= most:
            return share
    return None


def _newton_step(H: Floats, grad: Floats) -> Floats | None:
    """-H^-1 grad, or None where H is not positive definite beyond rounding."""
    diagonal = H.diagonal()
    if not bool((diagonal > 0.0).all()) or not bool(np.isfinite(diagonal).all()):
        return None
    scale = 1.0 / np.sqrt(diagonal)
    L, failed = kernels.cholesky(scale[:, None] * H * scale)
    if failed >= 0 or float(L.diagonal().min()) ** 2 < FLAT:
        return None
    inside = kernels.solve_lower_t(L, kernels.solve_lower(L, scale * grad.reshape(-1)))
    return (-scale * inside).reshape(grad.shape)
