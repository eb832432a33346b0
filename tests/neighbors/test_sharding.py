"""Every metric: the same bits for any workers and files, dense and sparse; and how often rows are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn import neighbors as sk
from sklearn.datasets import dump_svmlight_file
from tests.neighbors.brute import data, keys, nearest
from tests.neighbors.test_exact import scaled, written

import shardlearn
from shardlearn.core.events import Event, PassStarted
from shardlearn.neighbors import (
    KNeighborsClassifier,
    NearestNeighbors,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
    _search,
)

METRICS = ["cosine", "inner_product", "manhattan", "chebyshev", "minkowski", "hamming"]
Found = tuple[Any, Any]  # distances and ids


def brute(metric: str, X: Any, Q: Any, k: int, power: float = 3.0) -> Found:
    """By the definition."""
    if metric == "cosine":
        key, ids = nearest(keys("euclidean", scaled(X), scaled(Q)), k)
        return 0.5 * key, ids
    key, ids = nearest(keys(metric, X, Q, power), k)
    match metric:
        case "euclidean":
            return np.sqrt(key), ids
        case "hamming":
            return key / X.shape[1], ids
        case "minkowski":
            return key ** (1 / power), ids
    return key, ids


def equal(found: Found, wanted: Found, metric: str = "") -> None:
    np.testing.assert_array_equal(found[1], wanted[1])
    if metric == "minkowski":  # the definition's root is NumPy's
        np.testing.assert_allclose(found[0], wanted[0], rtol=2e-14)
    else:
        np.testing.assert_array_equal(found[0], wanted[0])


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same rows as an array, in one file and in five; of three blocks."""
    X, Q = data("grid", 17_000, 64, 6)
    y, top = np.arange(len(X)) % 3, tmp_path_factory.mktemp("rows")
    frame = pd.DataFrame(X).add_prefix("x")
    layouts = [(frame, y), (written(top / "one", X, y, 1), "y"), (written(top / "five", X, y, 5), "y")]
    return {"X": X, "Q": Q, "queries": pd.DataFrame(Q).add_prefix("x"), "layouts": layouts}


@pytest.mark.parametrize("metric", METRICS)
def test_any_workers_and_files(dense: dict[str, Any], metric: str) -> None:
    wanted = brute(metric, dense["X"], dense["Q"], 12)
    first: Found | None = None
    for X, y in dense["layouts"]:
        model = KNeighborsClassifier(n_neighbors=12, metric=metric, p=3).fit(X, y)
        for workers in (1, 2, 3):
            with shardlearn.engine("threads", workers=workers):
                found = model.kneighbors(dense["queries"])
            first = first or found
            equal(found, wanted, metric)
            equal(found, first)


