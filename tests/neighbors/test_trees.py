"""Trees of held rows: the answers of all rows, made when they help, forgotten with the rows; and haversine."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn import neighbors as sk
from tests.neighbors.brute import data, keys, nearest

import shardlearn
from shardlearn import InputError
from shardlearn.kernels import Neighbors, Tree
from shardlearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestNeighbors
from shardlearn.neighbors._trees import Trees
from shardlearn.statistics.distances import METRICS, Metric

KINDS = ["normal", "duplicates", "grid", "offset"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("p", [1, 3, 10])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev", "minkowski"])
def test_every_id_and_every_bit(kind: str, p: int, metric: str) -> None:
    X, Q = data(kind, 3_000, p, 70, np.float32 if p == 3 else np.float64)
    told: dict[str, Any] = {"metric": metric, "p": 3}
    tree, brute = (NearestNeighbors(algorithm=a, **told).fit(X) for a in ("kd_tree", "brute"))
    wanted, ids = nearest(keys(metric, X, Q, 3.0), 3_000)
    for k in (1, 10, 100, 3_000):
        for model in (tree, brute):
            distance, found = model.kneighbors(Q, k)
            np.testing.assert_array_equal(found, ids[:, :k])
            if metric == "minkowski":
                np.testing.assert_allclose(distance, wanted[:, :k] ** (1 / 3), rtol=2e-14)
            else:
                np.testing.assert_array_equal(
                    distance, np.sqrt(wanted[:, :k]) if metric == "euclidean" else wanted[:, :k]
                )
    assert tree._trees.tree is not None
    assert brute._trees.tree is None


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_votes_and_means_for_any_number_of_workers(workers: int) -> None:
    X, Q = data("grid", 9_000, 2, 3_000)
    y = np.arange(9_000) % 7
    votes = [KNeighborsClassifier(9, weights="distance", algorithm=a).fit(X, y) for a in ("brute", "kd_tree", "auto")]
    means = [KNeighborsRegressor(9, algorithm=a).fit(X, np.stack([y, -y], axis=1)) for a in ("brute", "kd_tree")]
    with shardlearn.engine("threads", workers=workers):
        shares = [model.predict_proba(Q) for model in votes]
        sums = [model.predict(Q) for model in means]
        own = [model.kneighbors() for model in votes]
    for share, (distance, ids) in zip(shares, own, strict=True):
        np.testing.assert_array_equal(share, shares[0])
        np.testing.assert_array_equal(ids, own[0][1])
        np.testing.assert_array_equal(distance, own[0][0])
    np.testing.assert_array_equal(sums[1], sums[0])
    assert votes[2]._trees.tree is not None


def test_rows_that_were_dropped_keep_their_numbers() -> None:
    X, Q = data("normal", 400, 3, 20)
    X[::3, 1] = np.nan
    y = np.arange(400)
    rows = shardlearn.read(X, missing="drop")
    tree, brute = (KNeighborsRegressor(4, algorithm=a).fit(rows, y) for a in ("kd_tree", "brute"))
    np.testing.assert_array_equal(tree.kneighbors(Q)[1], brute.kneighbors(Q)[1])
    np.testing.assert_array_equal(tree.predict(Q), brute.predict(Q))
    np.testing.assert_array_equal(tree.kneighbors()[1], brute.kneighbors()[1])


def asked(trees: Trees, X: Any, queries: int = 1_000, algorithm: str = "auto", memory: int | None = None) -> bool:
    return trees.where_it_pays(algorithm, Metric("euclidean"), (X, np.arange(len(X))), queries, memory) is not None


def test_a_tree_is_made_where_it_helps() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10_000, 3))
    trees = Trees()
    assert not asked(trees, X, 600)
    assert asked(trees, X, 600)  # as many were asked by now as it takes to pay
    made = trees.tree
    assert asked(trees, X, 1)
    assert trees.tree is made
    assert not asked(trees, X, algorithm="brute")
    assert not asked(Trees(), X[:4_000])
    assert asked(Trees(), X[:400], algorithm="kd_tree")
    assert not asked(Trees(), rng.normal(size=(10_000, 11)))
    assert not asked(Trees(), rng.normal(size=(10_000, 10)))  # few features, but boxes exclude too little
    assert asked(Trees(), rng.normal(size=(10_000, 12)), algorithm="kd_tree")
    assert not asked(Trees(), X, memory=4 * Tree.bytes(10_000, 3) - 1)
    assert asked(Trees(), X, memory=4 * Tree.bytes(10_000, 3))
    assert pickle.loads(pickle.dumps(trees)).tree is None


@pytest.mark.parametrize("metric", METRICS)
def test_which_metrics_grow(metric: str) -> None:
    trees = metric in ("euclidean", "sqeuclidean", "manhattan", "chebyshev", "minkowski")
    assert Metric(metric).grows == trees
    assert not Metric("minkowski", 2.5).grows
    assert not Metric("minkowski", 65.0).grows
    if not trees:
        X, Q = data("normal", 100, 2, 5)
        model = NearestNeighbors(metric=metric, algorithm="kd_tree").fit(X)
        np.testing.assert_array_equal(
            model.kneighbors(Q)[1], NearestNeighbors(metric=metric, algorithm="brute").fit(X).kneighbors(Q)[1]
        )


def test_a_tree_goes_with_its_rows() -> None:
    X, Q = data("normal", 500, 2, 30)
    model = NearestNeighbors(algorithm="kd_tree").fit(X)
    model.kneighbors(Q)
    first = model._trees.tree
    model.fit(-X)
    np.testing.assert_array_equal(model.kneighbors(Q)[1], NearestNeighbors().fit(-X).kneighbors(Q)[1])
    assert model._trees.tree is not first
    assert len(pickle.dumps(model)) < 2 * X.nbytes
    sparse = NearestNeighbors(algorithm="kd_tree").fit(sp.csr_array(X))
    np.testing.assert_array_equal(sparse.kneighbors(Q)[1], NearestNeighbors().fit(X).kneighbors(Q)[1])


def test_metric_says_how_many_were_looked_at() -> None:
    X, _ = data("normal", 5_000, 2, 1)
    metric = Metric("euclidean")
    seen = metric.search_tree(Tree.of(X, np.arange(5_000)), metric.packed(X[:10]), Neighbors.none(10, 5))
    assert 0 < seen < 10 * 1_000


# -- haversine ---------------------------------------------------------------------------------------------------------


def places(seed: int, n: int) -> Any:
    """Latitudes and longitudes, evenly over the sphere."""
    rng = np.random.default_rng(seed)
    return np.stack([np.arcsin(rng.uniform(-1, 1, n)), rng.uniform(-np.pi, np.pi, n)], axis=1)


def test_haversine_is_that_of_scikit_learn() -> None:
    X, Q = places(0, 2_000), places(1, 200)
    X[:20], X[20:40] = Q[:20], Q[:20] + 1e-9
    ours, theirs = (N(n_neighbors=15, metric="haversine").fit(X) for N in (NearestNeighbors, sk.NearestNeighbors))
    distance, ids = ours.kneighbors(Q)
    other, wanted = theirs.kneighbors(Q)
    np.testing.assert_array_equal(ids, wanted)
    np.testing.assert_allclose(distance, other, rtol=1e-13, atol=1e-15)
    assert (distance[:20, 0] == 0).all()
    _, near = ours.radius_neighbors(Q, 0.2)
    for one, two in zip(near, theirs.radius_neighbors(Q, 0.2, sort_results=True)[1], strict=True):
        np.testing.assert_array_equal(one, two)
    assert len(ours.radius_neighbors(Q[:1], np.pi)[1][0]) == 2_000
    np.testing.assert_array_equal(ours.to_sklearn().kneighbors(Q)[1], ids)
    east = X + np.array([0.0, 2 * np.pi * 1000])
    np.testing.assert_allclose(ours.fit(east).kneighbors(Q)[0], distance, atol=1e-8)


@pytest.mark.parametrize("workers", [1, 3])
def test_haversine_for_any_number_of_workers(workers: int) -> None:
    X, Q = places(0, 3_000), places(1, 900)
    wanted = NearestNeighbors(metric="haversine").fit(X).kneighbors(Q)
    with shardlearn.engine("threads", workers=workers):
        got = NearestNeighbors(metric="haversine").fit(X).kneighbors(Q)
    np.testing.assert_array_equal(got[1], wanted[1])
    np.testing.assert_array_equal(got[0], wanted[0])


def test_haversine_of_what_is_no_place() -> None:
    with pytest.raises(InputError, match="Haversine distance only valid in 2 dimensions"):
        NearestNeighbors(metric="haversine").fit(np.zeros((5, 3)))
    with pytest.raises(InputError, match="in radians"):
        NearestNeighbors(metric="haversine").fit(np.array([[0.0, 0.0], [1e7, 0.0]])).kneighbors(np.zeros((1, 2)), 1)
