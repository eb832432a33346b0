"""LinearRegression's tol as scipy.linalg.lstsq's cond: on spectra with a gap around it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import linalg
from sklearn import linear_model as sk
from tests.linear_model.problems import Array, least_squares, relative

import shardlearn
from shardlearn.linear_model import LinearRegression


def gapped(n: int, p: int, kept: int, tol: float, seed: int = 0) -> Array:
    """(n, p) rows: `kept` singular values down to 100 tol, the others from tol / 100 down, all relative."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    U, _, Vt = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    low, high = max(1e-12, tol / 1e4), max(100 * tol, 1e-6)
    s = np.concatenate([np.geomspace(1.0, high, kept), np.geomspace(tol / 100, low, p - kept)])
    return (U * s) @ Vt * np.sqrt(n) + 0.5


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("targets", [None, 3])
@pytest.mark.parametrize("intercept", [True, False], ids=["intercept", "through zero"])
@pytest.mark.parametrize("tol", [1e-3, 1e-4, 1e-6])
def test_agrees_with_lstsq(tol: float, intercept: bool, targets: int | None, weighted: bool) -> None:
    rng = np.random.default_rng(1)
    X = gapped(700, 12, 7, tol)
    y = rng.normal(size=700 if targets is None else (700, targets))
    weight = rng.uniform(0.5, 2.0, 700) if weighted else None
    W, b = least_squares(X, y, weight, intercept=intercept, cond=tol)
    model = LinearRegression(tol=tol, fit_intercept=intercept).fit(X, y, weight)
    theirs = sk.LinearRegression(tol=tol, fit_intercept=intercept).fit(X, y, weight)
    bound = 1e-9 if tol > 1e-5 else 1e-6  # rounding over the square of what is kept, 100 tol
    assert model.coef_.shape == theirs.coef_.shape
    assert relative(np.atleast_2d(model.coef_), W) < bound
    assert relative(model.coef_, theirs.coef_) < bound
    np.testing.assert_allclose(np.atleast_1d(model.intercept_), b, rtol=bound, atol=bound * np.linalg.norm(W))
    assert model.rank_ == theirs.rank_ == (7 if intercept else 8)
    np.testing.assert_allclose(model.singular_[:7], theirs.singular_[:7], rtol=1e-6)
    np.testing.assert_allclose(model.predict(X), theirs.predict(X), atol=1e-6)


@pytest.mark.parametrize("tol", [1e-3, 1e-4])
def test_single_precision(tol: float) -> None:
    X = gapped(500, 9, 6, tol).astype(np.float32)
    y = np.random.default_rng(2).normal(size=500)
    W, _ = least_squares(X.astype(float), y, cond=tol)
    model = LinearRegression(tol=tol).fit(X, y)
    assert model.rank_ == 6
    assert relative(model.coef_, W[0]) < 1e-9


@pytest.mark.parametrize("distance", [1e-2, 1e-5, 1e-8, 1e-11, 0.0])
@pytest.mark.parametrize("tol", [1e-3, 1e-6])
def test_a_column_next_to_another(tol: float, distance: float) -> None:
    """Whichever way it is found: by the Gram matrix, by the pass that looks at close columns, or not at all."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(800, 6))
    X[:, 5] = X[:, 0] - 2.0 * X[:, 1] + distance * X[:, 5]
    y = rng.normal(size=800)
    W, _ = least_squares(X, y, cond=tol)
    model, theirs = LinearRegression(tol=tol).fit(X, y), sk.LinearRegression(tol=tol).fit(X, y)
    assert model.rank_ == theirs.rank_ == (6 if distance > tol else 5)
    assert relative(model.coef_, W[0]) < 1e-8
    assert relative(model.coef_, theirs.coef_) < 1e-8


def test_features_of_other_scales() -> None:
    """The cut knows nothing of the columns' lengths: small columns go, as in scikit-learn."""
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(400, 5)) * [1.0, 1e-2, 1e3, 1e-8, 1.0], rng.normal(size=400)
    model, theirs = LinearRegression().fit(X, y), sk.LinearRegression().fit(X, y)
    assert model.rank_ == theirs.rank_ == 4
    assert relative(model.coef_, theirs.coef_) < 1e-8


def test_more_features_than_rows() -> None:
    X, y = gapped(60, 40, 10, 1e-3)[:20], np.random.default_rng(5).normal(size=20)
    model, theirs = LinearRegression(tol=1e-3).fit(X, y), sk.LinearRegression(tol=1e-3).fit(X, y)
    assert model.rank_ == theirs.rank_ == 10
    assert relative(model.coef_, theirs.coef_) < 1e-8


@pytest.mark.parametrize("tol", [0.0, 1e-9, 1e-7, 1.0, 5.0])
def test_tolerances_that_cut_nothing(tol: float) -> None:
    X, y = gapped(500, 8, 4, 1e-3), np.random.default_rng(6).normal(size=500)
    model = LinearRegression(tol=tol).fit(X, y)
    assert model.rank_ == sk.LinearRegression(tol=tol).fit(X, y).rank_ == 8
    centred = X - X.mean(axis=0)
    assert relative(model.coef_, linalg.lstsq(centred, y - y.mean(), cond=tol)[0]) < 1e-6


@pytest.mark.parametrize("tol", [1e-6, 1e-3])
def test_well_conditioned_data_do_not_feel_it(tol: float) -> None:
    rng = np.random.default_rng(7)
    X, y = rng.normal(size=(500, 20)), rng.normal(size=500)
    np.testing.assert_array_equal(LinearRegression(tol=tol).fit(X, y).coef_, LinearRegression(tol=0.0).fit(X, y).coef_)


def test_close_to_the_cut_but_not_beyond() -> None:
    """The quick test can't tell; nothing goes, and so the model is the one without a cut."""
    rng = np.random.default_rng(8)
    Q, _ = np.linalg.qr(rng.normal(size=(500, 20)))
    X, y = Q * np.concatenate([np.ones(19), [1.5e-3]]), rng.normal(size=500)
    model = LinearRegression(tol=1e-3, fit_intercept=False).fit(X, y)
    assert model.rank_ == 20
    np.testing.assert_array_equal(model.coef_, LinearRegression(tol=0.0, fit_intercept=False).fit(X, y).coef_)


def test_positive_coefficients_and_nothing_to_cut() -> None:
    X, y = gapped(300, 6, 3, 1e-3), np.random.default_rng(9).normal(size=300)
    cut, whole = (LinearRegression(positive=True, tol=tol).fit(X, y) for tol in (1e-3, 0.0))
    np.testing.assert_array_equal(cut.coef_, whole.coef_)
    zero = LinearRegression(tol=0.5).fit(np.zeros((10, 3)), np.arange(10.0))
    assert zero.rank_ == 0
    assert zero.coef_.tolist() == [0.0, 0.0, 0.0]


def test_one_fingerprint_for_any_number_of_workers() -> None:
    X = gapped(60_000, 40, 25, 1e-6)
    y = np.random.default_rng(10).normal(size=60_000)
    found: set[Any] = set()
    for workers in (1, 2, 3):
        with shardlearn.engine("threads", workers=workers):
            model = LinearRegression().fit(X, y)
        assert model.rank_ == 25
        found.add(shardlearn.fingerprint(model))
    assert len(found) == 1
