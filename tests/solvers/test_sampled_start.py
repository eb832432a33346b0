"""A search that begins at the model of some rows: faster, and never elsewhere."""

from dataclasses import replace

import numpy as np
import pytest
from tests.solvers.fitting import binary, classes, csr, glm, relative, rotated, solved

from shardlearn.core.grid import Grid
from shardlearn.core.solver import Status
from shardlearn.solvers.lbfgs import Phase
from shardlearn.solvers.newton_cholesky import NewtonCholesky
from shardlearn.solvers.preconditioned_lbfgs import PreconditionedLbfgs
from shardlearn.solvers.problem import Start
from shardlearn.solvers.sampled_start import LEAST, SHARE, WIDEST, sample_ids, sample_size

N = 40_000
BLOCK = 4096


def at_first_evaluation(problem, X, y, weight=None):
    """The state when the start is known, and nothing of all rows."""
    solver = PreconditionedLbfgs(1e-8)
    return solved(solver, problem, X, y, weight, after=lambda state: state.phase is Phase.DESCENT)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("p", [10, 50])
def test_a_fit_takes_few_passes(p, dtype):
    X = rotated(60_000, p, 1e3, offset=3.0).astype(dtype)
    y, problem = binary(X), glm(X, "logistic", rows=BLOCK)
    state = solved(PreconditionedLbfgs(1e-6), problem, X, y)
    assert state.status is Status.CONVERGED
    assert state.rounds <= 8  # two of them look at some rows
    assert state.evaluations <= 6
    assert relative(state.W, solved(NewtonCholesky(1e-10), problem, X, y).W) < 1e-4


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(("loss", "k"), [("logistic", 1), ("multinomial", 4)])
@pytest.mark.parametrize("kind", ["dense", "sparse", "weights"])
def test_the_model_is_the_one_without_a_sample(kind, loss, k, intercept):
    X = rotated(N, 6, 10.0) + (0.0 if kind == "sparse" else 2.0)
    X[np.abs(X) < 0.5] = 0.0
    y = binary(X) if k == 1 else classes(X, k)
    weight = np.floor(3.0 * np.random.default_rng(0).random(N)) if kind == "weights" else None
    data = csr(X) if kind == "sparse" else X
    problem = glm(data, loss, k=k, l2=3.0, rows=BLOCK, intercept=intercept)
    assert sample_size(problem)
    state = solved(PreconditionedLbfgs(1e-9), problem, data, y, weight)
    best = solved(NewtonCholesky(1e-11), problem, data, y, weight)
    assert state.status is Status.CONVERGED
    assert state.loss == pytest.approx(best.loss, rel=1e-13)
    assert relative(state.W, best.W) < 1e-6


def test_the_start_is_the_model_of_the_sampled_rows():
    """Up to the hundredth of what m rows miss anyway; by weights and penalty as if they were all rows."""
    X = rotated(N, 4, 3.0, offset=5.0)
    y, weight = binary(X), 0.5 + np.random.default_rng(0).random(N)
    problem = glm(X, "logistic", l2=400.0, rows=BLOCK)
    state = at_first_evaluation(problem, X, y, weight)
    m = sample_size(problem)
    ids = sample_ids(problem, m).ids
    few = glm(X[ids], "logistic", l2=400.0 * m / N, rows=len(ids))
    own = solved(NewtonCholesky(1e-12), few, np.ascontiguousarray(X[ids]), y[ids], weight[ids])
    there = solved(
        PreconditionedLbfgs(np.inf),
        replace(few, start=_model(state)),
        np.ascontiguousarray(X[ids]),
        y[ids],
        weight[ids],
    )
    assert own.loss <= there.loss <= own.loss + 0.02 * 0.5 * 5 / m
    assert state.ceiling == pytest.approx(np.log(2.0), rel=1e-12)


def _model(state):
    W, b = state.theta[:, :-1], state.theta[:, -1]
    return Start(np.ascontiguousarray(W), b - W @ state.center)


