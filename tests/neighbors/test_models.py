"""Votes, means, what is kept and what is referred to, parameters, real data."""

from __future__ import annotations

import gzip
import inspect
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn import neighbors as sk
from sklearn.model_selection import cross_val_score
from tests.neighbors.brute import data

import shardlearn
from shardlearn import InputError, ParameterError, SourceChangedError, StorageError
from shardlearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestNeighbors,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)

PAIRS: list[tuple[Any, Any]] = [
    (RadiusNeighborsClassifier, sk.RadiusNeighborsClassifier),
    (RadiusNeighborsRegressor, sk.RadiusNeighborsRegressor),
    (NearestNeighbors, sk.NearestNeighbors),
    (KNeighborsClassifier, sk.KNeighborsClassifier),
    (KNeighborsRegressor, sk.KNeighborsRegressor),
]


def inverse_square(distance: Any) -> Any:
    return 1.0 / (1.0 + distance * distance)


@pytest.mark.parametrize("weights", ["uniform", "distance", inverse_square, None])
@pytest.mark.parametrize("metric", ["minkowski", "manhattan", "cosine"])
def test_agrees_with_scikit_learn(weights: Any, metric: str) -> None:
    X, Q = data("normal", 400, 5, 90)
    Q[:20] = X[:20]  # at distance zero
    y = np.array(["red", "green", "blue"])[np.arange(400) % 3]
    told = {"n_neighbors": 7, "weights": weights, "metric": metric}
    ours, theirs = KNeighborsClassifier(**told).fit(X, y), sk.KNeighborsClassifier(**told).fit(X, y)
    np.testing.assert_array_equal(ours.predict(Q), theirs.predict(Q))
    np.testing.assert_allclose(ours.predict_proba(Q), theirs.predict_proba(Q), atol=1e-7)
    assert ours.score(Q, y[:90]) == theirs.score(Q, y[:90])
    targets = np.stack([X[:, 0], -X[:, 1]], axis=1)
    model, peer = KNeighborsRegressor(**told).fit(X, targets), sk.KNeighborsRegressor(**told).fit(X, targets)
    np.testing.assert_allclose(model.predict(Q), peer.predict(Q), atol=1e-6)
    assert abs(model.score(Q, targets[:90]) - peer.score(Q, targets[:90])) < 1e-6
    np.testing.assert_allclose(model.to_sklearn().predict(Q), peer.predict(Q), atol=1e-12)
    np.testing.assert_array_equal(ours.to_sklearn().predict(Q), theirs.predict(Q))


def test_equal_votes_go_to_the_smallest_class() -> None:
    X = np.array([[0.0], [1.0], [2.0], [3.0]])
    model = KNeighborsClassifier(n_neighbors=4).fit(X, np.array([9, 3, 9, 3]))
    np.testing.assert_array_equal(model.predict(np.array([[0.0], [9.0]])), [3, 3])


def test_votes_that_weigh_nothing_are_refused() -> None:
    X, _ = data("normal", 30, 2, 1)
    model = KNeighborsClassifier(weights=np.zeros_like).fit(X, np.arange(30) % 2)
    with pytest.raises(InputError, match="getting zero weights"):
        model.predict_proba(X)


def test_graph_is_that_of_scikit_learn() -> None:
    X, Q = data("normal", 200, 4, 30)
    ours, theirs = NearestNeighbors(n_neighbors=6).fit(X), sk.NearestNeighbors(n_neighbors=6).fit(X)
    for mode in ("connectivity", "distance"):
        for rows in (Q, None):
            one, two = ours.kneighbors_graph(rows, mode=mode), theirs.kneighbors_graph(rows, mode=mode)
            assert abs(one - two).max() < 1e-15
    with pytest.raises(ParameterError, match="Unsupported mode"):
        ours.kneighbors_graph(Q, mode="both")


