"""Least squares and ridge without a Gram matrix: conjugate gradients on the normal equations, all targets at once.

Each round is one product X' S X v, so a round costs what a gradient does. The gradient that the recurrence carries
along is measured afresh before the solution is believed (Hestenes & Stiefel 1952; Björck 1996, CGLS).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from shardlearn import kernels
from shardlearn.core.errors import ParameterError
from shardlearn.core.matrix import Floats
from shardlearn.core.query import Query
from shardlearn.core.rows import Range
from shardlearn.core.solver import Status
from shardlearn.losses.squared import Squared
from shardlearn.statistics.gradient import GradSums, LossSums
from shardlearn.statistics.moments import Moments, MomentSums
from shardlearn.statistics.products import Products, ProductSums

from .frame import centered, shifted
from .metric import unsteady
from .overflow import finite
from .problem import LeastSquares

RESTARTS = 5
PROGRESS = 0.5  # a restart that does not lower the gradient by this factor meets rounding


class ConjugatePhase(Enum):
    """What the next round is for."""

    PIVOT = "pivot"
    MOMENTS = "moments"
    RESIDUAL = "residual"  # the gradient at the solution
    PRODUCT = "product"


@dataclass(frozen=True, slots=True)
class ConjugateState:
    """The solution so far; r is minus the gradient in coordinates where columns are scaled."""

    W: Floats  # (t, p)
    b: Floats  # (t,)
    phase: ConjugatePhase
    rounds: int = 0
    iterations: int = 0
    status: Status = Status.RUNNING
    gradient: float = np.inf  # largest over targets, relative to the gradient at zero
    center: Floats | None = None  # (p,)
    offset: Floats | None = None  # (t,)
    scale: Floats | None = None  # (p,)
    V: Floats | None = None  # (t, p) the solution in scaled coordinates
    r: Floats | None = None  # (t, p)
    direction: Floats | None = None  # (t, p)
    initial: Floats | None = None  # (t,) |r| at zero
    measured: float = np.inf  # the relative gradient when it was last measured
    restarts: int = 0

    @property
    def figures(self) -> Mapping[str, float]:
        return {"gradient": self.gradient} if self.initial is not None else {}


@dataclass(frozen=True, slots=True)
class IterativeLeastSquares:
    """For wide data; tol is relative to the gradient at zero, each target by itself."""

    tol: float = 1e-8
    max_iter: int = 1000

    def init(self, problem: LeastSquares, /) -> ConjugateState:
        if problem.positive:
            raise ParameterError(
                "positive=True is not available for so many features.",
                code="SL1201",
                found=f"{problem.shape.features} features",
                needed="features few enough for a Gram matrix",
                fix="select features first",
            )
        pivots = problem.intercept and not problem.shape.sparse
        phase = ConjugatePhase.PIVOT if pivots else ConjugatePhase.MOMENTS
        return ConjugateState(np.zeros((problem.targets, problem.shape.features)), np.zeros(problem.targets), phase)

    def ask(
        self, problem: LeastSquares, state: ConjugateState, /
    ) -> Query[MomentSums] | Query[LossSums] | Query[ProductSums]:
        shape, t = problem.shape, problem.targets
        match state.phase:
            case ConjugatePhase.PIVOT:
                return Query(Moments(shape.features), rows=Range(*shape.grid.span(shape.grid.first_block)))
            case ConjugatePhase.MOMENTS:
                return Query(Moments(shape.features, t, None if shape.sparse else state.center))
            case ConjugatePhase.RESIDUAL:
                assert state.offset is not None
                return Query(GradSums(Squared(), *shifted(shape, state.center, state.W, state.offset)))
        assert state.direction is not None
        assert state.scale is not None
        return Query(Products(*shifted(shape, state.center, state.direction * state.scale, np.zeros(t))))

    def tell(
        self, problem: LeastSquares, state: ConjugateState, answer: MomentSums | LossSums | ProductSums, /
    ) -> ConjugateState:
        state = replace(state, rounds=state.rounds + 1)
        match answer:
            case MomentSums():
                s = answer.weight if answer.weight > 0.0 else 1.0
                if state.phase is ConjugatePhase.PIVOT:
                    return replace(state, phase=ConjugatePhase.MOMENTS, center=answer.sum / s)
                return _scaled(problem, state, answer, s)
            case ProductSums():
                return self._advanced(problem, state, answer)
        return self._measured(problem, state, answer)

    def _measured(self, problem: LeastSquares, state: ConjugateState, sums: LossSums) -> ConjugateState:
        """Begin, begin again, or stop."""
        assert state.scale is not None
        assert state.offset is not None
        grad = centered(problem.shape, state.center, sums.grad, sums.grad_b) + problem.alpha[:, None] * state.W
        r = -grad * state.scale
        initial = _lengths(r) if state.initial is None else state.initial
        gradient = _relative(r, initial)
        offset = state.offset - sums.grad_b / sums.weight if problem.intercept else state.offset
        state = replace(state, r=r, direction=r, initial=initial, gradient=gradient, offset=offset)
        state = _moved(state, np.zeros_like(r) if state.V is None else state.V)
        if gradient <= self.tol:
            return replace(state, status=Status.CONVERGED)
        if state.restarts >= RESTARTS or gradient > PROGRESS * state.measured:
            return replace(state, status=Status.STALLED)
        if state.iterations >= self.max_iter:
            return replace(state, status=Status.OUT_OF_ROUNDS)
        return replace(state, phase=ConjugatePhase.PRODUCT, measured=gradient, restarts=state.restarts + 1)

    def _advanced(self, problem: LeastSquares, state: ConjugateState, sums: ProductSums) -> ConjugateState:
        """One step of conjugate gradients for each target that still needs one."""
        assert state.scale is not None
        assert state.direction is not None
        assert state.r is not None
        assert state.V is not None
        d, V = state.direction, state.V
        through = centered(problem.shape, state.center, sums.products, sums.sum_z) * state.scale
        through = through + problem.alpha[:, None] * (state.scale * state.scale) * d
        old, bend = _squares(state.r), _inner(d, through)
        going = (old > 0.0) & (bend > 0.0)
        step = np.where(going, old / np.where(going, bend, 1.0), 0.0)[:, None]
        r, V = state.r - step * through, V + step * d
        new = _squares(r)
        d = r + np.where(going, new / np.where(going, old, 1.0), 0.0)[:, None] * d
        assert state.initial is not None
        gradient = _relative(r, state.initial)
        state = replace(state, r=r, direction=d, gradient=gradient, iterations=state.iterations + 1)
        state = _moved(state, V)
        done = gradient <= 0.5 * self.tol or not going.any() or state.iterations >= self.max_iter
        return replace(state, phase=ConjugatePhase.RESIDUAL) if done else state


def _scaled(problem: LeastSquares, state: ConjugateState, sums: MomentSums, s: float) -> ConjugateState:
    """The centre, and columns of one length (of their own length where the shortest solution is looked for)."""
    finite(sums.square, sums.sum_y)
    shape, second = problem.shape, sums.square
    center, offset = None, np.zeros(problem.targets)
    if problem.intercept:
        mean = sums.sum / s
        center = mean if state.center is None else state.center + mean
        second = s * unsteady(np.maximum(second / s - mean * mean, 0.0), center)
        offset = sums.sum_y / s
    many = shape.rows > shape.features or bool((problem.alpha > 0.0).all())
    length = np.sqrt(second + float(problem.alpha.min(initial=0.0))) if many else np.ones(shape.features)
    scale = np.where(second > 0.0, 1.0 / np.where(length > 0.0, length, 1.0), 0.0)
    return replace(state, phase=ConjugatePhase.RESIDUAL, center=center, offset=offset, scale=scale)


def _moved(state: ConjugateState, V: Floats) -> ConjugateState:
    assert state.scale is not None
    assert state.offset is not None
    W = V * state.scale
    b = state.offset if state.center is None else state.offset - kernels.gemv(W, state.center)
    return replace(state, V=V, W=W, b=b)


def _inner(A: Floats, B: Floats) -> Floats:
    return np.array([kernels.dot(a, b) for a, b in zip(A, B, strict=True)])


def _squares(A: Floats) -> Floats:
    return _inner(A, A)


def _lengths(A: Floats) -> Floats:
    return np.sqrt(_squares(A))


def _relative(r: Floats, initial: Floats) -> float:
    """The largest |r| over targets, relative to the beginning; zero for targets that are zero."""
    return float((_lengths(r) / np.where(initial > 0.0, initial, 1.0)).max(initial=0.0))
