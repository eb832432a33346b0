"""k-means on Ray: the fingerprint and labels of threads, for any number of workers, whatever holds the rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.base import clone
from tests.cluster.test_bits import CASES, NARROW, WEIGHT, bits
from tests.cluster.test_files import MODELS
from tests.linear_model.test_bits import layouts

import shardlearn
from shardlearn.cluster import KMeans, MiniBatchKMeans
from shardlearn.metrics import silhouette_samples


@pytest.fixture(autouse=True)
def _cluster(ray_cluster: None) -> None:
    """There is one."""


@pytest.mark.parametrize("name", CASES)
def test_every_case(name: str) -> None:
    model, X, weight = CASES[name]
    with shardlearn.engine("threads", workers=2):
        wanted = bits(model, X, weight)
    for workers in (1, 2, 3) if name in ("f32, weights", "sparse") else (2,):
        with shardlearn.engine("ray", address="local", workers=workers):
            assert bits(model, X, weight) == wanted, f"{workers} workers"
            assert model.report_.engine == "ray"


def test_whatever_holds_the_rows(tmp_path: Path) -> None:
    model, X = KMeans(6, random_state=2, max_iter=5), NARROW[:60_000]
    names = [f"x{j}" for j in range(17)]
    data = pa.table({**dict(zip(names, X.T, strict=True)), "w": WEIGHT[:60_000]})
    wanted = shardlearn.fingerprint(model.fit(X, sample_weight=WEIGHT[:60_000]))
    for name, held in layouts(data, tmp_path):
        with shardlearn.engine("ray", address="local", workers=3):
            assert shardlearn.fingerprint(model.fit(held, sample_weight="w")) == wanted, name


@pytest.mark.parametrize("name", ["k-means", "cosine", "bisecting", "batches"])
def test_what_a_model_answers(name: str, tmp_path: Path) -> None:
    """Labels, distances and scores of files, and batches that are learned from: those of threads."""
    model, X, path = MODELS[name], NARROW[:40_000], str(tmp_path / "rows.parquet")
    pq.write_table(pa.table({f"x{j}": column for j, column in enumerate(X.T)}), path, row_group_size=6_000)
    learning = MiniBatchKMeans(5, random_state=3)
    with shardlearn.engine("threads", workers=2):
        wanted = shardlearn.fingerprint(model.fit(X)), model.predict(X).tobytes(), model.score(X)
        distances = model.transform(X).tobytes()
        learned = shardlearn.fingerprint(learning.partial_fit(X[:9_000]).partial_fit(X[9_000:20_000]))
    with shardlearn.engine("ray", address="local", workers=3):
        found = shardlearn.fingerprint(model.fit(path)), model.predict(path).to_numpy().tobytes(), model.score(path)
        assert found == wanted
        assert model.transform(path).to_numpy().tobytes() == distances
        again = clone(learning).partial_fit(X[:9_000]).partial_fit(X[9_000:20_000])
        assert shardlearn.fingerprint(again) == learned


def test_silhouettes(tmp_path: Path) -> None:
    model = KMeans(6, random_state=2, max_iter=5).fit(NARROW[:60_000])
    wanted = silhouette_samples(NARROW[:60_000], model, sample_size=70)
    path = str(tmp_path / "rows.parquet")
    table = pa.table({f"x{j}": column for j, column in enumerate(NARROW[:60_000].T)})
    pq.write_table(table.append_column("cluster", pa.array(model.labels_)), path)
    for workers in (1, 3):
        with shardlearn.engine("ray", address="local", workers=workers):
            found = silhouette_samples(path, "cluster", sample_size=70)
        assert found.value.tobytes() == wanted.value.tobytes()
        assert found.row.tolist() == wanted.row.tolist()