def test_works_with_cross_validation() -> None:
    X, _ = data("normal", 200, 3, 1)
    y = X[:, 0] > 0
    np.testing.assert_array_equal(
        cross_val_score(KNeighborsClassifier(), X, y), cross_val_score(sk.KNeighborsClassifier(), X, y)
    )


# -- what is kept ------------------------------------------------------------------------------------------------------


@pytest.fixture
def rows(tmp_path: Path) -> tuple[pd.DataFrame, str]:
    X, _ = data("normal", 900, 4, 1)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(y=np.where(X[:, 0] > 0, "up", "down"))
    (tmp_path / "base").mkdir()
    for i in range(3):
        frame.iloc[300 * i : 300 * (i + 1)].to_parquet(tmp_path / "base" / f"{i}.parquet")
    return frame, str(tmp_path / "base" / "*.parquet")


def test_a_path_is_referred_to_and_saved_without_a_row(rows: tuple[pd.DataFrame, str], tmp_path: Path) -> None:
    frame, path = rows
    X = frame.drop(columns="y")
    model = KNeighborsClassifier().fit(path, "y")
    assert not hasattr(model, "rows_")
    shardlearn.save(model, tmp_path / "m")
    (head,) = (tmp_path / "m").glob("model-*.json")
    assert json.loads(head.read_text())["holds"] == "a reference to 900 training rows, which are not in this file"
    saved = b"".join(file.read_bytes() for file in (tmp_path / "m").iterdir())
    assert frame["a"].to_numpy()[:1].tobytes() not in saved
    back = shardlearn.load(tmp_path / "m")
    held = KNeighborsClassifier().fit(X, frame["y"].to_numpy())
    for one in (model, back, pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(one.predict(X), held.predict(X))
        assert shardlearn.fingerprint(one) == shardlearn.fingerprint(held)
    with pytest.raises(InputError, match="needs the training rows in memory"):
        model.to_sklearn()


def test_rows_on_disk_are_kept_if_asked_for(rows: tuple[pd.DataFrame, str], tmp_path: Path) -> None:
    frame, path = rows
    X = frame.drop(columns="y")
    model = KNeighborsClassifier(store="rows").fit(path, "y")
    shardlearn.save(model, tmp_path / "m")
    (head,) = (tmp_path / "m").glob("model-*.json")
    assert json.loads(head.read_text())["holds"] == "900 training rows, as they are"
    for file in Path(path).parent.iterdir():
        file.unlink()
    back = shardlearn.load(tmp_path / "m")
    np.testing.assert_array_equal(back.predict(X), KNeighborsClassifier().fit(X, frame["y"].to_numpy()).predict(X))
    assert back.to_sklearn().predict(X).tolist() == back.predict(X).tolist()


def test_a_base_that_changed_is_refused(rows: tuple[pd.DataFrame, str], tmp_path: Path) -> None:
    frame, path = rows
    model = KNeighborsClassifier().fit(path, "y")
    shardlearn.save(model, tmp_path / "m")
    frame.iloc[:299].to_parquet(Path(path).parent / "0.parquet")
    for one in (model, shardlearn.load(tmp_path / "m")):
        with pytest.raises(SourceChangedError, match="have changed since it was fitted"):
            one.predict(frame.drop(columns="y"))


def test_labels_beside_a_path_are_kept(rows: tuple[pd.DataFrame, str], tmp_path: Path) -> None:
    frame, path = rows
    X, y = frame.drop(columns="y"), frame["y"].to_numpy().astype(str)
    source = shardlearn.read(path, drop_columns=["y"])
    model = KNeighborsClassifier().fit(source, y)
    shardlearn.save(model, tmp_path / "m")
    held = KNeighborsClassifier().fit(X, y)
    for one in (model, shardlearn.load(tmp_path / "m")):
        np.testing.assert_array_equal(one.predict(X), held.predict(X))
        assert shardlearn.fingerprint(one) == shardlearn.fingerprint(held)


def test_a_source_without_a_name_is_not_saved(rows: tuple[pd.DataFrame, str], tmp_path: Path) -> None:
    import pyarrow.dataset as ds

    frame, path = rows
    X = frame.drop(columns="y")
    model = NearestNeighbors().fit(shardlearn.read(ds.dataset(str(Path(path).parent)), drop_columns=["y"]))
    np.testing.assert_array_equal(model.kneighbors(X)[1], NearestNeighbors().fit(X).kneighbors(X)[1])
    with pytest.raises(StorageError, match="have no name"):
        shardlearn.save(model, tmp_path / "m")


@pytest.mark.parametrize("name", ["rows_", "targets_", "classes_", "n_samples_fit_", "n_features_in_"])
def test_attributes_that_do_not_fit_together_are_refused(name: str, tmp_path: Path) -> None:
    X, _ = data("normal", 50, 3, 1)
    model = KNeighborsClassifier().fit(X, np.arange(50) % 3)
    setattr(model, name, getattr(model, name)[:-1] if name.endswith("s_") else getattr(model, name) + 1)
    shardlearn.save(model, tmp_path / "m")
    with pytest.raises(StorageError, match="_ is no attribute of a fitted KNeighborsClassifier"):
        shardlearn.load(tmp_path / "m")


# -- parameters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_signatures_are_those_of_scikit_learn_and_store(ours: Any, theirs: Any) -> None:
    mine, other = inspect.signature(ours).parameters, inspect.signature(theirs).parameters
    assert list(mine) == [*other, "store"]
    for name in other:
        assert (mine[name].kind, mine[name].default) == (other[name].kind, other[name].default)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"metric": "precomputed"}, "one of"),
    ({"metric": "nan_euclidean"}, "one of"),
    ({"metric": len}, "one of"),
    ({"metric_params": {"w": [1.0]}}, "metric_params=None"),
    ({"p": 0.5}, "p=1"),
    ({"metric": "inner_product", "weights": "distance"}, "uniform"),
]


