"""One fingerprint for each model: whoever computes it, and whatever holds the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from scipy import sparse
from tests.engines.subprocess_pool import SubprocessPool, subprocess_engine
from tests.linear_model.test_bits import layouts, tall

import shardlearn
from shardlearn import engines
from shardlearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans
from shardlearn.data import lay_out
from shardlearn.solvers.lloyd import Lloyd

rng = np.random.default_rng(0)
NARROW = tall(85_000, 17) + 300.0 * rng.integers(0, 3, (85_000, 17))
WEIGHT = rng.uniform(0.0, 2.0, 85_000)
WIDE = (30.0 * NARROW[:30_000, :6] @ rng.normal(size=(6, 80)) + rng.normal(size=(30_000, 80))).astype(np.float32)
CASES: dict[str, tuple[Any, Any, Any]] = {
    "f64": (KMeans(12, random_state=1, max_iter=8), NARROW, None),
    "f32, weights": (KMeans(12, random_state=1, max_iter=8), NARROW.astype(np.float32), WEIGHT),
    "centres ruled out along few directions": (KMeans(64, random_state=1, max_iter=6), WIDE, None),
    "one by one": (KMeans(5, init="k-means++", random_state=1, max_iter=8), NARROW, None),
    "restarts": (KMeans(5, init="random", n_init=3, random_state=1, max_iter=8), NARROW, None),
    "cosine": (KMeans(12, random_state=1, max_iter=8, metric="cosine"), NARROW - 300.0, WEIGHT),
    "cosine, f32": (KMeans(12, random_state=1, max_iter=8, metric="cosine"), (NARROW - 300.0).astype(np.float32), None),
    "cosine, sparse": (
        KMeans(5, random_state=1, max_iter=8, metric="cosine"),
        sparse.csr_array(np.where(NARROW > 310, NARROW, 0)),
        WEIGHT,
    ),
    "sparse": (KMeans(5, random_state=1, max_iter=8), sparse.csr_array(np.where(NARROW > 310, NARROW, 0)), WEIGHT),
    "halves": (BisectingKMeans(9, random_state=1, max_iter=4), NARROW, None),
    "halves, f32, weights": (
        BisectingKMeans(6, init="k-means++", n_init=2, random_state=1, max_iter=4),
        NARROW.astype(np.float32),
        WEIGHT,
    ),
    "halves, sparse": (
        BisectingKMeans(5, bisecting_strategy="largest_cluster", random_state=1, max_iter=4),
        sparse.csr_array(np.where(NARROW > 310, NARROW, 0)),
        None,
    ),
    "batches": (MiniBatchKMeans(12, random_state=1), NARROW, None),
    "batches, f32, weights": (
        MiniBatchKMeans(12, init="random", tol=1e-3, batch_size=5000, random_state=1),
        NARROW.astype(np.float32),
        WEIGHT,
    ),
    "batches, sparse": (
        MiniBatchKMeans(5, reassignment_ratio=0.3, random_state=1),
        sparse.csr_array(np.where(NARROW > 310, NARROW, 0)),
        None,
    ),
}


def bits(model: Any, X: Any, weight: Any) -> tuple[str, bytes]:
    model.fit(X, sample_weight=weight)
    return shardlearn.fingerprint(model), model.labels_.tobytes()


@pytest.mark.parametrize("name", CASES)
def test_any_number_of_threads(name: str) -> None:
    model, X, weight = CASES[name]
    assert len(lay_out(X).grid.blocks) >= 3
    with shardlearn.engine("serial"):
        wanted = bits(model, X, weight)
        distances = model.transform(X[:100])
    for workers in (1, 2, 3, 7):
        with shardlearn.engine("threads", workers=workers):
            assert bits(model, X, weight) == wanted, f"{workers} threads"
    for i in (0, 7, 99):
        np.testing.assert_array_equal(model.predict(X[i : i + 1])[0], model.labels_[i])
        np.testing.assert_array_equal(model.transform(X[i : i + 1])[0], distances[i])


@pytest.mark.parametrize(
    ("dtype", "metric"), [(np.float64, "euclidean"), (np.float32, "euclidean"), (np.float64, "cosine")]
)
def test_whatever_holds_the_rows(dtype: Any, metric: str, tmp_path: Path) -> None:
    names, model = [f"x{j}" for j in range(17)], KMeans(6, random_state=2, max_iter=5, metric=metric)
    X = NARROW[:60_000].astype(dtype)
    data = pa.table({**dict(zip(names, X.T, strict=True)), "w": WEIGHT[:60_000]})
    wanted = shardlearn.fingerprint(model.fit(X, sample_weight=WEIGHT[:60_000]))
    for name, held in layouts(data, tmp_path):
        assert shardlearn.fingerprint(model.fit(held, sample_weight="w")) == wanted, name


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_little_memory(metric: str, tmp_path: Path) -> None:
    """Where neither rows nor labels can be kept, they are read and found again."""
    names = [f"x{j}" for j in range(17)]
    pyarrow.parquet.write_table(pa.table(dict(zip(names, NARROW.T, strict=True))), tmp_path / "x.parquet")
    model = KMeans(6, random_state=2, max_iter=5, metric=metric)
    wanted = shardlearn.fingerprint(model.fit(NARROW))
    with shardlearn.engine("threads", workers=1, memory="45MB"):
        assert shardlearn.fingerprint(model.fit(tmp_path / "x.parquet")) == wanted


def test_processes_one_of_which_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = [f"x{j}" for j in range(17)]
    table = pa.table(dict(zip(names, NARROW.T, strict=True)))
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet", row_group_size=900)
    model, path = KMeans(6, random_state=2, max_iter=4), str(tmp_path / "x.parquet")
    wanted = shardlearn.fingerprint(model.fit(path))
    with SubprocessPool(2) as children:
        engine = subprocess_engine(children)
        monkeypatch.setattr(engines, "current", lambda: engine)
        children.kill_on = {(3, 0, 1), (8, 0, 1)}
        assert shardlearn.fingerprint(model.fit(path)) == wanted


def test_the_fit_of_a_file_is_called_again(tmp_path: Path) -> None:
    names = [f"x{j}" for j in range(17)]
    table = pa.table({**dict(zip(names, NARROW.T, strict=True)), "w": WEIGHT, "kind": WEIGHT > 1})
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet")
    with shardlearn.checkpoint(tmp_path / "run", every=0):
        model = KMeans(5, random_state=None, max_iter=4).fit(tmp_path / "x.parquet", y="kind", sample_weight="w")
    again = shardlearn.resume(tmp_path / "run")
    assert again.seed_ == model.seed_
    assert shardlearn.fingerprint(again) == shardlearn.fingerprint(model)


class StopError(Exception):
    """In the middle of a fit."""


@pytest.mark.parametrize("name", ["f64", "cosine", "cosine, sparse", "sparse"])
def test_a_fit_that_goes_on(name: str, tmp_path: Path) -> None:
    """Stopped in the middle by an error, called again."""
    model, X, weight = CASES[name]
    wanted, passes = bits(model, X, weight), model.report_.passes

    told = Lloyd.tell

    def tell(self: Any, problem: Any, state: Any, answer: Any) -> Any:
        if state.iterations == 3:
            raise StopError
        return told(self, problem, state, answer)

    with pytest.MonkeyPatch.context() as patch, shardlearn.checkpoint(tmp_path / "run", every=0):
        patch.setattr(Lloyd, "tell", tell)
        with pytest.raises(StopError):
            model.fit(X, sample_weight=weight)
    again = KMeans(**model.get_params())
    with shardlearn.checkpoint(tmp_path / "run", every=0):
        assert bits(again, X, weight) == wanted
    assert again.report_.passes < passes
