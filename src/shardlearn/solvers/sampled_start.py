"""Where a smooth fit begins, and in which metric: at the model of some rows, with the curvature there.

The fit of m of n rows misses the minimum of F by about q / 2m (q coefficients), and its Hessian differs from that of F
by about sqrt(q / m), relatively: each step of Newton's method in it takes F - F* down by a factor of about q / m, where
the first steps from zero, with a bound of the curvature for a metric, only go the way that the rows of the sample know
already. Sources: Erdogdu & Montanari (2015), Newton-Stein and sub-sampled Newton methods; Roosta-Khorasani & Mahoney
(2019), Sub-sampled Newton methods.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.grid import Grid
from shardlearn.core.matrix import Floats
from shardlearn.core.rng import Purpose
from shardlearn.core.rows import Ids
from shardlearn.core.solver import AnySolver, Status
from shardlearn.statistics.curvature import Curvature
from shardlearn.statistics.sample_rows import Picked

from .frame import inner, placed, to_frame
from .hessian import hessian
from .metric import Metric, factored, solve
from .problem import Glm, Shape, Start

SHARE = 8  # one row of so many, at most
ROWS, ROWS_A_FEATURE = 16_384, 64  # that are enough
LEAST, LEAST_A_FEATURE = 4_096, 20  # with fewer the curvature says too little
LARGEST = 16 << 20  # bytes
WIDEST = 1024  # coefficients of all outputs
PASSES = 8  # what the curvature of the sample may cost, as multiplications of so many passes
ROUNDS = 40  # of the fit of the sample
ENOUGH = 0.01  # share of what the sample misses anyway, q / 2m


@dataclass(frozen=True, slots=True)
class Begun:
    """A point, the metric there, and F of the sample where its own fit began: a start where F is larger is none."""

    center: Floats | None  # (p,)
    theta: Floats  # (k, q) in the frame about the centre
    metric: Metric
    ceiling: float


def sample_size(problem: Glm) -> int:
    """Rows that a start is made of; 0: the data are too few or too wide for one that is worth it."""
    n, p, k = problem.shape.rows, problem.shape.features, problem.outputs
    most = min(n // SHARE, LARGEST // (4 * p), 4 * PASSES * n // ((k + 1) * p))
    m = min(max(ROWS, ROWS_A_FEATURE * p), most)
    return m if m >= max(LEAST, LEAST_A_FEATURE * (p + 1)) and k * (p + 1) <= WIDEST else 0


def sample_ids(problem: Glm, m: int) -> Ids:
    """One row, drawn at random, of each of m stretches of the data."""
    n, j = problem.shape.rows, np.arange(m, dtype=np.int64)
    drawn = kernels.philox(0, Purpose.METRIC, j, 0, 0)[:, 0].astype(np.int64)
    return Ids(problem.shape.grid.first + j * n // m + (drawn * (n // m) >> 32))


def begun(solver: AnySolver, problem: Glm, first: Start, pivot: Floats | None, rows: Picked) -> Begun | None:
    """From rows less the pivot; None where they are no help. Coefficients that are not zero stay as they are."""
    m, weight = len(rows.y), kernels.moments(np.zeros((len(rows.y), 1)), rows.weight, None)[0]
    if m < LEAST_A_FEATURE * problem.shape.features or not weight > 0.0 or not bool(np.isfinite(rows.X).all()):
        return None
    block = Block(rows.X, rows.y, rows.weight, start=0)
    shape = Shape(Grid(0, m, m), problem.shape.features)
    small = replace(problem, shape=shape, l2=problem.l2 * m / problem.shape.rows, start=_moved(first, pivot, 1.0))
    state, ceiling = _fitted(solver, small, block, still=bool(first.W.any()))
    sums = Curvature(problem.loss, *placed(small, state.center, state.theta)).of(block)
    metric = factored(hessian(small, state.center, sums, small.l2 / weight))
    center = state.center if state.center is None or pivot is None else state.center + pivot
    return Begun(center, to_frame(problem, center, _moved(Start(state.W, state.b), pivot, -1.0)), metric, ceiling)


def _fitted(solver: AnySolver, small: Glm, block: Block, still: bool) -> tuple[Any, float]:
    """The state near the minimum for these rows, and F at the first point; `still`: the state at the first point."""
    state, ceiling = solver.init(small), np.inf
    while True:
        state = solver.tell(small, state, solver.ask(small, state).measure.of(block))
        if state.grad is None:
            continue
        if state.evaluations == 1:
            ceiling = state.loss
        misses = ENOUGH * 0.5 * state.grad.size / block.n
        if still or state.status is not Status.RUNNING or decrement(state.metric, state.grad) <= misses:
            return state, ceiling


def decrement(metric: Metric, grad: Floats) -> float:
    """How far F lies above its minimum, were the metric its Hessian."""
    return 0.5 * inner(grad, solve(metric, grad))


def _moved(start: Start, pivot: Floats | None, sign: float) -> Start:
    """The same model of features less the pivot (sign 1), or back."""
    if pivot is None:
        return start
    return Start(start.W, start.b + sign * kernels.gemv(np.ascontiguousarray(start.W), pivot))