@pytest.mark.parametrize(("told", "fix"), REFUSED)
def test_refused_in_words(told: dict[str, Any], fix: str) -> None:
    X, _ = data("normal", 20, 2, 1)
    with pytest.raises(ParameterError, match="does not support") as caught:
        KNeighborsClassifier(**told).fit(X, np.arange(20) % 2)
    assert caught.value.code == "SL1002"
    assert fix in str(caught.value)


@pytest.mark.parametrize("told", [{"n_neighbors": 0}, {"weights": "much"}, {"leaf_size": 0}, {"store": "disk"}])
def test_wrong_values_in_the_words_of_scikit_learn(told: dict[str, Any]) -> None:
    X, _ = data("normal", 20, 2, 1)
    with pytest.raises(ParameterError, match=f"The '{next(iter(told))}' parameter of KNeighborsClassifier must be"):
        KNeighborsClassifier(**told).fit(X, np.arange(20) % 2)


def test_more_neighbours_than_rows() -> None:
    X, _ = data("normal", 20, 2, 1)
    model = NearestNeighbors(n_neighbors=20).fit(X)
    with pytest.raises(ParameterError, match="Expected n_neighbors <= n_samples_fit, but n_neighbors = 21"):
        model.kneighbors(X, 21)
    with pytest.raises(ParameterError, match="Expected n_neighbors < n_samples_fit, but n_neighbors = 20"):
        model.kneighbors()
    with pytest.raises(ParameterError, match="enter integer value"):
        model.kneighbors(X, 2.5)
    with pytest.raises(ParameterError, match="Expected n_neighbors > 0"):
        model.kneighbors(X, -1)


def test_missing_values_are_refused() -> None:
    X, _ = data("normal", 20, 2, 1)
    bad = np.where(np.arange(40).reshape(20, 2) == 7, np.nan, X)
    for rows in (bad, sp.csr_array(bad)):
        with pytest.raises(InputError, match="contains NaN"):
            NearestNeighbors().fit(rows)
        with pytest.raises(InputError, match="contains NaN"):
            NearestNeighbors().fit(X).kneighbors(rows)
    with pytest.raises(InputError, match="Unknown label type"):
        KNeighborsClassifier().fit(X, X[:, 0])


