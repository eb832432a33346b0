"""Least squares and ridge: against LAPACK at 1e-10 kappa, far from zero, rank-deficient, weighted, nonnegative."""

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
from sklearn.linear_model import LinearRegression, Ridge
from tests.solvers.fitting import csr, relative, rotated, solved, squares

from shardlearn.core.errors import InputError, ParameterError
from shardlearn.core.solver import Status
from shardlearn.solvers.close_columns import resolved
from shardlearn.solvers.gram_least_squares import GramLeastSquares, GramState
from shardlearn.solvers.iterative_least_squares import IterativeLeastSquares
from shardlearn.solvers.normal_equations import system
from shardlearn.solvers.singular_values import singular_values

GRAM = GramLeastSquares()


def conditioned(n, p, kappa, offset=0.0, noise=0.1):
    draw = np.random.default_rng(p)
    U, _ = np.linalg.qr(draw.standard_normal((n, p)))
    V, _ = np.linalg.qr(draw.standard_normal((p, p)))
    X = np.ascontiguousarray((U * np.logspace(0, -np.log10(kappa), p)) @ V.T * np.sqrt(n))
    y = X @ draw.standard_normal(p) + noise * draw.standard_normal(n)
    return X + offset, y


def lapack(X, y, intercept=True, cond=None):
    if not intercept:
        return scipy.linalg.lstsq(X, y, cond=cond)[0], 0.0
    w = scipy.linalg.lstsq(X - X.mean(axis=0), y - y.mean(axis=0), cond=cond)[0]
    return w, y.mean(axis=0) - X.mean(axis=0) @ w


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("kappa", [1.0, 1e2, 1e3, 1e4, 1e5, 1e6])
@pytest.mark.parametrize("p", [2, 50])
def test_error_is_below_1e_10_kappa(p, kappa, intercept):
    X, y = conditioned(4000, p, kappa)
    state = solved(GRAM, squares(X, intercept=intercept), X, y)
    w, b = lapack(X, y, intercept)
    assert state.status is Status.CONVERGED
    assert state.rank == p
    assert relative(state.W[0], w) <= 1e-10 * kappa
    assert relative(state.W[0], w) <= 1e-12 * kappa  # what refinement makes of it
    assert state.b[0] == pytest.approx(b, abs=1e-9)
    assert state.rounds <= 4
    assert state.kappa <= 3.0 * kappa


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("kappa", [1e7, 1e8, 1e10, 1e12])
def test_columns_closer_than_a_gram_matrix_sees(kappa, intercept):
    X, y = conditioned(4000, 20, kappa)
    state = solved(GRAM, squares(X, intercept=intercept), X, y)
    w, _ = lapack(X, y, intercept)
    assert state.status is Status.CONVERGED
    assert state.rank == 20
    assert relative(state.W[0], w) <= 1e-13 * kappa
    assert state.rounds <= 5
    assert kappa / 3.0 <= state.kappa <= 3.0 * kappa


def test_columns_that_are_close_beside_columns_that_are_dependent():
    draw = np.random.default_rng(0)
    x = draw.standard_normal((2000, 4))
    near = x[:, :1] + 1e-8 * draw.standard_normal((2000, 1))
    X = np.hstack([x, near, 2.0 * x[:, 1:2] - x[:, 2:3], np.zeros((2000, 1))])
    y = draw.standard_normal(2000)
    for data in (X, csr(X)):
        state = solved(GRAM, squares(data, np.array([0.0, 1.0]), t=2), data, np.stack([y, y], axis=1))
        w, _ = lapack(X, y, cond=1e-12)
        assert len(state.systems[0].kept) == 5
        assert relative(state.W[0], w) < 1e-6
        np.testing.assert_allclose(state.W[1], Ridge(1.0, solver="svd").fit(X, y).coef_, rtol=1e-7, atol=1e-10)


def test_residuals_that_depend_on_each_other():
    """Nothing is won then: the columns stay combinations of the others."""
    x = np.random.default_rng(0).standard_normal((100, 2))
    X = np.hstack([x, x])
    part = system(X.T @ X, 0.0)
    assert resolved(part, np.zeros((4, 4))) is part
    assert resolved(part, np.block([[np.eye(2), np.zeros((2, 2))], [np.zeros((2, 2)), -np.ones((2, 2))]])) is part
    assert resolved(part, np.block([[np.eye(2), np.zeros((2, 2))], [np.zeros((2, 2)), np.ones((2, 2))]])) is part


