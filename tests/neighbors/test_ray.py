"""Neighbours on Ray: those of threads, whatever holds the rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.neighbors.brute import data

import shardlearn
from shardlearn.neighbors import KNeighborsClassifier


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
    wanted, labels = held.kneighbors(queries, 20), held.predict(queries)
    for workers in (1, 3):
        with shardlearn.engine("ray", address="local", workers=workers):
            for model in (held, named):
                got = model.kneighbors(queries, 20)
                np.testing.assert_array_equal(got[1], wanted[1])
                np.testing.assert_array_equal(got[0], wanted[0])
                np.testing.assert_array_equal(model.predict(queries), labels)
