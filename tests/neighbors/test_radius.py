"""All rows within a radius: those whose distance is not above it, whoever computes and however rows lie."""

from __future__ import annotations

import pickle
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn import neighbors as sk
from tests.neighbors.brute import data, keys
from tests.neighbors.test_exact import ENGINES, KINDS, written

import shardlearn
from shardlearn import InputError, ParameterError
from shardlearn.neighbors import (
    NearestNeighbors,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
    kneighbors_graph,
    radius_neighbors_graph,
)
from shardlearn.neighbors._around import Around, stretches
from shardlearn.statistics.distances import Metric
from shardlearn.statistics.within import CountWithin, RowsWithin


def balls(distance: Any, radius: float) -> list[tuple[Any, Any]]:
    """(distances, ids) of each row of distances (m, n) that are not above the radius, by (distance, id)."""
    out = []
    for row in distance:
        near = np.flatnonzero(row <= radius)
        near = near[np.lexsort((near, row[near]))]
        out.append((row[near], near))
    return out


def equal(found: tuple[Any, Any], wanted: list[tuple[Any, Any]]) -> None:
    assert len(found[0]) == len(found[1]) == len(wanted)
    for distance, ids, (other, near) in zip(*found, wanted, strict=True):
        np.testing.assert_array_equal(ids, near)
        np.testing.assert_array_equal(distance, other)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("p", [1, 2, 7, 65])
@pytest.mark.parametrize("algorithm", ["brute", "kd_tree"])
def test_every_id_and_every_bit(kind: str, p: int, algorithm: str) -> None:
    X, Q = data(kind, 400, p, 60, np.float32 if p % 2 else np.float64)
    distance = np.sqrt(keys("euclidean", X, Q))
    model = NearestNeighbors(algorithm=algorithm).fit(X)
    for radius in (0.0, float(distance.min()), float(np.median(distance)), float(distance.max()), np.inf):
        equal(model.radius_neighbors(Q, radius), balls(distance, radius))
    below = float(np.nextafter(distance.max(), 0))
    assert sum(map(len, model.radius_neighbors(Q, below)[1])) < distance.size


@pytest.mark.parametrize("metric", ["sqeuclidean", "inner_product", "manhattan", "chebyshev", "hamming"])
@pytest.mark.parametrize("kind", KINDS)
def test_other_metrics(metric: str, kind: str) -> None:
    X, Q = data(kind, 300, 5, 50)
    distance = keys(metric, X, Q) / (5 if metric == "hamming" else 1)
    model = NearestNeighbors(metric=metric).fit(X)
    for radius in np.quantile(distance, [0.01, 0.4, 1.0]).tolist():
        equal(model.radius_neighbors(Q, radius), balls(distance, radius))


@pytest.mark.parametrize("metric", ["cosine", "minkowski", "haversine", "euclidean", "manhattan"])
def test_inside_is_what_is_returned(metric: str) -> None:
    """The same rows as all neighbours whose distance is not above the radius, at each of these distances too."""
    X, Q = data("normal", 120, 2, 30)
    Q[:5], X[:2], Q[5] = X[:5], 0.0, 0.0
    model = NearestNeighbors(n_neighbors=120, metric=metric, p=3.5).fit(X)
    distance, ids = model.kneighbors(Q)
    for radius in np.unique(distance)[:: max(distance.size // 60, 1)].tolist():
        for near, there, inside in zip(model.radius_neighbors(Q, radius)[1], ids, distance <= radius, strict=True):
            np.testing.assert_array_equal(near, there[inside])


def test_at_the_boundary_by_exact_rationals() -> None:
    """Coordinates are such that squared distances are rounded: the chain of rounded operations decides, and sqrt."""
    rng = np.random.default_rng(3)
    X, Q = rng.normal(size=(1000, 3)), rng.normal(size=(4, 3))
    for i, q in enumerate(Q):
        square = []
        for x in X:
            total = Fraction(0)
            for a, b in zip(x.tolist(), q.tolist(), strict=True):
                total = Fraction(float(Fraction(a - b) * Fraction(a - b) + total))
            square.append(float(total))
        distance = np.sqrt(np.array(square))
        radius = float(np.sort(distance)[300])
        for r in (np.nextafter(radius, 0), radius, np.nextafter(radius, 9)):
            got, ids = NearestNeighbors(radius=float(r)).fit(X).radius_neighbors(Q[i : i + 1])
            wanted = balls(distance[None], float(r))
            equal((got, ids), wanted)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "inner_product", "manhattan"])