# -- real data ---------------------------------------------------------------------------------------------------------

FOLDER = os.environ.get("SHARDLEARN_DATA", "")
real = pytest.mark.skipif(not FOLDER, reason="SHARDLEARN_DATA names no folder of data sets")


def within(ours: Any, theirs: Any, X: Any, y: Any) -> None:
    """Distances agree to rounding, and ids wherever the distance to the next one is larger than that."""
    one, ids = ours.fit(X, y).kneighbors(X)
    other, wanted = theirs.fit(X, y).kneighbors(X)
    scale = np.abs(X).max()
    np.testing.assert_allclose(one, other, atol=1e-5 * scale)
    clear = np.diff(one, axis=1, append=np.inf).min(axis=1) > 1e-9 * scale
    np.testing.assert_array_equal(np.sort(ids[clear][:, :-1]), np.sort(wanted[clear][:, :-1]))


@real
def test_iris() -> None:
    frame = pd.read_csv(Path(FOLDER, "iris", "iris.csv"), header=None).dropna()
    X, y = frame.iloc[:, :4].to_numpy(float), frame.iloc[:, 4].to_numpy()
    within(KNeighborsClassifier(), sk.KNeighborsClassifier(), X, y)
    for weights in ("uniform", "distance"):
        ours = KNeighborsClassifier(15, weights=weights).fit(X, y)
        theirs = sk.KNeighborsClassifier(15, weights=weights).fit(X, y)
        assert ours.score(X, y) == theirs.score(X, y)


@real
def test_california() -> None:
    frame = pd.read_csv(Path(FOLDER, "california_housing", "housing.csv")).dropna()
    X = frame.drop(columns=["median_house_value", "ocean_proximity"]).to_numpy(float)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = frame["median_house_value"].to_numpy(float)
    within(KNeighborsRegressor(), sk.KNeighborsRegressor(), X, y)
    ours, theirs = KNeighborsRegressor(10).fit(X[::2], y[::2]), sk.KNeighborsRegressor(10).fit(X[::2], y[::2])
    assert abs(ours.score(X[1::2], y[1::2]) - theirs.score(X[1::2], y[1::2])) < 1e-4


def fashion() -> tuple[Any, Any, Any, Any]:
    """Training images (60,000 x 784) and labels, test images (10,000) and labels."""
    out = []
    for name, head, shape in (("images-idx3", 16, (-1, 784)), ("labels-idx1", 8, (-1,))):
        for part in ("train", "t10k"):
            with gzip.open(Path(FOLDER, "fashion_mnist", f"{part}-{name}-ubyte.gz")) as file:
                out.append(np.frombuffer(file.read()[head:], np.uint8).reshape(shape))
    images, tests, labels, wanted = out
    return images.astype(np.float32), labels.astype(np.int64), tests.astype(np.float32), wanted.astype(np.int64)


@real
@pytest.mark.slow
def test_fashion_mnist_accuracy_is_that_of_brute_force() -> None:
    X, y, Q, labels = fashion()
    model = KNeighborsClassifier(10).fit(X, y)
    score = model.score(Q, labels)
    # pixels are whole numbers, so squared distances are exact in float64, and in a product of matrices too
    x, q, ids = X.astype(float), Q.astype(float), []
    for part in np.array_split(q, 50):
        square = (x * x).sum(axis=1) - 2.0 * (part @ x.T)
        limit = np.partition(square, 9, axis=1)[:, 9]
        for row, top in zip(square, limit, strict=True):
            near = np.flatnonzero(row <= top)
            ids.append(near[np.lexsort((near, row[near]))][:10])
    votes = np.stack([(y[np.array(ids)] == c).sum(axis=1) for c in range(10)], axis=1)
    assert score == (votes.argmax(axis=1) == labels).mean()
    np.testing.assert_array_equal(np.sort(model.kneighbors(Q, return_distance=False)), np.sort(ids))
