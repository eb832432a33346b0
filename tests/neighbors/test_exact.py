"""Ids and distances are those of the definition, all of them, whoever computes and however the rows lie."""

from __future__ import annotations

import pickle
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn import neighbors as sk
from tests.neighbors.brute import data, keys, nearest

import shardlearn
from shardlearn.engines.stopping import Stopped, stoppable
from shardlearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestNeighbors
from shardlearn.neighbors._base import Held
from shardlearn.statistics.distances import Metric
from shardlearn.statistics.neighbors import NearestRows

KINDS = ["normal", "duplicates", "grid", "offset"]
METRICS = ["sqeuclidean", "inner_product", "manhattan", "chebyshev", "hamming", "minkowski"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("p", [1, 2, 3, 7, 16, 65, 960])
def test_every_id_and_every_bit(kind: str, p: int) -> None:
    n = 500 if p < 900 else 150
    X, Q = data(kind, n, p, 60, np.float32 if p % 2 else np.float64)
    key = keys("euclidean", X, Q)
    for k in (1, 10, 100, n):
        wanted, ids = nearest(key, k)
        distance, found = NearestNeighbors(n_neighbors=k).fit(X).kneighbors(Q)
        np.testing.assert_array_equal(found, ids)
        np.testing.assert_array_equal(distance, np.sqrt(wanted))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("p", [1, 5])
def test_the_definition_by_exact_rationals(kind: str, p: int) -> None:
    """1,000 rows: each difference and each multiply-add is exact, rounded once, and rows are sorted by that."""
    X, Q = data(kind, 1_000, p, 6)
    key = []
    for q in Q.tolist():
        key.append([])
        for x in X.tolist():
            total = Fraction(0)
            for a, b in zip(x, q, strict=True):
                gap = Fraction(float(Fraction(a) - Fraction(b)))
                total = Fraction(float(gap * gap + total))
            key[-1].append(float(total))
    wanted, ids = nearest(np.array(key), 1_000)
    for algorithm in ("brute", "kd_tree"):
        for k in (1, 10, 100, 1_000):
            distance, found = (
                NearestNeighbors(n_neighbors=k, metric="sqeuclidean", algorithm=algorithm).fit(X).kneighbors(Q)
            )
            np.testing.assert_array_equal(found, ids[:, :k])
            np.testing.assert_array_equal(distance, wanted[:, :k])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("p", [1, 3, 16, 65])
def test_other_metrics(metric: str, kind: str, p: int) -> None:
    X, Q = data(kind, 300, p, 50, np.float32 if p == 3 else np.float64)
    key = keys(metric, X, Q, 3.0)
    for k in (1, 10, 300):
        wanted, ids = nearest(key, k)
        distance, found = NearestNeighbors(n_neighbors=k, metric=metric, p=3).fit(X).kneighbors(Q)
        np.testing.assert_array_equal(found, ids)
        if metric == "minkowski":
            np.testing.assert_allclose(distance, wanted ** (1 / 3), rtol=2e-14)
        else:
            np.testing.assert_array_equal(distance, wanted / p if metric == "hamming" else wanted)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cosine_is_half_a_squared_distance_of_unit_rows(kind: str, dtype: type) -> None:
    X, Q = data(kind, 200, 6, 40, dtype)
    X[:3], Q[:2] = 0.0, 0.0
    unit = [np.concatenate([scaled(rows), (rows == 0).all(axis=1, keepdims=True)], axis=1) for rows in (X, Q)]
    unit[1][:, -1] = 0.0
    wanted, ids = nearest(np.where((Q == 0).all(axis=1)[:, None], 2.0, keys("euclidean", *unit)), 25)
    distance, found = NearestNeighbors(n_neighbors=25, metric="cosine").fit(X).kneighbors(Q)
    np.testing.assert_array_equal(found, ids)
    np.testing.assert_array_equal(distance, 0.5 * wanted)
    theirs, _ = sk.NearestNeighbors(n_neighbors=25, metric="cosine").fit(X.astype(float)).kneighbors(Q.astype(float))
    np.testing.assert_allclose(distance, theirs, atol=1e-15)


def scaled(rows: Any) -> Any:
    """Rows over their lengths: squares are summed by multiply-adds, of rows scaled by a power of two."""
    from shardlearn.kernels import reference

    x = rows.astype(np.float64)
    _, exponent = np.frexp(np.abs(x).max(axis=1))
    x = np.ldexp(x, -exponent[:, None])
    total = np.zeros(len(x))
    for column in x.T:
        total = reference.fused(column, column, total)
    return x / np.where(total > 0, np.sqrt(total), 1.0)[:, None]


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "inner_product", "manhattan"])
def test_sparse_rows_have_the_neighbours_of_the_same_rows_dense(metric: str) -> None:
    X, Q = data("grid", 400, 30, 50)
    model = NearestNeighbors(n_neighbors=20, metric=metric)
    wanted = model.fit(X).kneighbors(Q)
    for got in (model.fit(sp.csr_array(X)).kneighbors(sp.csr_array(Q)), model.fit(X).kneighbors(sp.csr_array(Q))):
        np.testing.assert_array_equal(got[1], wanted[1])
        np.testing.assert_array_equal(got[0], wanted[0])