def test_rows_that_mislead_cost_a_pass_and_nothing_else():
    X = rotated(N, 5, 3.0)
    y, problem = binary(X, size=4.0), glm(X, "logistic", rows=BLOCK)
    ids = sample_ids(problem, sample_size(problem)).ids
    y[ids] = 1.0 - y[ids]
    states = []
    state = solved(PreconditionedLbfgs(1e-9), problem, X, y, after=lambda s: states.append(s))
    phases = [s.phase for s in states]
    assert phases[:5] == [Phase.START, Phase.DESCENT, Phase.SAMPLE, Phase.DESCENT, Phase.DESCENT]
    assert relative(state.W, solved(NewtonCholesky(1e-11), problem, X, y).W) < 1e-6


@pytest.mark.parametrize("why", ["beyond float32", "no weight"])
def test_rows_that_are_no_help(why):
    X = rotated(N, 5, 3.0)
    weight = np.ones(N)
    y, problem = binary(X), glm(X, "logistic", rows=BLOCK)
    ids = sample_ids(problem, sample_size(problem)).ids
    if why == "no weight":
        weight[ids] = 0.0
    else:
        X[:, 2] *= 1e60
    states = []
    state = solved(PreconditionedLbfgs(1e-6), problem, X, y, weight, after=lambda s: states.append(s))
    assert [s.phase for s in states[:3]] == [Phase.START, Phase.SAMPLE, Phase.DESCENT]
    assert state.status in (Status.CONVERGED, Status.STALLED)
    assert state.loss < 0.69


def test_a_warm_start_stays_where_it_is():
    X = rotated(N, 5, 3.0, offset=2.0)
    y, problem = binary(X), glm(X, "logistic", rows=BLOCK)
    best = solved(NewtonCholesky(1e-11), problem, X, y)
    warm = replace(problem, start=Start(best.W, best.b))
    np.testing.assert_array_equal(at_first_evaluation(warm, X, y).theta[:, :-1], best.W)
    again = solved(PreconditionedLbfgs(1e-6), warm, X, y)
    assert again.status is Status.CONVERGED
    assert again.evaluations == 1
    assert relative(again.W, best.W) < 1e-12


def test_separable_rows_without_a_penalty():
    X = rotated(N, 3, 3.0)
    y = (X[:, 0] > 0.0).astype(float)
    state = solved(PreconditionedLbfgs(1e-4), glm(X, "logistic", l2=0.0, rows=BLOCK), X, y)
    assert state.status is Status.CONVERGED
    assert state.gradient <= 1e-4


@pytest.mark.parametrize(
    ("n", "p", "k", "m"),
    [
        (SHARE * LEAST - 1, 3, 1, 0),
        (SHARE * LEAST, 3, 1, LEAST),
        (10**9, 6, 1, 16_384),
        (10**9, 256, 1, 16_384),
        (10**9, 400, 1, 10_485),
        (10**9, 456, 1, 9_198),
        (10**9, 460, 1, 0),
        (100_000, 54, 7, 7_407),
        (10**9, 100, WIDEST // 101 + 1, 0),
    ],
)
def test_sizes(n, p, k, m):
    problem = glm(np.zeros((8, p)), "logistic", k=k)
    assert sample_size(replace(problem, shape=replace(problem.shape, grid=Grid(5, 5 + n, BLOCK)))) == m


def test_one_row_of_each_stretch():
    problem = glm(np.zeros((8, 3)), "logistic")
    n = 100_003
    problem = replace(problem, shape=replace(problem.shape, grid=Grid(5, 5 + n, BLOCK)))
    m = sample_size(problem)
    ids = sample_ids(problem, m).ids - 5
    edges = np.arange(m + 1) * n // m
    assert (edges[:-1] <= ids).all()
    assert (ids < edges[1:]).all()
    assert len(np.unique((ids - edges[:-1])[: m // 2])) == n // m  # anywhere in a stretch
