"""Least squares and ridge from one pass over the data, and a pass of refinement where digits would be missing.

The pass sums second moments about the mean of the first block. Solving the normal equations loses twice the digits of
the condition number; each later pass measures the gradient at the solution and solves for the correction, as
preconditioned CGLS does in its first step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from shardlearn import kernels
from shardlearn.core.matrix import Floats, Ints
from shardlearn.core.query import Query
from shardlearn.core.rows import Range
from shardlearn.core.solver import Status
from shardlearn.losses.squared import Squared
from shardlearn.statistics.gradient import GradSums, LossSums
from shardlearn.statistics.gram import Gram, symmetric
from shardlearn.statistics.moments import Moments, MomentSums

from .close_columns import directions, resolved
from .frame import centered, shifted
from .metric import unsteady
from .normal_equations import System, nonnegative, shortest, size, solved, system
from .overflow import finite
from .problem import RUNS, LeastSquares
from .small_directions import cuts, inside, large, none_small, outside

WELL_CONDITIONED = 1e4  # up to here normal equations leave an error below 1e-10 kappa
FAR = 1e3  # squared distance of the pivot from the mean, in variances, that costs three digits
ENOUGH = 1e-13
PASSES = 10


class LeastSquaresPhase(Enum):
    """What the next round is for."""

    PIVOT = "pivot"
    GRAM = "gram"
    LOOK = "look"  # at columns that a Gram matrix takes for combinations of others
    REFINE = "refine"


@dataclass(frozen=True, slots=True)
class GramState:
    """The solution, and the factored normal equations that correct it."""

    W: Floats  # (t, p)
    b: Floats  # (t,)
    phase: LeastSquaresPhase
    rounds: int = 0
    iterations: int = 0  # corrections
    status: Status = Status.RUNNING
    correction: float = 1.0  # the last one, relative to the solution, as predictions see it
    pivot: Floats | None = None  # (p,)
    pivot_y: Floats | None = None  # (t,)
    center: Floats | None = None  # (p,) the features' mean
    offset: Floats | None = None  # (t,) intercepts for centred features
    weight: float = 0.0
    gram: Floats | None = None  # (p, p) about the mean
    systems: tuple[System, ...] = ()
    which: Ints | None = None  # (t,) each target's system
    right: Floats | None = None  # (t, p) right-hand sides, until columns have been looked at
    basis: Floats | None = None  # (r, p) orthonormal; the coordinates of `systems` where directions were cut off

    @property
    def figures(self) -> Mapping[str, float]:
        return {"correction": self.correction} if self.iterations else {}

    @property
    def rank(self) -> int:
        """Of the features about their mean (of the positive coefficients' ones where `positive`)."""
        return max((len(s.kept) for s in self.systems), default=0)

    @property
    def kappa(self) -> float:
        """Estimate of the condition number, with columns of one length."""
        return max((s.kappa for s in self.systems), default=1.0)


@dataclass(frozen=True, slots=True)
class GramLeastSquares:
    """For up to some thousand features."""

    cut: float = 0.0  # without a penalty, singular values up to this, relative to the largest, are cut off

    def init(self, problem: LeastSquares, /) -> GramState:
        p, t = problem.shape.features, problem.targets
        pivots = problem.intercept and not problem.shape.sparse
        phase = LeastSquaresPhase.PIVOT if pivots else LeastSquaresPhase.GRAM
        return GramState(np.zeros((t, p)), np.zeros(t), phase)

    def ask(
        self, problem: LeastSquares, state: GramState, /
    ) -> Query[MomentSums] | Query[kernels.GramSums] | Query[LossSums]:
        p, t = problem.shape.features, problem.targets
        if state.phase is LeastSquaresPhase.PIVOT:
            grid = problem.shape.grid
            return Query(Moments(p, t), rows=Range(*grid.span(grid.first_block)))
        if state.phase is LeastSquaresPhase.GRAM:
            return Query(Gram(p, t, state.pivot, state.pivot_y), runs=RUNS)
        if state.phase is LeastSquaresPhase.LOOK:
            V, shift, pivot = shifted(problem.shape, state.center, directions(state.systems[0]), np.zeros(p))
            return Query(Gram(p, 0, pivot, None, (V, shift)), runs=RUNS)
        assert state.offset is not None
        return Query(GradSums(Squared(), *shifted(problem.shape, state.center, state.W, state.offset)))

    def tell(
        self, problem: LeastSquares, state: GramState, answer: MomentSums | kernels.GramSums | LossSums, /
    ) -> GramState:
        state = replace(state, rounds=state.rounds + 1)
        match answer:
            case MomentSums():
                s = answer.weight if answer.weight > 0.0 else 1.0
                return replace(state, phase=LeastSquaresPhase.GRAM, pivot=answer.sum / s, pivot_y=answer.sum_y / s)
            case kernels.GramSums() if state.phase is LeastSquaresPhase.GRAM:
                return _summed(problem, state, answer, self._cut(problem))
            case kernels.GramSums():
                return _looked(state, answer, self._cut(problem))
        return _refined(problem, state, answer)

    def _cut(self, problem: LeastSquares) -> float:
        """Zero where nothing is."""
        return self.cut if cuts(self.cut) and not problem.positive and not problem.alpha.any() else 0.0


def _summed(problem: LeastSquares, state: GramState, sums: kernels.GramSums, cut: float) -> GramState:
    """Centre the moments and solve."""
    finite(sums.G, sums.H)
    s = float(sums.weight_sum[0])
    C, H, center, offset = symmetric(sums.G), sums.H, None, np.zeros(problem.targets)
    if problem.intercept:
        mean, mean_y = sums.sum_x / s, sums.sum_y / s
        C = C - s * (mean[:, None] * mean)
        H = H - s * (mean[:, None] * mean_y)
        center = mean if state.pivot is None else state.pivot + mean
        offset = mean_y if state.pivot_y is None else state.pivot_y + mean_y
        at = np.arange(len(mean))
        steady = unsteady(np.maximum(C[at, at], 0.0) / s, center)
        far = mean * mean > FAR * steady
        if state.center is None and not problem.shape.sparse and bool((far & (steady > 0.0)).any()):
            return replace(state, center=center, pivot=center, pivot_y=offset)
        C[steady == 0.0, :], C[:, steady == 0.0], H[steady == 0.0, :] = 0.0, 0.0, 0.0
    state = replace(state, weight=s, gram=C, center=center, offset=offset)
    state = _solved(problem, state, C, H)
    first, right = state.systems[0], np.ascontiguousarray(H.T)
    if cut and not none_small(C, first, cut):
        fewer = _without_small(state, right, cut)
        if fewer.rank < state.rank:
            return _next(fewer)
    if not problem.positive and first.alpha == 0.0 and len(first.out) and problem.shape.rows > len(C):
        return _placed(replace(state, phase=LeastSquaresPhase.LOOK, right=right))
    return _next(state)


def _next(state: GramState) -> GramState:
    """A refinement, where the normal equations cost too many digits."""
    if state.kappa > WELL_CONDITIONED:
        return _placed(replace(state, phase=LeastSquaresPhase.REFINE))
    return _placed(replace(state, status=Status.CONVERGED))


def _looked(state: GramState, sums: kernels.GramSums, cut: float) -> GramState:
    """Solve again where columns turned out to have something of their own, which a cut takes away."""
    assert state.which is not None
    assert state.right is not None
    systems = (resolved(state.systems[0], symmetric(sums.G)), *state.systems[1:])
    if cut and systems[0] is not state.systems[0]:
        return _next(_without_small(state, state.right, cut))
    W = np.stack([solved(systems[i], one) for one, i in zip(state.right, state.which, strict=True)])
    return _next(replace(state, systems=systems, W=W, right=None))


def _without_small(state: GramState, right: Floats, cut: float) -> GramState:
    """Solve in the directions that are not small."""
    assert state.gram is not None
    part, basis = large(state.gram, cut)
    W = np.stack([outside(basis, solved(part, inside(basis, one))) for one in right])
    return replace(state, W=W, systems=(part,), which=np.zeros(len(W), np.int64), right=None, basis=basis)


def _solved(problem: LeastSquares, state: GramState, C: Floats, H: Floats) -> GramState:
    """One factor for each different alpha, or for each target where signs are held."""
    h = np.ascontiguousarray(H.T)
    if problem.positive:
        pairs = [nonnegative(C, one, float(alpha)) for one, alpha in zip(h, problem.alpha, strict=True)]
        W = np.stack([w for w, _ in pairs])
        return replace(state, W=W, systems=tuple(part for _, part in pairs), which=np.arange(len(pairs)))
    alphas, which = np.unique(problem.alpha, return_inverse=True)
    systems = tuple(system(C, float(alpha)) for alpha in alphas)
    W = np.stack([solved(systems[i], one) for one, i in zip(h, which, strict=True)])
    return replace(state, W=W, systems=systems, which=which.astype(np.int64))


def _refined(problem: LeastSquares, state: GramState, sums: LossSums) -> GramState:
    """Correct the solution by what its gradient says."""
    assert state.which is not None
    assert state.offset is not None
    grad = centered(problem.shape, state.center, sums.grad, sums.grad_b) + problem.alpha[:, None] * state.W
    moved, W = 0.0, []
    for w, g, i in zip(state.W, grad, state.which, strict=True):
        part = state.systems[i]
        step = solved(part, inside(state.basis, np.ascontiguousarray(-g)))
        w = shortest(part, w + outside(state.basis, step))
        W.append(np.maximum(w, 0.0) if problem.positive else w)
        length = size(part, inside(state.basis, w))
        moved = max(moved, size(part, step) / length if length > 0.0 else 0.0)
    offset = state.offset - sums.grad_b / sums.weight if problem.intercept else state.offset
    first = min(0.5, state.kappa**2 * 2.0**-50)
    rate = moved / state.correction if state.iterations else first
    state = replace(state, W=np.stack(W), offset=offset, iterations=state.iterations + 1, correction=moved)
    if moved * rate <= max(ENOUGH, 2.0**-50 * state.kappa):
        return _placed(replace(state, status=Status.CONVERGED))
    stuck = rate > 0.5 or state.iterations >= PASSES
    return _placed(replace(state, status=Status.STALLED) if stuck else state)


def _placed(state: GramState) -> GramState:
    """With the intercepts of the original coordinates."""
    assert state.offset is not None
    b = state.offset if state.center is None else state.offset - kernels.gemv(state.W, state.center)
    return replace(state, b=b)
