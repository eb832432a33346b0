"""Neighbours on Ray: those of threads, whatever holds the rows and whatever is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.datasets import dump_svmlight_file
from tests.neighbors.brute import data

import shardlearn
from shardlearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestNeighbors,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)


@pytest.fixture(autouse=True)
def _cluster(ray_cluster: None) -> None:
    """There is one."""


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same rows in memory and in five files; of several blocks, dense and sparse."""
    X, Q = data("grid", 20_000, 64, 600)
    top = tmp_path_factory.mktemp("rows")
    frame = pd.DataFrame(X).add_prefix("x").assign(y=np.where(np.arange(len(X)) % 3, "a", "b"))
    numbers = frame.assign(y=np.arange(len(X)) % 7 + 0.5)
    parts = np.array_split(np.arange(len(frame)), 5)
    for name, table in (("classes", frame), ("numbers", numbers)):
        (top / name).mkdir()
        for i, part in enumerate(parts):
            table.iloc[part].to_parquet(top / name / f"{i}.parquet")
    sparse, few = data("grid", 2_500, 600, 20)
    sparse[0, -1] = 1.0
    for i, part in enumerate(np.array_split(np.arange(2_500), 5)):
        dump_svmlight_file(sparse[part], part % 3, str(top / f"{i}.svm"), zero_based=False)
    features = frame.drop(columns="y")
    return {
        "classes": [(features, frame["y"].to_numpy().astype(str)), (str(top / "classes" / "*.parquet"), "y")],
        "numbers": [(features, numbers["y"].to_numpy()), (str(top / "numbers" / "*.parquet"), "y")],
        "none": [(features, None), (str(top / "classes" / "*.parquet"), "y")],
        "sparse": [(sp.csr_array(sparse), None), (str(top / "*.svm"), None)],
        "Q": pd.DataFrame(Q).add_prefix("x"),
        "few": sp.csr_array(few),
    }


Asks = Callable[[Any, dict[str, Any]], Any]
NEAR = {"radius": 9.5, "weights": "distance"}
CASES: dict[str, tuple[str, Any, list[Asks]]] = {
    "classes": (
        "classes",
        KNeighborsClassifier(),
        [
            lambda model, rows: model.kneighbors(rows["Q"], 20),
            lambda model, rows: model.predict(rows["Q"]),
            lambda model, rows: model.score(rows["Q"], np.resize(["a", "b"], 600)),
        ],
    ),
    "classes in a radius": (
        "classes",
        RadiusNeighborsClassifier(**NEAR, outlier_label="c"),
        [
            lambda model, rows: model.radius_neighbors(rows["Q"]),
            lambda model, rows: model.predict_proba(rows["Q"][model.predict(rows["Q"]) < "c"]),
        ],
    ),
    "numbers": (
        "numbers",
        KNeighborsRegressor(weights="distance", metric="manhattan"),
        [
            lambda model, rows: model.predict(rows["Q"]),
            lambda model, rows: model.score(rows["Q"], np.arange(600.0)),
        ],
    ),
    "numbers in a radius": (
        "numbers",
        RadiusNeighborsRegressor(radius=11.5),
        [lambda model, rows: model.predict(rows["Q"][:99])],
    ),
    "neighbours": (
        "none",
        NearestNeighbors(n_neighbors=9, metric="cosine"),
        [lambda model, rows: model.kneighbors(rows["Q"]), lambda model, rows: model.kneighbors_graph(rows["Q"]).data],
    ),
    "sparse rows": ("sparse", NearestNeighbors(n_neighbors=9), [lambda model, rows: model.kneighbors(rows["few"])]),
}


@pytest.mark.filterwarnings("ignore:One or more samples have no neighbors")
@pytest.mark.parametrize("case", CASES)
def test_the_same_neighbours(rows: dict[str, Any], case: str) -> None:
    kind, model, asks = CASES[case]
    (held, y), (path, column) = rows[kind]
    wanted = [ask(model.fit(held, y), rows) for ask in asks]
    for workers in (1, 3):
        with shardlearn.engine("ray", address="local", workers=workers):
            for base, target in ((held, y), (path, column)):
                model.fit(base, target)
                for ask, known in zip(asks, wanted, strict=True):
                    equal(ask(model, rows), known)


def equal(found: Any, wanted: Any) -> None:
    """Arrays, arrays of arrays, and tuples of these."""
    assert type(found) is type(wanted)
    if isinstance(found, tuple) or (isinstance(found, np.ndarray) and found.dtype == object):
        for one, other in zip(found, wanted, strict=True):
            equal(one, other)
    else:
        np.testing.assert_array_equal(found, wanted)
