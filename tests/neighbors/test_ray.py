"""Neighbours on Ray: those of threads, whatever holds the rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.neighbors.brute import data

import shardlearn
from shardlearn.neighbors import KNeighborsClassifier, RadiusNeighborsClassifier


@pytest.fixture(autouse=True)
def _cluster(ray_cluster: None) -> None:
    """There is one."""


def test_the_same_neighbours(tmp_path: Path) -> None:
    X, Q = data("grid", 20_000, 64, 600)
    frame = pd.DataFrame(X).add_prefix("x").assign(y=np.where(np.arange(len(X)) % 3, "a", "b"))
    for i, part in enumerate(np.array_split(np.arange(len(frame)), 5)):
        frame.iloc[part].to_parquet(tmp_path / f"{i}.parquet")
    queries = pd.DataFrame(Q).add_prefix("x")
    held = KNeighborsClassifier().fit(frame.drop(columns="y"), frame["y"].to_numpy().astype(str))
    named = KNeighborsClassifier().fit(str(tmp_path / "*.parquet"), "y")
    told = {"radius": 9.5, "weights": "distance", "outlier_label": "c"}
    near_held = RadiusNeighborsClassifier(**told).fit(frame.drop(columns="y"), frame["y"].to_numpy().astype(str))
    near_named = RadiusNeighborsClassifier(**told).fit(str(tmp_path / "*.parquet"), "y")
    inside, shares = (
        near_held.radius_neighbors(queries),
        near_held.predict_proba(queries[near_held.predict(queries) < "c"]),
    )
    wanted, labels = held.kneighbors(queries, 20), held.predict(queries)
    for workers in (1, 3):
        with shardlearn.engine("ray", address="local", workers=workers):
            for model in (held, named):
                got = model.kneighbors(queries, 20)
                np.testing.assert_array_equal(got[1], wanted[1])
                np.testing.assert_array_equal(got[0], wanted[0])
                np.testing.assert_array_equal(model.predict(queries), labels)
            for near in (near_held, near_named):
                for found, there in zip(near.radius_neighbors(queries), inside, strict=True):
                    for one, other in zip(found, there, strict=True):
                        np.testing.assert_array_equal(one, other)
                np.testing.assert_array_equal(near.predict_proba(queries[near.predict(queries) < "c"]), shares)