def written(folder: Path, X: Any, y: Any, files: int) -> str:
    frame = pd.DataFrame(X).add_prefix("x").assign(y=y)
    folder.mkdir()
    for i, part in enumerate(np.array_split(np.arange(len(frame)), files)):
        frame.iloc[part].to_parquet(folder / f"{i:02d}.parquet", row_group_size=700)
    return str(folder / "*.parquet")


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same rows as an array, in one file and in many; of several blocks."""
    X, Q = data("grid", 20_000, 64, 24)
    y = (np.arange(len(X)) * 7) % 5
    top = tmp_path_factory.mktemp("rows")
    wanted = nearest(keys("euclidean", X, Q), 12)
    return {
        "X": X,
        "Q": Q,
        "y": y,
        "wanted": wanted,
        "one": written(top / "one", X, y, 1),
        "many": written(top / "many", X, y, 7),
        "queries": written(top / "queries", Q, np.zeros(len(Q)), 3),
    }


ENGINES = [("serial", 1), ("threads", 1), ("threads", 2), ("threads", 3), ("threads", 7)]


@pytest.mark.parametrize(("kind", "workers"), ENGINES)
@pytest.mark.parametrize("where", ["X", "one", "many"])
def test_the_same_bits_wherever_rows_lie(laid: dict[str, Any], where: str, kind: str, workers: int) -> None:
    queries = pd.read_parquet(Path(laid["queries"]).parent).drop(columns="y")
    wanted, ids = laid["wanted"]
    with shardlearn.engine(kind, workers=workers):
        y = laid["y"] if where == "X" else "y"
        X = pd.DataFrame(laid["X"]).add_prefix("x") if where == "X" else laid[where]
        model = KNeighborsClassifier(n_neighbors=12).fit(X, y)
        distance, found = model.kneighbors(queries)
        streamed = model.kneighbors(shardlearn.read(laid["queries"], drop_columns=["y"])).to_numpy()
        labels, score = model.predict(queries), model.score(laid["queries"], "y")
    for one in (found, streamed[1]):
        np.testing.assert_array_equal(one, ids)
    for one in (distance, streamed[0]):
        np.testing.assert_array_equal(one, np.sqrt(wanted))
    votes = np.stack([(laid["y"][ids] == c).sum(axis=1) for c in range(5)], axis=1)
    np.testing.assert_array_equal(labels, votes.argmax(axis=1))
    assert score == (labels == 0).mean()


def test_a_small_limit_means_more_passes_and_the_same_answer(laid: dict[str, Any]) -> None:
    model = KNeighborsRegressor(n_neighbors=12, weights="distance").fit(laid["many"], "y")
    del model.feature_names_in_
    wanted = model.predict(laid["Q"])
    X = np.repeat(laid["Q"], 400, axis=0)
    passes: list[int] = []
    statistic = NearestRows.bytes
    with shardlearn.engine("threads", workers=2, memory="100MB"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(NearestRows, "bytes", lambda self: passes.append(self.queries.shape[0]) or statistic(self))
        again = model.predict(X)
    np.testing.assert_array_equal(again, np.repeat(wanted, 400, axis=0))
    assert max(passes) < len(X) / 2


def test_rows_of_the_fit_are_not_their_own_neighbours(laid: dict[str, Any]) -> None:
    X, _ = data("duplicates", 300, 3, 1)
    key = keys("euclidean", X, X)
    np.fill_diagonal(key, np.inf)
    wanted, ids = nearest(key, 9)
    distance, found = NearestNeighbors(n_neighbors=9).fit(X).kneighbors()
    np.testing.assert_array_equal(found, ids)
    np.testing.assert_array_equal(distance, np.sqrt(wanted))
    assert not (found == np.arange(300)[:, None]).any()


def test_rows_that_were_dropped_keep_their_numbers() -> None:
    X, Q = data("normal", 200, 3, 20)
    X[::3, 1] = np.nan
    model = NearestNeighbors(n_neighbors=4).fit(shardlearn.read(X, missing="drop"))
    key = np.where(np.isnan(X).any(axis=1), np.inf, keys("euclidean", np.nan_to_num(X), Q))
    np.testing.assert_array_equal(model.kneighbors(Q)[1], nearest(key, 4)[1])
    graph = model.kneighbors_graph(Q)
    np.testing.assert_array_equal(graph.indices.reshape(20, 4), nearest(key, 4)[1])
    complete = np.flatnonzero(~np.isnan(X).any(axis=1))
    own = keys("euclidean", np.nan_to_num(X), X[complete])
    own[:, np.isnan(X).any(axis=1)] = np.inf
    own[np.arange(len(complete)), complete] = np.inf
    np.testing.assert_array_equal(model.kneighbors()[1], nearest(own, 4)[1])


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_a_score_over_pieces_is_that_of_all_rows(workers: int) -> None:
    X, Q = data("normal", 300, 3, 5_000)
    y, wanted = X[:, 0] > 0, Q[:, 0] > 0
    model = KNeighborsClassifier().fit(X, y)
    weight = np.arange(5_000) % 3
    with shardlearn.engine("threads", workers=workers):
        hit = model.predict(Q) == wanted
        assert model.score(Q, wanted) == hit.mean()
        assert model.score(Q, wanted, weight) == (hit * weight).sum() / weight.sum()


def test_a_search_that_nobody_wants_any_more_ends_at_its_next_step() -> None:
    rows, seen = Held(np.zeros((1_000, 4)), None), []
    with stoppable(lambda: len(seen) == 3):
        walk = rows.blocks(piece=3_200)
        seen += [block.start for block in islice(walk, 3)]
        with pytest.raises(Stopped):
            next(walk)
    assert seen == [0, 100, 200]


def test_what_depends_on_the_processor_is_not_sent() -> None:
    asked = NearestRows(np.zeros((50, 4)), 3, Metric("euclidean"))
    before = len(pickle.dumps(asked))
    assert asked.packed is asked.packed
    assert len(pickle.dumps(asked)) == before


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_a_row_alone_has_the_answer_that_it_has_among_others(metric: str) -> None:
    X, Q = data("normal", 3_000, 11, 700)
    votes = KNeighborsClassifier(weights="distance", metric=metric).fit(X, X[:, 0] > 0)
    means = KNeighborsRegressor(weights="distance", metric=metric).fit(X, X[:, :2])
    for method in (votes.predict, votes.predict_proba, means.predict, lambda rows: votes.kneighbors(rows)[0]):
        wanted = method(Q)
        for i in (0, 333, 699):
            np.testing.assert_array_equal(method(Q[i : i + 1])[0], wanted[i])
