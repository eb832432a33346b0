"""Generalised linear models: against scikit-learn, closed forms and finite differences, and in how many passes."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from tests.solvers.fitting import binary, classes, csr, glm, relative, rotated, solved

from shardlearn.core.errors import InputError
from shardlearn.core.solver import Status
from shardlearn.solvers.gradient_descent import GradientDescent
from shardlearn.solvers.lbfgs import Lbfgs
from shardlearn.solvers.newton_cholesky import NewtonCholesky, NewtonPhase
from shardlearn.solvers.preconditioned_lbfgs import PreconditionedLbfgs
from shardlearn.solvers.problem import Start

QUICK = [PreconditionedLbfgs, NewtonCholesky]
ALL = [PreconditionedLbfgs, NewtonCholesky, Lbfgs, GradientDescent]


def gradient(X, y, state, loss, l2, weight=None, intercept=True):
    """Largest |dF| in plain NumPy."""
    s = np.ones(len(X)) if weight is None else weight
    z = X @ state.W.T + state.b
    if loss == "logistic":
        r = 1.0 / (1.0 + np.exp(-z)) - y[:, None]
    else:
        e = np.exp(z - z.max(axis=1, keepdims=True))
        r = e / e.sum(axis=1, keepdims=True) - np.eye(z.shape[1])[y.astype(int)]
    r *= (s / s.sum())[:, None]
    return max(np.abs(r.T @ X + l2 / s.sum() * state.W).max(), intercept * np.abs(r.sum(axis=0)).max())


def theirs(X, y, C, weight=None, intercept=True):
    model = LogisticRegression(C=C, tol=1e-10, solver="newton-cholesky", max_iter=1000, fit_intercept=intercept)
    return model.fit(X, y, weight)


@pytest.mark.parametrize("solver", QUICK)
@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("intercept", [True, False])
def test_logistic_is_scikit_learns(solver, C, intercept):
    X = rotated(3000, 20, 100.0, offset=2.0)
    y = binary(X)
    state = solved(solver(1e-10), glm(X, "logistic", l2=1.0 / C, intercept=intercept), X, y)
    model = theirs(X, y, C, intercept=intercept)
    assert state.status is Status.CONVERGED
    assert relative(state.W, model.coef_) < 1e-7
    assert state.b == pytest.approx(model.intercept_, rel=1e-7, abs=1e-9)
    assert gradient(X, y, state, "logistic", 1.0 / C, intercept=intercept) <= 1e-9


@pytest.mark.parametrize("solver", QUICK)
@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
def test_multinomial_is_scikit_learns(solver, C):
    X = rotated(3000, 10, 10.0)
    y = classes(X, 4)
    state = solved(solver(1e-10, 300), glm(X, "multinomial", l2=1.0 / C, k=4), X, y)
    model = theirs(X, y, C)
    assert state.status is Status.CONVERGED
    assert relative(state.W, model.coef_) < 1e-7
    assert relative(state.b, model.intercept_) < 1e-7


@pytest.mark.parametrize("solver", ALL)
@pytest.mark.parametrize(("loss", "k"), [("logistic", 1), ("multinomial", 3)])
def test_gradient_at_the_solution(solver, loss, k):
    X = rotated(2000, 8, 10.0, offset=1.0)
    y = binary(X) if k == 1 else classes(X, k)
    weight = np.random.default_rng(5).integers(0, 3, 2000).astype(float)
    state = solved(solver(1e-6, 2000), glm(X, loss, k=k, l2=2.0), X, y, weight)
    assert state.status is Status.CONVERGED
    assert state.gradient <= 1e-6
    assert gradient(X, y, state, loss, 2.0, weight) == pytest.approx(state.gradient, rel=1e-3, abs=1e-11)
    assert set(state.figures) == {"loss", "gradient"}


@pytest.mark.parametrize("solver", ALL)
@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
def test_features_far_from_zero(solver, offset):
    X = rotated(2000, 5, 5.0)
    y = binary(X)
    near = solved(NewtonCholesky(1e-12), glm(X, "logistic"), X, y)
    far = solved(solver(1e-8 * max(offset, 1.0), 2000), glm(X, "logistic"), X + offset, y)
    assert relative(far.W, near.W) < (1e-4 if solver is GradientDescent else 1e-6)


@pytest.mark.parametrize("solver", [Lbfgs, PreconditionedLbfgs, NewtonCholesky, GradientDescent])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(("loss", "k"), [("logistic", 1), ("multinomial", 3)])
def test_sparse_is_dense(solver, intercept, loss, k):
    X = rotated(1500, 12, 3.0)
    X[np.abs(X) < 0.8] = 0.0
    y = binary(X) if k == 1 else classes(X, k)
    dense = solved(NewtonCholesky(1e-11), glm(X, loss, k=k, intercept=intercept), X, y)
    S = csr(X)
    state = solved(solver(1e-8, 3000), glm(S, loss, k=k, intercept=intercept), S, y)
    assert state.status is Status.CONVERGED
    assert relative(state.W, dense.W) < 1e-4
    assert relative(state.b + 1.0, dense.b + 1.0) < 1e-4


@pytest.mark.parametrize("solver", ALL)
def test_intercept_alone_is_the_logit_of_the_mean(solver):
    y = (np.arange(1000) % 7 == 0).astype(float)
    X = np.zeros((1000, 1))
    state = solved(solver(1e-14, 500), glm(X, "logistic"), X, y)
    assert state.b[0] == pytest.approx(np.log(y.mean() / (1.0 - y.mean())), rel=1e-12)
    assert state.W[0, 0] == 0.0


@pytest.mark.parametrize("solver", ALL)
@pytest.mark.parametrize("value", [3.0, 0.1])
def test_a_constant_column_gets_nothing(solver, value):
    X = rotated(1000, 4, 3.0)
    X[:, 2] = np.float32(value)
    y = binary(X)
    for l2 in (0.0, 1.0):
        state = solved(solver(1e-7, 2000), glm(X, "logistic", l2=l2), X, y)
        assert abs(state.W[0, 2]) < 1e-5
        assert state.gradient <= 1e-7


def test_dense_logistic_takes_few_passes():
    """algorithms.md 2.5: at most 15 rounds; condition number 1e3, rotated."""
    for n, p, tol, most in [(20000, 50, 1e-4, 8), (20000, 50, 1e-6, 10), (60000, 50, 1e-6, 11), (60000, 100, 1e-6, 12)]:
        X = rotated(n, p, 1e3, offset=3.0)
        y = binary(X)
        state = solved(PreconditionedLbfgs(tol), glm(X, "logistic", rows=4096), X, y)
        assert state.status is Status.CONVERGED
        assert state.rounds <= most


def test_a_sample_of_the_rows_makes_the_metric():
    X = rotated(60000, 10, 100.0)
    y = binary(X)
    problem = glm(X, "logistic", rows=4096)
    sampled = solved(PreconditionedLbfgs(1e-9), problem, X, y)
    assert sampled.rounds <= 14
    assert relative(sampled.W, solved(NewtonCholesky(1e-10), problem, X, y).W) < 1e-6


def test_rows_that_are_told_apart_with_certainty():
    """Labels without noise: nearly all curvature comes from the few rows at the border."""
    draw = np.random.default_rng(0)
    X = draw.standard_normal((5000, 200)) * np.geomspace(1e-2, 1e2, 200) + 10.0
    y = ((X - 10.0) @ draw.standard_normal(200) > 0.0).astype(float)
    state = solved(PreconditionedLbfgs(), glm(X, "logistic"), X, y)
    assert state.status is Status.CONVERGED
    assert state.rounds <= 40
    assert gradient(X, y, state, "logistic", 1.0) <= 1e-4


def test_too_many_classes_for_one_metric():
    X = rotated(1000, 3, 3.0)
    problem = glm(X, "multinomial", k=65, l2=0.1)
    state = solved(PreconditionedLbfgs(1e-6, 500), problem, X, classes(X, 65, size=20.0))
    assert state.status is Status.CONVERGED
    assert not state.sharpened
    assert state.evaluations > 15


def test_many_classes_at_extreme_probabilities():
    X = rotated(3000, 20, 10.0)
    y = classes(X, 6, size=30.0)
    problem = glm(X, "multinomial", k=6, l2=1e-3)
    state = solved(PreconditionedLbfgs(1e-7, 300), problem, X, y)
    assert state.status is Status.CONVERGED
    assert state.sharpened
    assert state.rounds <= 50
    assert state.loss == pytest.approx(solved(NewtonCholesky(1e-9, 300), problem, X, y).loss, rel=1e-6)


def test_sparse_classes_at_extreme_probabilities():
    X = rotated(1500, 12, 3.0)
    X[np.abs(X) < 0.8] = 0.0
    S, y = csr(X), classes(X, 4, size=30.0)
    for intercept in (True, False):
        state = solved(PreconditionedLbfgs(1e-7, 300), glm(S, "multinomial", k=4, l2=1e-3, intercept=intercept), S, y)
        best = solved(NewtonCholesky(1e-9), glm(X, "multinomial", k=4, l2=1e-3, intercept=intercept), X, y)
        assert state.sharpened
        assert state.status is Status.CONVERGED
        assert state.loss == pytest.approx(best.loss, rel=1e-6)


def test_an_empty_sample_leaves_the_metric_as_it_is():
    """All sampled rows may weigh nothing."""
    X = rotated(1000, 5, 3.0)
    y = classes(X, 3)
    solver, problem = PreconditionedLbfgs(), glm(X, "multinomial", k=3)
    state = solved(solver, problem, X, y, after=lambda s: s.search is not None)
    metric = state.metric
    sharp = replace(state, phase=type(state.phase).SHARPEN)
    answer = solver.ask(problem, sharp).measure.of(_nothing(5))
    after = solver.tell(problem, sharp, answer)
    assert after.metric is metric
    assert after.phase is type(state.phase).DESCENT


def _nothing(p):
    from shardlearn.core.block import Block

    return Block(np.zeros((0, p)), np.zeros(0), None, 0)


@pytest.mark.parametrize("solver", QUICK)
@pytest.mark.parametrize(("loss", "k"), [("logistic", 1), ("multinomial", 3)])
def test_weights_are_repeated_rows(solver, loss, k):
    X = rotated(900, 6, 10.0)
    y = binary(X) if k == 1 else classes(X, k)
    weight = np.random.default_rng(2).integers(0, 4, 900)
    again = np.repeat(np.arange(900), weight)
    weighted = solved(solver(), glm(X, loss, k=k), X, y, weight.astype(float))
    copies = solved(solver(), glm(X[again], loss, k=k), X[again], y[again])
    assert relative(weighted.W, copies.W) < 1e-7
    assert relative(weighted.b, copies.b) < 1e-7
    ones, none = (solved(solver(), glm(X, loss, k=k), X, y, w) for w in (np.ones(900), None))
    assert ones.W.tobytes() == none.W.tobytes()
    assert ones.b.tobytes() == none.b.tobytes()


@pytest.mark.parametrize("solver", ALL)
def test_a_warm_start_begins_where_it_is_told(solver):
    X = rotated(2000, 8, 10.0, offset=4.0)
    y = binary(X)
    problem = glm(X, "logistic")
    first = solved(solver(1e-5, 2000), problem, X, y)
    again = solved(solver(1e-5, 2000), replace(problem, start=Start(first.W, first.b)), X, y)
    assert again.iterations == 0
    assert again.status is Status.CONVERGED
    assert again.rounds <= 4
    np.testing.assert_allclose(again.W, first.W, rtol=1e-12)


@pytest.mark.parametrize("solver", ALL)
@pytest.mark.parametrize("max_iter", [0, 1, 3])
def test_out_of_rounds(solver, max_iter):
    X = rotated(500, 8, 100.0)
    state = solved(solver(1e-12, max_iter), glm(X, "logistic", l2=1e-4), X, binary(X, size=20.0))
    assert state.status is Status.OUT_OF_ROUNDS
    assert state.iterations == max_iter
    assert np.isfinite(state.W).all()


@pytest.mark.parametrize("solver", ALL)
def test_a_tolerance_that_rounding_does_not_allow(solver):
    X = rotated(500, 4, 3.0)
    state = solved(solver(0.0, 3000), glm(X, "logistic", l2=1.0), X, binary(X))
    assert state.status in (Status.STALLED, Status.CONVERGED)
    assert state.gradient < 1e-8
    assert state.rounds < 1000


@pytest.mark.parametrize("solver", QUICK)
def test_no_penalty(solver):
    X = rotated(2000, 6, 10.0)
    for loss, k, y in (("logistic", 1, binary(X)), ("multinomial", 3, classes(X, 3))):
        state = solved(solver(1e-10, 300), glm(X, loss, k=k, l2=0.0), X, y)
        model = theirs(X, y, np.inf)
        assert relative(state.W, model.coef_) < 1e-6
        assert np.abs(state.W.sum(axis=0)).max() < 1e-9 or k == 1


@pytest.mark.parametrize("solver", ALL)
def test_separable_classes_without_penalty(solver):
    """F has no minimum: whatever is returned is finite, and says so or has a small gradient."""
    X = np.linspace(-1.0, 1.0, 200)[:, None]
    state = solved(solver(1e-8, 60), glm(X, "logistic", l2=0.0), X, (X[:, 0] > 0.0).astype(float))
    assert np.isfinite(state.W).all()
    assert state.W[0, 0] > 10.0
    assert state.status is not Status.CONVERGED or state.gradient <= 1e-8


def test_newton_falls_back_where_the_hessian_is_singular():
    X = rotated(1000, 4, 3.0)
    X = np.hstack([X, X[:, :2]])
    y = binary(X)
    for data in (X, csr(X)):
        state = solved(NewtonCholesky(1e-8, 500), glm(data, "logistic", l2=0.0), data, y)
        assert state.phase is NewtonPhase.FALLBACK
        assert state.status is Status.CONVERGED
        assert state.rounds > state.fallback.rounds
        np.testing.assert_allclose(state.W[0, :2], state.W[0, 4:], rtol=1e-5)


def test_newton_shortens_steps_that_overshoot():
    """From a saturated start the full step is far too long."""
    X = rotated(1000, 4, 3.0)
    y = binary(X)
    for size in (4.0, 30.0, 300.0):
        start = Start(np.full((1, 4), size), np.array([-size]))
        problem = glm(X, "logistic", l2=1e-3, start=start)
        state = solved(NewtonCholesky(1e-8, 500), problem, X, y)
        assert state.status is Status.CONVERGED
        best = solved(NewtonCholesky(1e-8), replace(problem, start=None), X, y)
        assert relative(state.W, best.W) < 1e-5


def test_newton_and_poisson():
    draw = np.random.default_rng(0)
    X = draw.standard_normal((2000, 5))
    y = draw.poisson(np.exp(X @ (0.3 * draw.standard_normal(5)) + 0.5)).astype(float)
    states = [solved(solver(1e-9, 300), glm(X, "poisson", l2=0.5), X, y) for solver in (*QUICK, Lbfgs)]
    for state in states:
        assert state.status is Status.CONVERGED
        assert relative(state.W, states[1].W) < 1e-6
    alone = solved(NewtonCholesky(1e-14), glm(X[:, :1], "poisson"), np.zeros((2000, 1)), y)
    assert alone.b[0] == pytest.approx(np.log(y.mean()), rel=1e-12)
    slow = solved(GradientDescent(1e-5, 3000), glm(X, "poisson", l2=0.5), X, y)
    assert relative(slow.W, states[1].W) < 1e-3


def test_squared_loss_of_several_outputs():
    draw = np.random.default_rng(0)
    X = draw.standard_normal((500, 4))
    Y = X @ draw.standard_normal((4, 2)) + draw.standard_normal((500, 2))
    for solver in QUICK:
        state = solved(solver(1e-12), glm(X, "squared", l2=3.0, k=2), X, Y)
        Z, T = X - X.mean(axis=0), Y - Y.mean(axis=0)
        np.testing.assert_allclose(state.W.T, np.linalg.solve(Z.T @ Z + 3.0 * np.eye(4), Z.T @ T), rtol=1e-9)


@pytest.mark.parametrize("solver", [PreconditionedLbfgs, Lbfgs])
def test_squares_beyond_float64(solver):
    X = rotated(100, 3, 1.0) * 1e200
    with pytest.raises(InputError, match="too large"), np.errstate(all="ignore"):
        solved(solver(), glm(X, "logistic"), X, binary(rotated(100, 3, 1.0)))