def test_far_from_zero_without_an_intercept():
    X = rotated(3000, 10, 3.0, offset=1e6)
    y = np.random.default_rng(0).standard_normal(3000)
    state = solved(GRAM, squares(X, intercept=False), X, y)
    assert state.rank == 10
    assert relative(state.W[0], lapack(X, y, intercept=False)[0]) < 1e-7


@pytest.mark.parametrize("offset", [1e4, 1e6])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_features_and_target_far_from_zero(offset, dtype):
    X = rotated(4000, 10, 10.0, offset=offset).astype(dtype)
    y = np.random.default_rng(0).standard_normal(4000) + X[:, 0].astype(float) + offset
    state = solved(GRAM, squares(X), X, y)
    w, b = lapack(X.astype(float), y)
    assert state.rounds == 2
    assert relative(state.W[0], w) < 1e-9
    assert state.b[0] == pytest.approx(b, rel=1e-9)


def test_a_first_block_far_from_the_others():
    X = rotated(4000, 5, 3.0)
    X[:1024] += 1e7
    y = np.random.default_rng(0).standard_normal(4000)
    weight = np.where(np.arange(4000) < 1024, 1e-20, 1.0)
    state = solved(GRAM, squares(X), X, y, weight)
    assert state.rounds == 3
    assert relative(state.W[0], lapack(X[1024:], y[1024:])[0]) < 1e-6
    weight[:1024] = 0.0
    assert relative(solved(GRAM, squares(X), X, y, weight).W[0], lapack(X[1024:], y[1024:])[0]) < 1e-10


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(("n", "p", "rank"), [(500, 30, 20), (2000, 50, 10), (2000, 50, 49), (30, 60, 30)])
def test_rank_deficient_with_columns_of_different_lengths(n, p, rank, intercept):
    draw = np.random.default_rng(p + rank)
    X = draw.standard_normal((n, rank)) @ draw.standard_normal((rank, p))
    X = np.ascontiguousarray(X * 10.0 ** draw.uniform(-3, 3, p))
    y = draw.standard_normal(n)
    state = solved(GRAM, squares(X, intercept=intercept), X, y)
    w, _ = lapack(X, y, intercept, cond=1e-12)
    assert state.rank == min(rank, n - intercept)
    assert relative(state.W[0], w) < 1e-6
    assert relative(X @ state.W[0] + state.b, X @ w + lapack(X, y, intercept, cond=1e-12)[1]) < 1e-6


@pytest.mark.parametrize("offset", [0.0, 10.0])
def test_rank_deficient_is_scikit_learns(offset):
    draw = np.random.default_rng(0)
    x = draw.standard_normal((300, 5)) + offset
    X = np.hstack([x, x[:, :2], np.ones((300, 1)), 3.0 * x[:, 2:3]])
    y = draw.standard_normal(300)
    for intercept in (True, False):
        state = solved(GRAM, squares(X, intercept=intercept), X, y)
        model = LinearRegression(fit_intercept=intercept).fit(X, y)
        np.testing.assert_allclose(state.W[0], model.coef_, rtol=1e-8, atol=1e-10)
        assert state.rank == 5 + (not intercept)
        model.rank_ = np.linalg.matrix_rank(X - intercept * X.mean(axis=0))
        assert state.rank == model.rank_


def test_singular_values():
    X, y = conditioned(500, 8, 100.0)
    state = solved(GRAM, squares(X), X, y)
    np.testing.assert_allclose(singular_values(state.gram), LinearRegression().fit(X, y).singular_, rtol=1e-9)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("solver", [GRAM, IterativeLeastSquares(1e-13, 2000)])
