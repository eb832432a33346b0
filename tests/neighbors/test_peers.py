"""scikit-learn's estimator of a fitted one: every metric and algorithm, names, sparse rows; or why there is none."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from tests.neighbors.brute import data

from shardlearn import ParameterError
from shardlearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestNeighbors,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)
from shardlearn.neighbors._face import ALIASES
from shardlearn.statistics.distances import METRICS

ALGORITHMS = ["auto", "ball_tree", "kd_tree", "brute"]
TOLD: list[dict[str, Any]] = [
    *({"metric": metric} for metric in sorted({*METRICS, *ALIASES} - {"minkowski", "inner_product"})),
    *({"p": p} for p in (None, 1, 2, 2.5, 3, np.inf)),
]
SPARSE = {"cosine", "euclidean", "l2", "manhattan", "l1", "cityblock"}
MODELS: list[Any] = [
    NearestNeighbors(),
    KNeighborsClassifier(),
    KNeighborsRegressor(),
    RadiusNeighborsClassifier(),
    RadiusNeighborsRegressor(),
]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("told", TOLD, ids=str)
def test_dense_rows_of_every_metric_and_algorithm(told: dict[str, Any], algorithm: str) -> None:
    X, Q = (0.3 * rows for rows in data("normal", 150, 2, 20))
    X = np.rint(X) if told.get("metric") == "hamming" else X
    model = NearestNeighbors(n_neighbors=7, algorithm=algorithm, **told).fit(X)
    peer = model.to_sklearn()
    distance, _ = peer.kneighbors(Q)
    np.testing.assert_allclose(model.kneighbors(Q)[0], distance, atol=1e-12)
    assert type(peer).__module__.startswith("sklearn.")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("told", [*TOLD, {"metric": "inner_product"}], ids=str)
def test_sparse_rows_of_every_metric_and_algorithm(told: dict[str, Any], algorithm: str) -> None:
    X, Q = data("grid", 120, 2, 20)
    X[:, 1] += 0.25
    model = NearestNeighbors(n_neighbors=7, algorithm=algorithm, **told).fit(sp.csr_array(X))
    if told.get("metric") in SPARSE or told.get("p", 0) in (None, 1, 2):
        peer = model.to_sklearn()
        np.testing.assert_allclose(model.kneighbors(Q)[0], peer.kneighbors(sp.csr_array(Q))[0], atol=1e-7)
        return
    why = "no such metric" if told.get("metric") == "inner_product" else "no such distance of sparse rows"
    with pytest.raises(ParameterError, match=f"scikit-learn has {why}") as caught:
        model.to_sklearn()
    assert caught.value.code == "SL1002"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_names_go_along(model: Any) -> None:
    X, _ = data("normal", 60, 3, 1)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    peer = model.fit(frame, np.arange(60) % 2).to_sklearn()
    assert peer.feature_names_in_.tolist() == ["a", "b", "c"]
    assert peer.feature_names_in_ is not model.feature_names_in_
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        peer.kneighbors_graph(frame) if hasattr(peer, "kneighbors_graph") else peer.radius_neighbors_graph(frame)
        with pytest.raises(UserWarning, match="does not have valid feature names"):
            peer.kneighbors(X) if hasattr(peer, "kneighbors") else peer.radius_neighbors(X)
    assert not hasattr(model.fit(X, np.arange(60) % 2).to_sklearn(), "feature_names_in_")


@pytest.mark.parametrize("model", MODELS[1:], ids=lambda model: type(model).__name__)
def test_predictions_of_sparse_rows(model: Any) -> None:
    X, Q = (np.where(rows > -0.5, rows, 0) for rows in data("normal", 120, 3, 20))
    model.set_params(**({"radius": 3.0} if "radius" in model.get_params() else {}), algorithm="kd_tree", p=None)
    peer = model.fit(sp.csr_array(X), np.arange(120) % 2).to_sklearn()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(model.predict(Q), peer.predict(sp.csr_array(Q)), atol=1e-6)
    model.set_params(algorithm="auto", p=2)