def test_sparse_rows_have_the_neighbours_of_the_same_rows_dense(metric: str) -> None:
    X, Q = data("grid", 300, 30, 50)
    X[3], Q[4] = 0.0, 0.0
    model, radius = NearestNeighbors(metric=metric), {"cosine": 0.8, "inner_product": -3.0}.get(metric, 8.0)
    wanted = model.fit(X).radius_neighbors(Q, radius)
    assert 0 < sum(map(len, wanted[1])) < 300 * 50
    for rows, queries in ((sp.csr_array(X), sp.csr_array(Q)), (X, sp.csr_array(Q)), (sp.csr_array(X), Q)):
        equal(model.fit(rows).radius_neighbors(queries, radius), list(zip(*wanted, strict=True)))


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same rows as an array, in one file and in many; of several blocks."""
    X, Q = data("grid", 20_000, 64, 24)
    y = (np.arange(len(X)) * 7) % 5
    top = tmp_path_factory.mktemp("rows")
    distance = np.sqrt(keys("euclidean", X, Q))
    queries = written(top / "queries", Q, np.zeros(len(Q)), 3)
    radius = float(np.quantile(distance, 0.002))
    return {
        "X": X,
        "Q": Q,
        "y": y,
        "distance": distance,
        "radius": radius,
        "queries": queries,
        "one": written(top / "one", X, y, 1),
        "many": written(top / "many", X, y, 7),
    }


@pytest.mark.parametrize(("kind", "workers"), ENGINES)
@pytest.mark.parametrize("where", ["X", "one", "many"])
def test_the_same_bits_wherever_rows_lie(laid: dict[str, Any], where: str, kind: str, workers: int) -> None:
    queries = pd.read_parquet(Path(laid["queries"]).parent).drop(columns="y")
    wanted = balls(laid["distance"], laid["radius"])
    with shardlearn.engine(kind, workers=workers):
        y = laid["y"] if where == "X" else "y"
        X = pd.DataFrame(laid["X"]).add_prefix("x") if where == "X" else laid[where]
        model = RadiusNeighborsClassifier(laid["radius"], weights="distance", outlier_label=9).fit(X, y)
        equal(model.radius_neighbors(queries), wanted)
        equal(model.radius_neighbors(shardlearn.read(laid["queries"], drop_columns=["y"])), wanted)
        shares, labels = model.predict_proba(queries[:9]), model.predict(laid["queries"]).to_numpy()
    assert len({len(ids) for _, ids in wanted}) > 5
    for share, (distance, ids) in zip(shares, wanted, strict=False):
        votes = np.zeros(5)
        for d, i in zip(distance, ids, strict=True):
            votes[laid["y"][i]] += 1.0 / d
        total = 0.0
        for vote in votes:
            total += vote
        np.testing.assert_array_equal(share, votes / total if total else votes)
    assert labels.tolist()[:9] == [int(s.argmax()) if s.any() else 9 for s in shares]


def test_a_small_limit_means_more_passes_and_the_same_answer(laid: dict[str, Any]) -> None:
    model = RadiusNeighborsRegressor(laid["radius"], weights="distance").fit(laid["many"], "y")
    del model.feature_names_in_
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = model.predict(laid["Q"])
        X = np.repeat(laid["Q"], 400, axis=0)
        passes: list[int] = []
        of = RowsWithin.bytes
        with shardlearn.engine("threads", workers=2, memory="100MB"), pytest.MonkeyPatch.context() as patch:
            patch.setattr(RowsWithin, "bytes", lambda self: passes.append(self.queries.shape[0]) or of(self))
            again = model.predict(X)
    np.testing.assert_array_equal(again, np.repeat(wanted, 400, axis=0))
    assert 0 < max(passes) < len(X) / 2


def test_held_rows_with_little_room(laid: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """So little that each query's neighbours are gathered alone."""
    rows, Q = laid["X"][:3_000], laid["Q"]
    wanted = balls(laid["distance"][:, :3_000], 11.0)
    for algorithm in ("brute", "kd_tree"):
        model = NearestNeighbors(radius=11.0, algorithm=algorithm).fit(rows)
        equal(model.radius_neighbors(Q), wanted)
        monkeypatch.setattr("shardlearn.neighbors._around.ROOM", 1000)
        equal(model.radius_neighbors(Q), wanted)
        monkeypatch.undo()


