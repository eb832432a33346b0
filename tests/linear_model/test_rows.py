"""Law 11: a row is answered alone as among others, bit for bit, by every method, engine and size of batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from tests.linear_model.problems import classification, regression

import shardlearn
from shardlearn.linear_model import LinearRegression, LogisticRegression, Ridge

METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function"]
rng = np.random.default_rng(0)


def fitted(kind: str, p: int) -> tuple[Any, list[str]]:
    if kind == "numbers":
        data = regression(p=p)
        return LinearRegression().fit(data.X, data.y), ["predict"]
    if kind == "several numbers":
        data = regression(p=p, targets=3)
        return Ridge().fit(data.X, data.y), ["predict"]
    data = classification(p=p, classes=2 if kind == "two classes" else 5)
    return LogisticRegression().fit(data.X, data.y), METHODS


@pytest.mark.parametrize("form", ["f64", "f32", "csr", "fortran"])
@pytest.mark.parametrize("p", [1, 17, 120])
@pytest.mark.parametrize("kind", ["numbers", "several numbers", "two classes", "five classes"])
def test_alone_as_among_others(kind: str, p: int, form: str) -> None:
    model, methods = fitted(kind, p)
    X: Any = rng.normal(size=(1_000, p)) * np.geomspace(1e-8, 1e8, 1_000)[:, None]
    X[rng.uniform(size=X.shape) < 0.3] = 0.0
    X = {"f64": X, "f32": X.astype(np.float32), "csr": sparse.csr_array(X), "fortran": np.asfortranarray(X)}[form]
    for method in methods:
        answer = getattr(model, method)
        together = answer(X)
        for i in (0, 7, 255, 256, 999):
            np.testing.assert_array_equal(answer(X[i : i + 1])[0], together[i], err_msg=method)
        for size in (64, 333):
            parts = np.concatenate([answer(X[i : i + size]) for i in range(0, 1_000, size)])
            np.testing.assert_array_equal(parts, together, err_msg=method)


@pytest.mark.parametrize("engine", ["serial", "threads:1", "threads:3"])
def test_every_engine(engine: str) -> None:
    X = np.random.default_rng(1).normal(size=(120_000, 17))
    for kind in ("several numbers", "five classes"):
        model, methods = fitted(kind, 17)
        for method in methods:
            wanted = np.concatenate([getattr(model, method)(part) for part in np.array_split(X[:5_000], 7)])
            with shardlearn.engine(engine):
                np.testing.assert_array_equal(getattr(model, method)(X)[:5_000], wanted)


def test_dense_rows_as_sparse_ones_to_rounding() -> None:
    model, _ = fitted("two classes", 17)
    X = rng.normal(size=(50, 17))
    np.testing.assert_allclose(model.predict_proba(sparse.csr_array(X)), model.predict_proba(X), rtol=1e-12)