def test_ridge_of_many_targets(solver, sparse, intercept):
    draw = np.random.default_rng(0)
    X = rotated(800, 12, 5.0) + 1.0
    X[np.abs(X) < 0.5] = 0.0
    Y = X @ draw.standard_normal((12, 4)) + draw.standard_normal((800, 4)) + 5.0
    weight = draw.integers(0, 3, 800).astype(float)
    alpha = np.array([0.5, 1.0, 20.0, 0.5])
    data = csr(X) if sparse else X
    state = solved(solver, squares(data, alpha, t=4, intercept=intercept), data, Y, weight)
    model = Ridge(alpha, solver="cholesky", fit_intercept=intercept).fit(X, Y, weight)
    assert state.status is Status.CONVERGED
    np.testing.assert_allclose(state.W, model.coef_, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(state.b, model.intercept_, rtol=1e-9)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_weights_are_repeated_rows(alpha):
    X, y = conditioned(900, 8, 100.0, offset=3.0)
    weight = np.random.default_rng(2).integers(0, 4, 900)
    again = np.repeat(np.arange(900), weight)
    weighted = solved(GRAM, squares(X, alpha), X, y, weight.astype(float))
    copies = solved(GRAM, squares(X, alpha), X[again], y[again])
    assert relative(weighted.W, copies.W) < 1e-11
    ones, none = (solved(GRAM, squares(X, alpha), X, y, w) for w in (np.ones(900), None))
    assert ones.W.tobytes() == none.W.tobytes()
    assert ones.b.tobytes() == none.b.tobytes()


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 2.0])
@pytest.mark.parametrize("common", [0.5, 3.0])
def test_nonnegative(intercept, alpha, common):
    draw = np.random.default_rng(0)
    X = draw.standard_normal((600, 20)) + common * draw.standard_normal((600, 1)) + 1.0
    Y = X @ np.where(draw.random((20, 2)) < 0.5, draw.standard_normal((20, 2)), 0.0) + draw.standard_normal((600, 2))
    state = solved(GRAM, squares(X, alpha, t=2, intercept=intercept, positive=True), X, Y)
    Z, T = (X - X.mean(axis=0), Y - Y.mean(axis=0)) if intercept else (X, Y)
    for t in range(2):
        rows = np.vstack([Z, np.sqrt(alpha) * np.eye(20)])
        best = scipy.optimize.nnls(rows, np.concatenate([T[:, t], np.zeros(20)]))[0]
        np.testing.assert_allclose(state.W[t], best, atol=1e-8)
    assert (state.W >= 0.0).all()


def test_nonnegative_and_ill_conditioned():
    X, y = conditioned(2000, 10, 1e6)
    state = solved(GRAM, squares(X, intercept=False, positive=True), X, y)
    assert (state.W >= 0.0).all()
    residual = scipy.optimize.nnls(X, y)[1]
    assert np.linalg.norm(X @ state.W[0] - y) <= residual * (1.0 + 1e-9)
    positive = squares(X, intercept=False, positive=True)
    wanted = np.abs(np.random.default_rng(0).standard_normal(10)) + 1.0
    state = solved(GRAM, positive, X, X @ wanted)
    assert state.iterations >= 1
    np.testing.assert_allclose(state.W[0], wanted, rtol=1e-6)


def test_nothing_to_learn():
    X, y = np.zeros((50, 0)), np.arange(50.0)
    state = solved(GRAM, squares(X), X, y)
    assert state.W.shape == (1, 0)
    assert state.b[0] == 24.5
    assert state.rank == 0
    assert GramState(state.W, state.b, state.phase).kappa == 1.0
    constant = np.full((50, 2), 7.7)
    state = solved(GRAM, squares(constant), constant, y)
    assert not state.W.any()
    assert state.b[0] == 24.5
    X, _ = conditioned(100, 3, 10.0)
    assert not solved(GRAM, squares(X), X, np.full(100, 3.25)).W.any()
    X, _ = conditioned(2000, 5, 1e6)
    nothing = solved(GRAM, squares(X, intercept=False), X, np.zeros(2000))
    assert not nothing.W.any()
    assert nothing.figures == {"correction": 0.0}


def test_refinement_that_rounding_ends():
    """Columns that differ in the last digits: the correction stops shrinking, and the state says so."""
    draw = np.random.default_rng(0)
    x = draw.standard_normal((2000, 1))
    X = x + 1e-7 * draw.standard_normal((2000, 12)) * np.logspace(0, 1, 12)
    state = solved(GRAM, squares(X, intercept=False), X, draw.standard_normal(2000))
    assert state.status in (Status.STALLED, Status.CONVERGED)
    assert state.rounds <= 12
    y = draw.standard_normal(2000)
    best = np.linalg.norm(X @ scipy.linalg.lstsq(X, y, cond=1e-9)[0] - y)
    fitted = solved(GRAM, squares(X, intercept=False), X, y)
    assert np.linalg.norm(X @ fitted.W[0] - y) <= best * (1.0 + 5e-3)


