"""A saved model whose attributes don't fit together is not loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.neighbors.brute import data

import shardlearn
from shardlearn import StorageError
from shardlearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestNeighbors,
    RadiusNeighborsClassifier,
)

X, _ = data("normal", 50, 3, 1)
FRAME = pd.DataFrame(X, columns=list("abc"))
Y = np.arange(50) % 3


def refused(model: Any, name: str, folder: Path) -> None:
    shardlearn.save(model, folder / "m")
    with pytest.raises(StorageError, match="The saved file is damaged") as caught:
        shardlearn.load(folder / "m")
    assert caught.value.code == "SL5108"
    assert f"{name} is no attribute of a fitted {type(model).__name__}" in caught.value.found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("effective_metric_", "nearly"),
        ("effective_metric_", 2),
        ("effective_metric_", None),
        ("row_ids_", np.arange(50) - 1),
        ("row_ids_", np.arange(49)),
        ("feature_names_in_", np.array(["a", "b"], object)),
        ("targets_", Y[:-1]),
    ],
)
def test_of_rows_that_are_held(name: str, value: Any, tmp_path: Path) -> None:
    model = KNeighborsClassifier().fit(FRAME, Y)
    setattr(model, name, value)
    refused(model, name, tmp_path)


@pytest.mark.parametrize("label", ["x", True, np.arange(3)])
def test_an_outlier_label_of_another_kind(label: Any, tmp_path: Path) -> None:
    model = RadiusNeighborsClassifier(outlier_label=7).fit(X, Y)
    model.outlier_label_ = label
    refused(model, "outlier_label_", tmp_path)


@pytest.mark.parametrize(
    ("y", "label"),
    [
        (Y, 7),
        (Y.astype(float), 7.0),
        (Y > 0, True),
        (Y.astype(str), "?"),
        (pd.Series(Y.astype(str), dtype=object), "?"),
    ],
)
def test_outlier_labels_of_every_kind_of_classes(y: Any, label: Any, tmp_path: Path) -> None:
    model = RadiusNeighborsClassifier(outlier_label=label).fit(X, y)
    shardlearn.save(model, tmp_path / "m")
    assert shardlearn.load(tmp_path / "m").outlier_label_ == label
    model.outlier_label_ = np.arange(2)
    refused(model, "outlier_label_", tmp_path / "other")


@pytest.fixture
def path(tmp_path: Path) -> str:
    FRAME.assign(y=Y).to_parquet(tmp_path / "rows.parquet")
    return str(tmp_path / "rows.parquet")


def told(model: Any, **changes: Any) -> None:
    """Another text for what the model refers to."""
    was = json.loads(model.base_)
    reading = {name: changes.pop(name) for name in list(changes) if name in was["reading"]}
    model.base_ = json.dumps(was | changes | {"reading": was["reading"] | reading}, sort_keys=True)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"rows": 51}, "n_samples_fit_"),
        ({"rows": 49}, "n_samples_fit_"),
        ({"rows": 49, "missing": "drop"}, "n_samples_fit_"),
        ({"rows": -1}, "n_samples_fit_"),
        ({"rows": True}, "base_"),
        ({"rows": 50.0}, "base_"),
        ({"paths": []}, "base_"),
        ({"paths": [7]}, "base_"),
        ({"paths": "rows.parquet"}, "base_"),
        ({"y": 7}, "base_"),
        ({"more": 7}, "base_"),
        ({"columns": "a"}, "base_"),
        ({"drop_columns": None}, "base_"),
        ({"format": "pickle"}, "base_"),
        ({"dtype": "int8"}, "base_"),
        ({"missing": "maybe"}, "base_"),
        ({"n_features": 0}, "base_"),
        ({"zero_based": 1}, "base_"),
        ({"y": None}, "targets_"),
    ],
    ids=str,
)
def test_of_rows_that_are_referred_to(changes: dict[str, Any], wrong: str, path: str, tmp_path: Path) -> None:
    for model in (KNeighborsClassifier().fit(path, "y"), KNeighborsRegressor().fit(path, "y")):
        told(model, **changes)
        refused(model, wrong, tmp_path / type(model).__name__)


def test_a_target_beside_rows_that_are_referred_to(path: str, tmp_path: Path) -> None:
    rows = shardlearn.read(path, drop_columns=["y"])
    for i, targets in enumerate((Y[:-1], "y")):
        model = KNeighborsClassifier().fit(rows, Y)
        model.targets_ = targets
        refused(model, "targets_", tmp_path / f"{i}")
    model = NearestNeighbors().fit(path, "y")
    told(model, y=None)  # the column is a feature then, which is seen when rows are read
    shardlearn.save(model, tmp_path / "m")
    assert shardlearn.load(tmp_path / "m").n_features_in_ == 3


def test_rows_that_were_left_out_are_no_damage(tmp_path: Path) -> None:
    FRAME.assign(y=Y, a=np.where(Y == 0, np.nan, X[:, 0])).to_parquet(tmp_path / "rows.parquet")
    rows = shardlearn.read(str(tmp_path / "rows.parquet"), missing="drop")
    model = KNeighborsClassifier().fit(rows, "y")
    shardlearn.save(model, tmp_path / "m")
    assert shardlearn.load(tmp_path / "m").n_samples_fit_ == 33
    told(model, missing="error")
    refused(model, "n_samples_fit_", tmp_path / "other")
