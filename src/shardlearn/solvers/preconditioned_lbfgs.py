"""L-BFGS in the metric of a Gram matrix: about ten passes whatever the conditioning of the features.

Where there are rows enough, some of them are fitted first: the search begins at their model, and their curvature there
is the metric (`sampled_start`). Else the metric is bound * E[x x'] + l2 / s over about max(10 p, 4096) rows, x centred:
an upper bound of the Hessian for canonical losses (Böhning & Lindsay 1988). The bound says little where most rows are
told apart with certainty, or of how classes act on each other. A fit that takes longer makes the metric again with the
curvature at the point reached, all classes together, which is a step of Newton's method on a sample.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from shardlearn import kernels
from shardlearn.core.matrix import Floats
from shardlearn.core.query import Query
from shardlearn.core.solver import Status
from shardlearn.statistics.curvature import Curvature, CurvatureSums
from shardlearn.statistics.gradient import LossSums
from shardlearn.statistics.gram import Gram, symmetric
from shardlearn.statistics.moments import MomentSums
from shardlearn.statistics.sample_rows import RowSample, SampleRows

from .frame import placed
from .hessian import hessian
from .lbfgs import (
    LbfgsState,
    Phase,
    aimed,
    ask_common,
    begin,
    descend,
    kernel_pivot,
    pivoted,
    sample,
    sampled,
)
from .metric import factored, unsteady
from .problem import RUNS, Glm, Start
from .sampled_start import ROUNDS, begun, sample_ids, sample_size

PATIENCE, PATIENCE_AGAIN = 10, 6  # evaluations before the metric is made again, and once more
SHARP_ROWS = 16_384
WIDEST_SHARPENED = 4096  # coefficients of all outputs up to which the metric is made again
MOST_OUTPUTS = 64

Answer = MomentSums | RowSample | kernels.GramSums | LossSums | CurvatureSums
Question = Query[MomentSums] | Query[RowSample] | Query[kernels.GramSums] | Query[LossSums] | Query[CurvatureSums]


@dataclass(frozen=True, slots=True)
class PreconditionedLbfgs:
    """For dense data of up to some thousand features."""

    tol: float = 1e-4
    max_iter: int = 100

    def init(self, problem: Glm, /) -> LbfgsState:
        return started(problem, begin(problem))

    def ask(self, problem: Glm, state: LbfgsState, /) -> Question:
        if state.phase is Phase.START:
            m = sample_size(problem)
            return Query(
                SampleRows(problem.shape.features, m, kernel_pivot(problem, state)), rows=sample_ids(problem, m)
            )
        if state.phase is Phase.SAMPLE:
            gram = Gram(problem.shape.features, 0, kernel_pivot(problem, state))
            return Query(gram, rows=sample(problem), runs=RUNS)
        if state.phase is Phase.SHARPEN:
            assert state.theta is not None
            curvature = Curvature(problem.loss, *placed(problem, state.center, state.theta))
            return Query(curvature, rows=sample(problem, SHARP_ROWS), runs=RUNS)
        return ask_common(problem, state)

    def tell(self, problem: Glm, state: LbfgsState, answer: Answer, /) -> LbfgsState:
        state = replace(state, rounds=state.rounds + 1)
        match answer:
            case MomentSums():
                return started(problem, pivoted(state, answer))
            case RowSample():
                return _begun(problem, state, answer)
            case kernels.GramSums():
                return sampled(problem, state, *_moments(problem, state, answer))
            case CurvatureSums():
                return _sharpened(problem, state, answer)
        before, state = state, descend(problem, state, answer, self.tol, self.max_iter)
        if state.loss > before.ceiling:
            return _from_zero(problem, before)
        patience = PATIENCE_AGAIN if state.sharpened else PATIENCE
        late = state.evaluations - state.sharpened >= patience and state.status is Status.RUNNING
        fits = sharpens(problem)
        between = state.search is not None and state.search.evaluations == 0
        return replace(state, phase=Phase.SHARPEN) if late and fits and between else state


def started(problem: Glm, state: LbfgsState) -> LbfgsState:
    """Some rows first, where there are enough."""
    return replace(state, phase=Phase.START) if state.phase is Phase.SAMPLE and sample_size(problem) else state


def _begun(problem: Glm, state: LbfgsState, rows: RowSample) -> LbfgsState:
    """At the model of the rows; else a metric alone, as where there are few."""
    pivot = kernel_pivot(problem, state)
    begin_at = begun(
        PreconditionedLbfgs(0.0, ROUNDS), problem, Start(state.W, state.b), pivot, rows.joined(problem.shape.features)
    )
    if begin_at is None:
        return replace(state, phase=Phase.SAMPLE)
    return replace(
        state,
        phase=Phase.DESCENT,
        center=begin_at.center,
        theta=begin_at.theta,
        metric=begin_at.metric,
        ceiling=begin_at.ceiling,
    )


def _from_zero(problem: Glm, state: LbfgsState) -> LbfgsState:
    """The rows misled: F at their model is larger than where they were fitted from."""
    return replace(state, phase=Phase.SAMPLE, theta=None, metric=None, ceiling=np.inf)


def _moments(problem: Glm, state: LbfgsState, sums: kernels.GramSums) -> tuple[Floats | None, Floats]:
    """The centre, and mean second moments about it."""
    s = max(float(sums.weight_sum[0]), np.finfo(float).tiny)
    second = symmetric(sums.G) / s
    if not problem.intercept:
        return None, second
    mean = sums.sum_x / s
    center = mean if state.center is None else state.center + mean
    second = second - mean[:, None] * mean
    at = np.arange(len(mean))
    second[at, at] = unsteady(np.maximum(second[at, at], 0.0), center)
    constant = second[at, at] == 0.0
    second[constant, :], second[:, constant] = 0.0, 0.0
    return center, second


def sharpens(problem: Glm) -> bool:
    """Whether the Hessian of all outputs together is small enough to be made."""
    k = problem.outputs
    return k <= MOST_OUTPUTS and k * (problem.shape.features + 1) <= WIDEST_SHARPENED


def _sharpened(problem: Glm, state: LbfgsState, sums: CurvatureSums) -> LbfgsState:
    """With the curvature at the point."""
    state = replace(state, phase=Phase.DESCENT, sharpened=state.evaluations)
    if not sums.sums.weight > 0.0:
        return state
    ridge = problem.l2 / state.weight
    metric = factored(hessian(problem, state.center, sums, ridge))
    return aimed(replace(state, metric=metric, pairs=()))  # what pairs say of the old place is no help here