@pytest.mark.parametrize("solver", [GRAM, IterativeLeastSquares()])
def test_squares_beyond_float64(solver):
    X = rotated(100, 3, 1.0) * 1e200
    with pytest.raises(InputError, match="too large"), np.errstate(all="ignore"):
        solved(solver, squares(X), X, X[:, 0])


# -- without a Gram matrix


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(
    ("n", "p", "kappa", "offset"), [(1500, 40, 10.0, 0.0), (1500, 40, 100.0, 3.0), (60, 200, 3.0, 0)]
)
def test_conjugate_gradients(n, p, kappa, offset, intercept):
    X = rotated(max(n, p), p, kappa, offset=offset)[:n]
    y = np.random.default_rng(0).standard_normal(n) + X[:, 0]
    state = solved(IterativeLeastSquares(1e-12, 5000), squares(X, intercept=intercept), X, y)
    assert state.status is Status.CONVERGED
    assert relative(state.W[0], lapack(X, y, intercept, cond=1e-11)[0]) < 1e-8 * kappa
    assert set(state.figures) == {"gradient"}


def test_conjugate_gradients_end():
    X, y = conditioned(500, 30, 1e4)
    problem = squares(X)
    few = solved(IterativeLeastSquares(1e-12, 7), problem, X, y)
    assert few.status is Status.OUT_OF_ROUNDS
    assert few.iterations == 7
    many = solved(IterativeLeastSquares(0.0, 5000), problem, X, y)
    assert many.status is Status.STALLED
    assert many.gradient < 1e-11
    for nothing in (np.zeros(500), np.full(500, 2.0)):
        state = solved(IterativeLeastSquares(), problem, X, nothing)
        assert state.status is Status.CONVERGED
        assert not state.W.any()


def test_conjugate_gradients_of_a_target_that_is_zero():
    X, y = conditioned(500, 10, 10.0)
    state = solved(IterativeLeastSquares(1e-12), squares(X, t=2), X, np.stack([y, np.zeros(500)], axis=1))
    assert relative(state.W[0], lapack(X, y)[0]) < 1e-9
    assert not state.W[1].any()


def test_a_first_block_that_weighs_nothing():
    X, y = conditioned(2000, 4, 10.0, offset=2.0)
    weight = np.where(np.arange(2000) < 1024, 0.0, 1.0)
    state = solved(IterativeLeastSquares(1e-12), squares(X), X, y, weight)
    assert relative(state.W[0], lapack(X[1024:], y[1024:])[0]) < 1e-9


def test_nonnegative_needs_a_gram_matrix():
    with pytest.raises(ParameterError, match="positive=True"):
        IterativeLeastSquares().init(squares(np.zeros((10, 3)), positive=True))


@pytest.mark.parametrize("cut", [1e-2, 1e-4])
def test_a_cut_is_for_plain_least_squares_alone(cut):
    """Neither a penalty nor signs go with it."""
    X, y = conditioned(2000, 10, 1e6)
    w = lapack(X, y, cond=cut)[0]
    state = solved(GramLeastSquares(cut), squares(X), X, y)
    assert relative(state.W[0], w) < 1e-8
    assert state.rank < 10
    for settings in ({"alpha": 1e-3}, {"positive": True}):
        problem = squares(X, **settings)
        np.testing.assert_array_equal(solved(GramLeastSquares(cut), problem, X, y).W, solved(GRAM, problem, X, y).W)


def test_a_cut_next_to_the_smallest_singular_value():
    """The quick test can't tell: nothing goes, and the bits are those without a cut."""
    Q, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((500, 20)))
    X, y = Q * np.concatenate([np.ones(19), [1.5e-3]]), np.arange(500.0)
    cut, whole = (solved(GramLeastSquares(c), squares(X, intercept=False), X, y) for c in (1e-3, 0.0))
    assert cut.rank == 20
    assert cut.basis is None
    np.testing.assert_array_equal(cut.W, whole.W)


@pytest.mark.parametrize("distance", [0.0, 1e-8])
def test_a_cut_of_what_only_a_second_look_sees(distance):
    draw = np.random.default_rng(0)
    X, y = draw.standard_normal((800, 6)), draw.standard_normal(800)
    X[:, 5] = X[:, 0] - 2.0 * X[:, 1] + distance * X[:, 5]
    state = solved(GramLeastSquares(1e-6), squares(X), X, y)
    assert state.rank == 5
    assert (state.basis is None) == (distance == 0.0)
    assert relative(state.W[0], lapack(X, y, cond=1e-6)[0]) < 1e-10
