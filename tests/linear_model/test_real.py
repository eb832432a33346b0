"""Real data sets, read from the folder that SHARDLEARN_DATA names: agreement with scikit-learn and LAPACK."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import linear_model as sk
from sklearn.datasets import load_svmlight_file
from tests.linear_model.problems import Array, least_squares, relative

import shardlearn
from shardlearn.linear_model import LinearRegression, LogisticRegression, Ridge

FOLDER = os.environ.get("SHARDLEARN_DATA", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="SHARDLEARN_DATA names no folder of data sets")


def held(*parts: str) -> Path:
    path = Path(FOLDER, *parts)
    if not path.exists():
        pytest.skip(f"SHARDLEARN_DATA holds no {'/'.join(parts)}")
    return path


@cache
def covertype() -> tuple[Array, Array]:
    frame = pd.read_csv(held("covertype_92k", "covertype_test.csv.gz"))
    return frame.iloc[:, :-1].to_numpy(float), frame.iloc[:, -1].to_numpy()


@cache
def california() -> tuple[Array, Array]:
    frame = pd.read_csv(held("california_housing", "housing.csv")).dropna()
    return frame.drop(columns=["median_house_value", "ocean_proximity"]).to_numpy(float), frame[
        "median_house_value"
    ].to_numpy()


@cache
def beijing() -> pd.DataFrame:
    files = sorted(held("beijing_air_420k").glob("PRSA_Data_*.csv.gz"))
    numbers = ["month", "day", "hour", "SO2", "NO2", "CO", "O3", "TEMP", "PRES", "DEWP", "RAIN", "WSPM"]
    return pd.concat([pd.read_csv(file) for file in files], ignore_index=True)[[*numbers, "PM2.5"]]


@cache
def libsvm(folder: str, name: str) -> tuple[Any, Array]:
    X, y = load_svmlight_file(str(held(folder, name)))
    return X, y.astype(int)


@cache
def kddcup() -> tuple[Array, Array]:
    frame = pd.read_csv(held("kddcup99", "kddcup.data_10_percent.gz"), header=None).iloc[::5]
    X = frame.drop(columns=[1, 2, 3, 41]).to_numpy(float)
    return X, (frame[41] != "normal.").to_numpy()


def objective(X: Any, hot: Array, coef: Array, intercept: Array, C: float = 1.0) -> float:
    """sum log-loss + |w|^2 / 2 C, by plain NumPy."""
    z = np.asarray(X @ coef.T) + intercept
    z = np.concatenate([np.zeros_like(z), z], axis=1) if z.shape[1] == 1 else z
    top = z.max(axis=1, keepdims=True)
    losses = (np.log(np.exp(z - top).sum(axis=1)) + top[:, 0]) - z[hot]
    return float(losses.sum() + (coef**2).sum() / (2 * C))


def onehot(y: Array) -> Array:
    return np.asarray(y[:, None] == np.unique(y))


@pytest.mark.parametrize("intercept", [True, False], ids=["intercept", "through zero"])
def test_california_least_squares(intercept: bool) -> None:
    X, y = california()
    kappa = np.linalg.cond(X - X.mean(axis=0) if intercept else X)
    W, b = least_squares(X, y, intercept=intercept)
    model = LinearRegression(fit_intercept=intercept).fit(X, y)
    assert relative(model.coef_, W[0]) <= 1e-10 * kappa
    assert abs(model.intercept_ - b[0]) <= 1e-10 * kappa * max(abs(b[0]), 1.0)
    weight = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    W, _ = least_squares(X, y, weight, alpha=5.0, intercept=intercept)
    assert relative(Ridge(5.0, fit_intercept=intercept).fit(X, y, weight).coef_, W[0]) <= 1e-10 * kappa
    theirs = sk.LinearRegression(fit_intercept=intercept).fit(X, y)
    assert abs(model.score(X, y) - theirs.score(X, y)) < 1e-9


def test_beijing_ridge_over_twelve_files_with_missing_rows(tmp_path: Path) -> None:
    frame = beijing()
    for number, part in enumerate(np.array_split(np.arange(len(frame)), 12)):
        frame.iloc[part].to_parquet(tmp_path / f"{number:02d}.parquet")
    model = Ridge().fit(shardlearn.read(str(tmp_path / "*.parquet"), missing="drop"), y="PM2.5")
    clean = frame.dropna()
    X, y = clean.drop(columns="PM2.5").to_numpy(float), clean["PM2.5"].to_numpy(float)
    assert model.report_.dropped_rows == len(frame) - len(clean) > 10_000
    W, b = least_squares(X, y, alpha=1.0)
    assert relative(model.coef_, W[0]) <= 1e-10 * np.linalg.cond(X - X.mean(axis=0))
    assert abs(model.intercept_ - b[0]) <= 1e-6 * abs(b[0])


def test_covertype_has_collinear_columns() -> None:
    """Its 44 indicators add up to one in two groups: the rank is short, the solution the shortest one."""
    X, y = covertype()
    y = (y == 2).astype(float)
    model, theirs = LinearRegression().fit(X, y), sk.LinearRegression().fit(X, y)
    assert model.rank_ == theirs.rank_ < X.shape[1]
    W, _ = least_squares(X, y, cond=1e-10)
    assert relative(model.coef_, W[0]) < 1e-7
    np.testing.assert_allclose(model.predict(X), theirs.predict(X), atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_covertype_seven_classes(dtype: Any) -> None:
    X, y = covertype()
    X = X[::32].astype(dtype)
    y = y[::32]
    model = LogisticRegression(tol=1e-6).fit(X, y)
    theirs = sk.LogisticRegression(solver="newton-cholesky", tol=1e-8).fit(X.astype(float), y)
    hot = onehot(y)
    ours = objective(X.astype(float), hot, model.coef_, model.intercept_)
    wanted = objective(X.astype(float), hot, theirs.coef_, theirs.intercept_)
    assert ours <= wanted * (1 + 1e-7)
    assert (model.predict(X) == theirs.predict(X)).mean() > 0.9999


@pytest.mark.parametrize(("folder", "name"), [("a9a_libsvm", "a9a.gz"), ("w8a_libsvm", "w8a.gz")])
def test_sparse_sets(folder: str, name: str) -> None:
    X, y = libsvm(folder, name)
    theirs = sk.LogisticRegression(solver="newton-cholesky", tol=1e-10, max_iter=1_000).fit(X, y)
    best = objective(X, onehot(y), theirs.coef_, theirs.intercept_)
    newton = LogisticRegression(solver="newton-cholesky", tol=1e-10).fit(X, y)
    assert relative(newton.coef_, theirs.coef_) < 1e-12
    # L-BFGS looks at the objective F, and ends where rounding hides what is left of it: in extended precision 16 (a9a)
    # and 20 (w8a) times 2^-53 F above the minimum, gradients 1e-9 and 3e-10 a row. In directions where the penalty
    # alone gives F its curvature, 1 / C = 1, that leaves |w - w*|^2 / 2 <= 32 * 2^-53 F: 1.4e-6 and 2.0e-7 of |w|.
    model = LogisticRegression(tol=1e-10, max_iter=5_000).fit(X, y)
    lost = 32 * 2.0**-53 * best
    assert objective(X, onehot(y), model.coef_, model.intercept_) <= best + lost
    assert np.linalg.norm(model.coef_ - theirs.coef_) <= np.sqrt(2 * lost)
    for fitted in (newton, model):
        np.testing.assert_array_equal(fitted.predict(X), theirs.predict(X))
    quick = LogisticRegression().fit(X, y)
    assert objective(X, onehot(y), quick.coef_, quick.intercept_) <= best * (1 + 5e-3)


def test_a9a_from_its_file() -> None:
    """svmlight, packed by gzip, read by us and by scikit-learn."""
    X, y = libsvm("a9a_libsvm", "a9a.gz")
    source = shardlearn.read(str(held("a9a_libsvm", "a9a.gz")), format="svmlight")
    model = LogisticRegression().fit(source, "target")
    assert shardlearn.fingerprint(model) == shardlearn.fingerprint(LogisticRegression().fit(X, y))


def test_kddcup_uneven_scales() -> None:
    """Columns from 0/1 to 7e8, two of them constant, seven rows in ten duplicates."""
    X, y = kddcup()
    model = LogisticRegression(tol=1e-6, max_iter=1_000, C=1e-3).fit(X, y)
    scaled = objective(X, onehot(y), model.coef_, model.intercept_, C=1e-3)
    scale = X.std(axis=0)
    scale[scale == 0] = 1.0
    other = sk.LogisticRegression(C=1e-3, max_iter=200).fit(X / scale, y)
    unscaled = objective(X, onehot(y), other.coef_ / scale, other.intercept_, C=1e-3)
    assert scaled <= unscaled * (1 + 1e-9)
    assert model.score(X, y) > 0.98
    target = X[:, 4] > 0
    least = LinearRegression(tol=1e-15).fit(X, target)  # the default cuts directions 1e-6 of the largest: not here
    theirs = sk.LinearRegression(tol=1e-15).fit((X - X.mean(axis=0)) / scale, target)
    np.testing.assert_allclose(least.predict(X), theirs.predict((X - X.mean(axis=0)) / scale), atol=1e-6)
    cut, theirs = LinearRegression().fit(X, target), sk.LinearRegression().fit(X, target)
    kept = cut.rank_
    assert kept == theirs.rank_
    # The kept directions turn by at most u p s_1^2 / (s_k^2 - s_k+1^2) in a Gram matrix (Davis & Kahan 1970).
    s = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) / np.linalg.norm(X - X.mean(axis=0), 2)
    turned = 2.0**-53 * X.shape[1] / (s[kept - 1] ** 2 - s[kept] ** 2)
    assert turned < 0.01  # without a cut predictions differ by up to 0.13
    np.testing.assert_allclose(cut.predict(X), theirs.predict(X), atol=turned)