@pytest.mark.parametrize("algorithm", ["brute", "kd_tree"])
def test_held_rows_within_a_limit_are_counted_first(
    laid: dict[str, Any], algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    count = Around._counted
    monkeypatch.setattr(Around, "_counted", lambda self, X: counted.append(X.shape[0]) or count(self, X))
    wanted = balls(laid["distance"], laid["radius"])
    with shardlearn.engine("threads", workers=2, memory="100MB"):
        equal(
            NearestNeighbors(radius=laid["radius"], algorithm=algorithm).fit(laid["X"]).radius_neighbors(laid["Q"]),
            wanted,
        )
    assert counted


def test_stretches_hold_no_more_than_they_may() -> None:
    counts = np.array([5, 0, 3, 90, 1, 1, 1, 7])
    assert stretches(counts, 8) == [(0, 3), (3, 4), (4, 7), (7, 8)]
    assert stretches(counts, 1000) == [(0, 8)]


def test_rows_of_the_fit_are_not_their_own_neighbours() -> None:
    X, _ = data("duplicates", 300, 3, 1)
    key = np.sqrt(keys("euclidean", X, X))
    np.fill_diagonal(key, np.inf)
    equal(NearestNeighbors(radius=0.7).fit(X).radius_neighbors(), balls(key, 0.7))


def test_rows_that_were_dropped_keep_their_numbers() -> None:
    X, Q = data("normal", 200, 3, 20)
    X[::3, 1] = np.nan
    gone = np.isnan(X).any(axis=1)
    key = np.where(gone, np.inf, np.sqrt(keys("euclidean", np.nan_to_num(X), Q)))
    for algorithm in ("brute", "kd_tree"):
        model = NearestNeighbors(radius=1.0, algorithm=algorithm).fit(shardlearn.read(X, missing="drop"))
        equal(model.radius_neighbors(Q), balls(key, 1.0))
        own = np.sqrt(keys("euclidean", np.nan_to_num(X), X[~gone]))
        own[:, gone] = np.inf
        own[np.arange((~gone).sum()), np.flatnonzero(~gone)] = np.inf
        equal(model.radius_neighbors(), balls(own, 1.0))


# -- votes and means ---------------------------------------------------------------------------------------------------


def inverse_square(distances: Any) -> Any:
    """Of an array of arrays, as both libraries give them."""
    out = np.empty(len(distances), object)
    out[:] = [1.0 / (1.0 + one * one) for one in distances]
    return out


@pytest.mark.filterwarnings("ignore:One or more samples have no neighbors")
@pytest.mark.parametrize("weights", ["uniform", "distance", inverse_square, None])
@pytest.mark.parametrize("metric", ["minkowski", "manhattan", "cosine"])
def test_agrees_with_scikit_learn(weights: Any, metric: str) -> None:
    X, Q = data("normal", 400, 3, 90)
    Q[:20] = X[:20]  # at distance zero
    y = np.array(["red", "green", "blue"])[np.arange(400) % 3]
    told = {"radius": 0.002 if metric == "cosine" else 0.55, "weights": weights, "metric": metric}
    one = {**told, "outlier_label": "green"}
    ours, theirs = RadiusNeighborsClassifier(**one).fit(X, y), sk.RadiusNeighborsClassifier(**one).fit(X, y)
    np.testing.assert_array_equal(ours.predict(Q), theirs.predict(Q))
    np.testing.assert_allclose(ours.predict_proba(Q), theirs.predict_proba(Q), atol=1e-7)
    assert ours.score(Q, y[:90]) == theirs.score(Q, y[:90])
    np.testing.assert_array_equal(ours.to_sklearn().predict(Q), theirs.predict(Q))
    for targets in (X[:, 0], np.stack([X[:, 0], -X[:, 1]], axis=1)):
        model, peer = (
            RadiusNeighborsRegressor(**told).fit(X, targets),
            sk.RadiusNeighborsRegressor(**told).fit(X, targets),
        )
        wanted = peer.predict(Q)
        assert 0 < np.isnan(wanted).mean() < 0.8
        np.testing.assert_allclose(model.predict(Q), wanted, atol=1e-6)
        some = ~np.isnan(wanted.reshape(90, -1)[:, 0])
        assert abs(model.score(Q[some], targets[:90][some]) - peer.score(Q[some], targets[:90][some])) < 1e-6
        np.testing.assert_allclose(model.to_sklearn().predict(Q), wanted, atol=1e-12)


def test_equal_votes_go_to_the_smallest_class() -> None:
    X = np.array([[0.0], [1.0], [2.0], [3.0]])
    model = RadiusNeighborsClassifier(radius=10.0).fit(X, np.array([9, 3, 9, 3]))
    np.testing.assert_array_equal(model.predict(np.array([[0.0], [9.0]])), [3, 3])


def test_rows_without_neighbours() -> None:
    X, y = np.array([[0.0], [1.0], [2.0]]), np.array([4, 7, 7])
    far = np.array([[0.1], [99.0]])
    with pytest.raises(InputError, match=r"No neighbors found for test samples array\(\[1\]\)"):
        RadiusNeighborsClassifier(radius=0.5).fit(X, y).predict(far)
    most = RadiusNeighborsClassifier(radius=0.5, outlier_label="most_frequent").fit(X, y)
    assert most.outlier_label_ == 7
    np.testing.assert_array_equal(most.predict(far), [4, 7])
    np.testing.assert_array_equal(most.predict_proba(far), [[1, 0], [0, 1]])
    other = RadiusNeighborsClassifier(radius=0.5, outlier_label=-1).fit(X, y)
    np.testing.assert_array_equal(other.predict(far), [4, -1])
    with pytest.warns(UserWarning, match="Outlier label -1 is not in training classes"):
        np.testing.assert_array_equal(other.predict_proba(far), [[1, 0], [0, 0]])
    words = RadiusNeighborsClassifier(radius=0.5, outlier_label="none of them").fit(X, y.astype(str))
    assert words.predict(far).tolist() == ["4", "none of them"]
    with pytest.warns(UserWarning, match="have no neighbors within specified radius"):
        assert np.isnan(RadiusNeighborsRegressor(radius=0.5).fit(X, y).predict(far)).tolist() == [False, True]


@pytest.mark.parametrize("label", ["x", [1], True, 1j])
def test_an_outlier_label_of_another_kind_is_refused(label: Any) -> None:
    with pytest.raises(ParameterError, match="a label of their kind"):
        RadiusNeighborsClassifier(outlier_label=label).fit(np.zeros((4, 1)), np.arange(4))


# -- graphs, files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["connectivity", "distance"])
@pytest.mark.parametrize("include_self", [True, False, "auto"])
def test_graphs_by_functions_are_those_of_scikit_learn(mode: str, include_self: Any, tmp_path: Path) -> None:
    X, _ = data("normal", 150, 3, 1)
    pd.DataFrame(X).add_prefix("x").to_parquet(tmp_path / "x.parquet")
    told = {"mode": mode, "include_self": include_self}
    for ours, theirs, far in (
        (kneighbors_graph, sk.kneighbors_graph, 4),
        (radius_neighbors_graph, sk.radius_neighbors_graph, 0.8),
    ):
        for rows in (X, str(tmp_path / "x.parquet"), NearestNeighbors().fit(X), NearestNeighbors().fit(str(tmp_path))):
            if include_self is not True and isinstance(rows, str):
                continue
            one, two = ours(rows, far, **told), theirs(X, far, **told)
            assert one.shape == two.shape
            assert one.nnz == two.nnz
            assert abs(one - two).max() < 1e-13


@pytest.mark.parametrize("store", ["auto", "rows"])
def test_saved_models_answer_the_same(store: str, laid: dict[str, Any], tmp_path: Path) -> None:
    queries = pd.DataFrame(laid["Q"]).add_prefix("x")
    votes = RadiusNeighborsClassifier(laid["radius"], outlier_label=9, store=store).fit(laid["many"], "y")
    means = RadiusNeighborsRegressor(11.5, store=store).fit(laid["many"], "y")
    for model in (votes, means):
        path = tmp_path / type(model).__name__
        shardlearn.save(model, path)
        for back in (shardlearn.load(path), pickle.loads(pickle.dumps(model))):
            np.testing.assert_array_equal(back.predict(queries), model.predict(queries))
            assert shardlearn.fingerprint(back) == shardlearn.fingerprint(model)
    frame = pd.DataFrame(laid["X"]).add_prefix("x")
    held = RadiusNeighborsClassifier(laid["radius"], outlier_label=9, store=store).fit(frame, laid["y"])
    assert shardlearn.fingerprint(held) == shardlearn.fingerprint(votes)


def test_what_depends_on_the_processor_is_not_sent() -> None:
    for asked in (
        CountWithin(np.zeros((50, 4)), 3.0, Metric("euclidean")),
        RowsWithin(np.zeros((50, 4)), 3.0, Metric("euclidean"), 9),
    ):
        before = len(pickle.dumps(asked))
        assert asked.packed is asked.packed
        assert asked.packed.points is asked.packed.points
        assert len(pickle.dumps(asked)) == before