@pytest.fixture(scope="module")
def sparse(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same sparse rows in memory, in one file and in five; of five blocks."""
    X, Q = data("grid", 2_500, 600, 6)
    X[0, -1] = 1.0  # so that the files have all columns
    top = tmp_path_factory.mktemp("svmlight")
    for name, files in (("one", 1), ("five", 5)):
        (top / name).mkdir()
        for i, rows in enumerate(np.array_split(np.arange(len(X)), files)):
            dump_svmlight_file(X[rows], rows % 3, str(top / name / f"{i}.svm"), zero_based=False)
    read = [shardlearn.read(str(top / name / "*.svm"), n_features=600) for name in ("one", "five")]
    return {"X": X, "Q": Q, "layouts": [sp.csr_array(X), *read]}


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_any_workers_and_files_of_sparse_rows(sparse: dict[str, Any], metric: str) -> None:
    wanted = brute(metric, sparse["X"], sparse["Q"], 12)
    for rows in sparse["layouts"]:
        model = NearestNeighbors(n_neighbors=12, metric=metric).fit(rows)
        for workers in (1, 2, 3):
            with shardlearn.engine("threads", workers=workers):
                equal(model.kneighbors(sp.csr_array(sparse["Q"])), wanted)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", *METRICS])
def test_sparse_or_dense_rows_and_queries(metric: str, dtype: type) -> None:
    X, Q = data("grid", 300, 20, 40, dtype)
    X[np.abs(X) > 1], Q[np.abs(Q) > 1] = 0.0, 0.0
    X, Q = X + np.eye(300, 20, dtype=dtype), Q + np.eye(40, 20, dtype=dtype)  # for cosines no row is all zeros
    X[20:, 0], Q[20:, 0] = 0.25, 0.75
    wanted = brute(metric, X, Q, 25)
    model = NearestNeighbors(n_neighbors=25, metric=metric, p=3)
    for rows, queries in ((sp.csr_array(X), sp.csr_array(Q)), (sp.csr_array(X), Q), (X, sp.csr_array(Q))):
        equal(model.fit(rows).kneighbors(queries), wanted, metric)


def test_sparse_places_on_a_sphere() -> None:
    X, Q = data("grid", 200, 2, 30)
    wanted = NearestNeighbors(n_neighbors=9, metric="haversine").fit(X).kneighbors(Q)
    for rows, queries in ((sp.csr_array(X), sp.csr_array(Q)), (sp.csr_array(X), Q), (X, sp.csr_array(Q))):
        equal(NearestNeighbors(n_neighbors=9, metric="haversine").fit(rows).kneighbors(queries), wanted)


@pytest.mark.parametrize("power", [1.5, 2.5, 7.25])
def test_powers_that_are_not_whole_agree_with_scikit_learn(power: float) -> None:
    X, Q = data("normal", 500, 6, 60)
    distance, ids = NearestNeighbors(n_neighbors=20, p=power).fit(X).kneighbors(Q)
    theirs, wanted = sk.NearestNeighbors(n_neighbors=20, p=power).fit(X).kneighbors(Q)
    np.testing.assert_array_equal(ids, wanted)
    np.testing.assert_allclose(distance, theirs, rtol=1e-12)


# -- how often rows are read -------------------------------------------------------------------------------------------


class Watched:
    """Passes over a base that streams, and how many queries a batch is said to hold."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int | None = None) -> None:
        self.passes, self.batch = 0, 0
        monkeypatch.setattr(_search, "ignore", self._event)
        monkeypatch.setattr(_search, "batch", self._batch(_search.batch, most))

    def _event(self, event: Event) -> None:
        self.passes += isinstance(event, PassStarted)

    def _batch(self, size: Callable[..., int], most: int | None) -> Callable[..., int]:
        def batch(*asked: Any) -> int:
            self.batch = size(*asked) if most is None else most
            return self.batch

        return batch


def queries(dense: dict[str, Any], n: int) -> Any:
    """The queries again and again: of several blocks."""
    return pd.DataFrame(np.tile(dense["Q"], (n // 6 + 1, 1))[:n]).add_prefix("x")


@pytest.mark.parametrize("most", [None, 1_500, 8_192, 30_000])
def test_one_pass_for_each_batch(dense: dict[str, Any], monkeypatch: pytest.MonkeyPatch, most: int | None) -> None:
    model, n = KNeighborsClassifier(n_neighbors=3).fit(dense["layouts"][1][0], "y"), 10_000
    wanted = brute("euclidean", dense["X"], dense["Q"], 3)
    watched = Watched(monkeypatch, most)
    with shardlearn.engine("threads", workers=2, memory="150MB"):
        found = model.kneighbors(queries(dense, n))
    assert watched.passes == -(-n // watched.batch)
    if most is None:
        assert 1 < watched.passes < 20
    equal((found[0][:6], found[1][:6]), wanted)
    equal((found[0][-4:], found[1][-4:]), tuple(np.tile(one, (n // 6 + 1, 1))[:n][-4:] for one in wanted))


def test_a_score_reads_rows_as_often(dense: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """And is that of one batch: pieces are put together to whole blocks again."""
    path, n = dense["layouts"][1][0], 10_000
    model = KNeighborsClassifier(n_neighbors=3).fit(path, "y")
    labels = np.arange(n) % 3
    wanted = model.score(queries(dense, n), labels)
    watched = Watched(monkeypatch, 1_500)
    assert model.score(queries(dense, n), labels) == wanted
    assert watched.passes == 7


def test_within_a_radius_rows_are_counted_and_gathered(dense: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    path, n = dense["layouts"][1][0], 9_000
    model = RadiusNeighborsRegressor(radius=8.5).fit(path, "y")
    watched = Watched(monkeypatch, 3_000)
    distance, ids = model.radius_neighbors(queries(dense, n))
    assert watched.passes == 2 * 3
    np.testing.assert_array_equal(ids[6], ids[0])
    np.testing.assert_array_equal(distance[n - 6], distance[0])
    assert len(distance) == n


@pytest.mark.parametrize("gone", [slice(0, 8_192), slice(8_192, 9_000), slice(None)])
def test_queries_that_are_all_left_out(dense: dict[str, Any], gone: slice) -> None:
    """Of the first block, of the last one, of all."""
    rows, labels = queries(dense, 9_000), np.arange(9_000) % 3
    rows.iloc[gone, 1] = np.nan
    asked = shardlearn.read(rows, missing="drop")
    (frame, y), (path, _) = dense["layouts"][:2]
    told = {"radius": 8.5, "outlier_label": 0}
    for held, named in (
        (KNeighborsClassifier(3).fit(frame, y), KNeighborsClassifier(3).fit(path, "y")),
        (RadiusNeighborsClassifier(**told).fit(frame, y), RadiusNeighborsClassifier(**told).fit(path, "y")),
    ):
        wanted = held.predict(asked).to_numpy()
        assert len(wanted) == rows.notna().all(axis=1).sum()
        np.testing.assert_array_equal(named.predict(asked).to_numpy(), wanted)
        if len(wanted):
            assert named.score(asked, labels) == held.score(asked, labels)
