"""LinearRegression and Ridge against LAPACK, closed forms and scikit-learn."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from scipy import optimize, sparse
from sklearn import linear_model as sk
from tests.linear_model.problems import features, least_squares, regression, relative, sparse_rows

import shardlearn
from shardlearn import ParameterError
from shardlearn.core.errors import MemoryLimitError
from shardlearn.linear_model import LinearRegression, Ridge


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("targets", [None, 1, 3])
@pytest.mark.parametrize("intercept", [True, False], ids=["intercept", "through zero"])
def test_agrees_with_lapack(intercept: bool, targets: int | None, weighted: bool) -> None:
    data = regression(targets=targets)
    weight = data.weight if weighted else None
    model = LinearRegression(fit_intercept=intercept).fit(data.X, data.y, weight)
    W, b = least_squares(data.X, data.y, weight, intercept=intercept)
    assert model.coef_.shape == ((10,) if targets is None else (targets, 10))
    assert np.shape(model.intercept_) == (() if targets is None else (targets,))
    assert relative(np.atleast_2d(model.coef_), W) < 1e-12
    np.testing.assert_allclose(np.atleast_1d(model.intercept_), b, rtol=1e-12, atol=1e-14)
    assert model.rank_ == 10
    assert model.n_features_in_ == 10


@pytest.mark.parametrize("kappa", [1e2, 1e4, 1e6])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_forward_error_grows_no_faster_than_the_condition_number(kappa: float, offset: float) -> None:
    """|w - w*| <= 1e-10 kappa |w*|, with rows up to 1e6 standard deviations away from zero."""
    data = regression(n=2_000, p=20, kappa=kappa, offset=offset)
    W, b = least_squares(data.X, data.y)
    model = LinearRegression(tol=0.0).fit(data.X, data.y)
    assert relative(model.coef_, W[0]) <= 1e-10 * kappa
    assert abs(model.intercept_ - b[0]) <= 1e-10 * kappa * np.linalg.norm(W) * max(offset, 1.0)


def test_mean_a_million_deviations_away_in_single_precision() -> None:
    rng = np.random.default_rng(0)
    X = (1e6 + rng.normal(size=(4_000, 5))).astype(np.float32)
    y = (X.astype(float) - 1e6) @ np.arange(1.0, 6.0) + rng.normal(size=4_000)
    W, _ = least_squares(X.astype(float), y)
    assert relative(LinearRegression().fit(X, y).coef_, W[0]) < 1e-6


@pytest.mark.parametrize("scales", [np.ones(6), np.geomspace(1e-3, 1e3, 6)], ids=["even", "uneven"])
def test_collinear_features_get_the_shortest_solution(scales: Any) -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=(300, 4))
    X = np.column_stack([base, base[:, 0] + base[:, 1], base[:, 2]]) * scales
    y = base @ [1.0, -2.0, 3.0, 0.5] + 0.1 * rng.normal(size=300)
    model = LinearRegression().fit(X, y)
    W, b = least_squares(X, y, cond=1e-9)
    assert model.rank_ == 4
    assert relative(model.coef_, W[0]) < 1e-7
    assert abs(model.intercept_ - b[0]) < 1e-9
    assert np.linalg.norm(model.coef_) <= np.linalg.norm(W[0]) * (1 + 1e-9)


def test_constant_and_zero_columns_get_coefficient_zero() -> None:
    data = regression(p=4)
    X = np.column_stack([data.X, np.full(len(data.X), 7.0), np.zeros(len(data.X))])
    model = LinearRegression().fit(X, data.y)
    assert relative(model.coef_[:4], LinearRegression().fit(data.X, data.y).coef_) < 1e-10
    np.testing.assert_allclose(model.coef_[4:], 0.0, atol=1e-12)


@pytest.mark.parametrize("n", [1, 5, 30])
def test_more_features_than_rows(n: int) -> None:
    data = regression(n=60, p=50)
    X, y = data.X[:n], data.y[:n]
    model = LinearRegression().fit(X, y)
    W, b = least_squares(X, y)
    np.testing.assert_allclose(model.coef_, W[0], atol=1e-8)
    np.testing.assert_allclose(model.predict(X), y, atol=1e-8)
    assert abs(model.intercept_ - b[0]) < 1e-8


def test_one_feature_is_the_ratio_of_covariance_and_variance() -> None:
    x, y = np.array([1.0, 2.0, 4.0]), np.array([2.0, 3.0, 9.0])
    model = LinearRegression().fit(x[:, None], y)
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    assert relative(model.coef_, [slope]) < 1e-15
    assert relative(model.intercept_, y.mean() - slope * x.mean()) < 1e-14


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_sparse_rows_as_dense_ones(weighted: bool) -> None:
    X = sparse_rows()
    rng = np.random.default_rng(1)
    y, weight = rng.normal(size=X.shape[0]), rng.uniform(0, 2, X.shape[0]) if weighted else None
    for Model in (LinearRegression, Ridge):
        sparse_fit, dense_fit = Model().fit(X, y, weight), Model().fit(X.toarray(), y, weight)
        assert relative(sparse_fit.coef_, dense_fit.coef_) < 1e-10
        assert abs(sparse_fit.intercept_ - dense_fit.intercept_) < 1e-12


def test_single_precision_rows_give_the_model_of_their_values() -> None:
    data = regression()
    X = data.X.astype(np.float32)
    single, double = LinearRegression().fit(X, data.y), LinearRegression().fit(X.astype(float), data.y)
    assert relative(single.coef_, double.coef_) < 1e-12


def test_singular_values_are_those_of_the_centred_rows() -> None:
    data = regression(kappa=1e3)
    expected = np.linalg.svd(data.X - data.X.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(LinearRegression().fit(data.X, data.y).singular_, expected, rtol=1e-8)


@pytest.mark.parametrize("Model", [LinearRegression, Ridge])
def test_positive_coefficients(Model: Any) -> None:
    data = regression(p=12)
    model = Model(positive=True).fit(data.X, data.y)
    A, b = data.X - data.X.mean(axis=0), data.y - data.y.mean()
    if Model is Ridge:
        A, b = np.vstack([A, np.eye(12)]), np.concatenate([b, np.zeros(12)])
    wanted, _ = optimize.nnls(A, b)
    assert (model.coef_ >= 0).all()
    assert (model.coef_ == 0).any()
    np.testing.assert_allclose(model.coef_, wanted, atol=1e-10)


def test_positive_with_several_targets_and_sparse_rows() -> None:
    X = sparse_rows()
    Y = np.random.default_rng(0).normal(size=(X.shape[0], 2))
    model = LinearRegression(positive=True).fit(X, Y)
    for t in range(2):
        dense = LinearRegression(positive=True).fit(X.toarray(), Y[:, t])
        np.testing.assert_allclose(model.coef_[t], dense.coef_, atol=1e-10)


@pytest.mark.parametrize("solver", ["auto", "svd", "cholesky", "lsqr", "sparse_cg"])
@pytest.mark.parametrize("alpha", [1e-3, 1.0, 1e3])
def test_ridge_closed_form(alpha: float, solver: str) -> None:
    data = regression(kappa=10.0)
    model = Ridge(alpha=alpha, solver=solver, tol=1e-12).fit(data.X, data.y, data.weight)
    W, b = least_squares(data.X, data.y, data.weight, alpha=alpha)
    assert relative(model.coef_, W[0]) < (1e-12 if solver in ("auto", "svd", "cholesky") else 1e-7)
    assert abs(model.intercept_ - b[0]) < 1e-7
    assert model.solver_ == ("cholesky" if solver == "auto" else solver)
    assert (model.n_iter_ >= 1).all()


def test_ridge_with_a_penalty_for_each_target() -> None:
    data = regression(targets=3)
    alphas = [0.1, 1.0, 100.0]
    model = Ridge(alpha=alphas).fit(data.X, data.y)
    for t, alpha in enumerate(alphas):
        assert relative(model.coef_[t], Ridge(alpha=alpha).fit(data.X, data.y[:, t]).coef_) < 1e-13
    theirs = sk.Ridge(alpha=alphas).fit(data.X, data.y)
    assert relative(model.coef_, theirs.coef_) < 1e-11
    with pytest.raises(ParameterError, match="Number of targets and number of penalties do not correspond: 2 != 3"):
        Ridge(alpha=[1.0, 2.0]).fit(data.X, data.y)


def test_ridge_without_penalty_is_least_squares() -> None:
    data = regression(kappa=1e3)
    assert relative(Ridge(alpha=0.0).fit(data.X, data.y).coef_, LinearRegression().fit(data.X, data.y).coef_) < 1e-12


@pytest.mark.parametrize("Model", [LinearRegression, Ridge])
def test_integer_weights_are_repeated_rows(Model: Any) -> None:
    data = regression()
    assert data.weight is not None
    again = np.repeat(np.arange(len(data.y)), data.weight.astype(int))
    weighted = Model().fit(data.X, data.y, data.weight)
    repeated = Model().fit(data.X[again], data.y[again])
    assert relative(weighted.coef_, repeated.coef_) < 1e-12
    assert abs(weighted.intercept_ - repeated.intercept_) < 1e-12


@pytest.mark.parametrize("Model", [LinearRegression, Ridge])
def test_a_weight_of_one_is_no_weight(Model: Any) -> None:
    data = regression()
    weighted, plain = Model().fit(data.X, data.y, np.ones(len(data.y))), Model().fit(data.X, data.y)
    np.testing.assert_array_equal(weighted.coef_, plain.coef_)
    assert weighted.intercept_ == plain.intercept_
    np.testing.assert_array_equal(Model().fit(data.X, data.y, 1.0).coef_, plain.coef_)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.bool_, np.float32])
def test_targets_of_any_number_kind(dtype: Any) -> None:
    data = regression()
    y = (data.y > 3).astype(dtype)
    as_floats = LinearRegression().fit(data.X, y.astype(float))
    np.testing.assert_array_equal(LinearRegression().fit(data.X, y).coef_, as_floats.coef_)


def test_scikit_learn_reads_the_model() -> None:
    data = regression(targets=2)
    for model in (LinearRegression().fit(data.X, data.y), Ridge().fit(data.X, data.y)):
        peer = model.to_sklearn()
        assert type(peer).__module__.startswith("sklearn.")
        np.testing.assert_allclose(peer.predict(data.X), model.predict(data.X), rtol=1e-12)
        assert peer.get_params() == model.get_params()


def test_scores_as_in_scikit_learn() -> None:
    for targets in (None, 3):
        data = regression(targets=targets, offset=1e5)
        model = LinearRegression().fit(data.X, data.y)
        for weight in (None, data.weight):
            assert abs(model.score(data.X, data.y, weight) - model.to_sklearn().score(data.X, data.y, weight)) < 1e-9
    constant = np.full(len(data.y), 2.0)
    flat = LinearRegression().fit(data.X, constant)
    assert flat.score(data.X, constant) == pytest.approx(1.0)
    with pytest.warns(UserWarning, match="not well-defined"):
        assert np.isnan(flat.score(data.X[:1], constant[:1]))


def test_predictions_keep_the_shape_of_the_target() -> None:
    X = features(20, 3)
    for y in (np.zeros(20), np.zeros((20, 1)), np.zeros((20, 2))):
        assert Ridge().fit(X, y).predict(X).shape == y.shape


def test_other_sparse_formats() -> None:
    X = sparse_rows(80, 7, density=0.3)
    y = np.random.default_rng(0).normal(size=80)
    wanted = Ridge().fit(X, y).coef_
    for form in (sparse.csc_array, sparse.coo_array, sparse.csr_matrix, sparse.lil_array):
        np.testing.assert_array_equal(Ridge().fit(form(X), y).coef_, wanted)


def test_more_columns_than_a_matrix_of_moments_pays_for() -> None:
    """Sparse data of 1,100 columns: passes instead of a matrix, to the tolerance that was asked for."""
    X = sparse_rows(500, 1_100, density=0.01)
    y = np.random.default_rng(0).normal(size=500)
    model = Ridge(alpha=0.5, tol=1e-10).fit(X, y)
    assert model.solver_ == "lsqr"
    assert model.n_iter_[0] > 1
    W, b = least_squares(X, y, alpha=0.5)
    assert relative(model.coef_, W[0]) < 1e-7
    assert abs(model.intercept_ - b[0]) < 1e-8
    plain = LinearRegression(tol=1e-9).fit(X, y)
    assert not hasattr(plain, "rank_")
    assert plain.score(X, y) > model.score(X, y)
    with pytest.warns(UserWarning, match="did not converge after 3 iterations"):
        Ridge(alpha=1e-6, tol=1e-12, max_iter=3).fit(X, y)


def test_second_moments_are_refused_or_fit_into_the_limit() -> None:
    """The solver's own p x p arrays too, also where a second alpha and a refinement ask for more of them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 600))
    X[:, 1] = X[:, 0] + 1e-6 * X[:, 1]
    y, square = X[:, :2].copy(), 8 * 600**2
    with shardlearn.engine("threads", workers=2, memory=5 * square), pytest.raises(MemoryLimitError, match="answers"):
        Ridge(alpha=[1e-9, 1.0]).fit(X, y)
    limit = 16 * square
    with shardlearn.engine("threads", workers=2, memory=limit):
        tracemalloc.start()
        try:
            model = Ridge(alpha=[1e-9, 1.0]).fit(X, y)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert model.report_.rounds > 2
    assert 4 * square < peak < limit
