"""The library's own models: saved, loaded here and in a new process, the same in every bit."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError

import shardlearn
from shardlearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans
from shardlearn.linear_model import LinearRegression, LogisticRegression, Ridge
from shardlearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestNeighbors,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)
from shardlearn.storage import model

draw = np.random.default_rng(0)
X = draw.standard_normal((300, 4))
Y = X @ np.array([1.0, -1.0, 2.0, 0.0]) + draw.standard_normal(300)
FRAME = pd.DataFrame(X, columns=["a", "b", "c", "d"])
WORDS = np.where(Y > 0, "late", "in time")
CLASSES = np.digitize(Y, [-1.0, 1.0])
MODELS = {
    "least squares": LinearRegression().fit(X, Y),
    "least squares, two targets": LinearRegression(fit_intercept=False).fit(X, np.stack([Y, -Y], axis=1)),
    "least squares, frame": LinearRegression(positive=True).fit(FRAME, Y),
    "ridge": Ridge(alpha=np.float64(0.5), random_state=np.random.RandomState(0)).fit(X.astype(np.float32), Y),
    "ridge, penalties": Ridge(alpha=np.array([1.0, 2.0])).fit(X, np.stack([Y, -Y], axis=1)),
    "logistic": LogisticRegression(class_weight={"late": 2, "in time": 1.0}).fit(FRAME, WORDS),
    "logistic, words in a frame": LogisticRegression().fit(FRAME, pd.Series(WORDS, dtype=object)),
    "logistic, bool": LogisticRegression(C=np.inf).fit(sp.csr_array(X), Y > 0),
    "neighbours": NearestNeighbors(n_neighbors=np.int64(3), metric="manhattan").fit(FRAME),
    "neighbours, sparse": KNeighborsClassifier(p=np.inf).fit(sp.csr_array(np.where(X > 0, X, 0)), WORDS),
    "neighbours in a radius": RadiusNeighborsClassifier(0.5, outlier_label="?").fit(FRAME, WORDS),
    "neighbours in a radius, targets": RadiusNeighborsRegressor(9.0, metric="manhattan").fit(X, Y),
    "neighbours, targets": KNeighborsRegressor(weights="distance").fit(X, np.stack([Y, -Y], axis=1)),
    "logistic, classes": LogisticRegression(tol=1e-6).fit(X, CLASSES),
    "k-means": KMeans(5, random_state=0).fit(FRAME),
    "k-means, array": KMeans(init=X[:8].astype(np.float32)).fit(X.astype(np.float32)),
    "bisecting": BisectingKMeans(5, random_state=0).fit(FRAME),
    "bisecting, one cluster": BisectingKMeans(1, random_state=0).fit(X.astype(np.float32)),
    "mini-batch": MiniBatchKMeans(5, random_state=0).fit(FRAME),
    "mini-batch, partial": MiniBatchKMeans(5, random_state=0).partial_fit(X[:99].astype(np.float32)).partial_fit(X),
}
METHODS = ("predict", "predict_proba", "decision_function")


@pytest.mark.parametrize("name", MODELS)
def test_there_and_back(name, tmp_path):
    fitted = MODELS[name]
    shardlearn.save(fitted, tmp_path / "m")
    back = shardlearn.load(tmp_path / "m")
    assert type(back) is type(fitted)
    assert shardlearn.fingerprint(back) == shardlearn.fingerprint(fitted)
    features = FRAME if hasattr(fitted, "feature_names_in_") else X
    for method in METHODS:
        if hasattr(fitted, method):
            one, two = getattr(fitted, method)(features), getattr(back, method)(features)
            assert one.dtype == two.dtype
            assert np.array_equal(one, two)
    assert {n for n in vars(fitted) if n.endswith("_")} - set(vars(back)) <= {"report_", "singular_", "labels_"}
    assert repr(back).startswith(type(back).__name__)


def test_all_in_a_new_process(tmp_path):
    expected = {}
    for i, fitted in enumerate(MODELS.values()):
        shardlearn.save(fitted, tmp_path / str(i))
        expected[str(tmp_path / str(i))] = shardlearn.fingerprint(fitted)
    code = "import json, sys, shardlearn as s; print(json.dumps({f: s.fingerprint(s.load(f)) for f in sys.argv[1:]}))"
    done = subprocess.run(
        [sys.executable, "-c", code, *expected], check=True, capture_output=True, text=True, timeout=60
    )
    assert json.loads(done.stdout) == expected


def test_what_varies_lies_beside(tmp_path):
    """Another engine, another container of the same rows: the files of the model are the same bytes."""
    shardlearn.save(LogisticRegression().fit(X, WORDS), tmp_path / "one")
    with shardlearn.engine("serial"):
        shardlearn.save(LogisticRegression().fit(FRAME, pd.Series(WORDS, dtype=object)), tmp_path / "two")
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / f).iterdir()} for f in ("one", "two"))
    models = [name for name in one if name.startswith("model-")]
    assert len(models) == 2
    assert [one[name] for name in models] == [two[name] for name in models]
    assert json.loads(two["run.json"])["report"]["engine"] == "serial"
    assert json.loads(one["run.json"])["report"]["rows"] == 300


def test_no_cell_of_the_data_is_saved(tmp_path):
    secret = np.where(np.arange(300) == 7, 123456.789, X[:, 0])
    shardlearn.save(LinearRegression().fit(np.column_stack([secret, X]), Y), tmp_path / "m")
    held = b"".join(path.read_bytes() for path in (tmp_path / "m").iterdir())
    assert b"123456.789" not in held
    assert np.float64(123456.789).tobytes() not in held


@pytest.mark.parametrize("name", ["ridge", "logistic"])
def test_attributes_that_do_not_fit_together_are_refused(name, tmp_path):
    shardlearn.save(MODELS[name], tmp_path / "m")
    back = shardlearn.load(tmp_path / "m")
    back.coef_ = back.coef_[..., :-1]
    shardlearn.save(back, tmp_path / "n")
    with pytest.raises(shardlearn.StorageError, match="coef_"):
        shardlearn.load(tmp_path / "n")


@pytest.mark.parametrize(
    ("name", "value"),
    [("cluster_centers_", X[:5, :3]), ("cluster_centers_", X[:0]), ("inertia_", "much"), ("n_features_in_", 0)],
)
def test_clusters_that_do_not_fit_together_are_refused(name, value, tmp_path):
    shardlearn.save(MODELS["k-means"], tmp_path / "m")
    back = shardlearn.load(tmp_path / "m")
    setattr(back, name, value)
    shardlearn.save(back, tmp_path / "n")
    with pytest.raises(shardlearn.StorageError, match=name):
        shardlearn.load(tmp_path / "n")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cluster_centers_", X[:5, :3]),
        ("counts_", X[0]),
        ("counts_", np.array([3.0, 1.0, -1.0, 2.0, 2.0])),
        ("sums_", X),
        ("n_steps_", -1),
        ("seed_", 1.5),
    ],
)
def test_batches_that_do_not_fit_together_are_refused(name, value, tmp_path):
    shardlearn.save(MODELS["mini-batch"], tmp_path / "m")
    back = shardlearn.load(tmp_path / "m")
    setattr(back, name, value)
    shardlearn.save(back, tmp_path / "n")
    with pytest.raises(shardlearn.StorageError, match=name):
        shardlearn.load(tmp_path / "n")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cluster_centers_", X[:5, :3]),
        ("left_", np.array([1, -1, -1])),
        ("left_", np.array([1, -1, 3, -1, 5, -1, 7, -1, -2])),
        ("left_", np.array([3, 1, -1, -1, 5, -1, 7, -1, -1])),
        ("left_", np.array([1, 1, 3, -1, 5, -1, 7, -1, -1])),
        ("node_centers_", X[:8]),
    ],
)
def test_trees_that_are_none_are_refused(name, value, tmp_path):
    shardlearn.save(MODELS["bisecting"], tmp_path / "m")
    back = shardlearn.load(tmp_path / "m")
    setattr(back, name, value)
    shardlearn.save(back, tmp_path / "n")
    with pytest.raises(shardlearn.StorageError, match=name):
        shardlearn.load(tmp_path / "n")


def test_every_estimator_of_the_library_can_be_saved():
    assert {type(fitted).__name__ for fitted in MODELS.values()} == set(model.ESTIMATORS)


def test_an_estimator_that_is_not_fitted_is_refused(tmp_path):
    with pytest.raises(NotFittedError, match="not fitted"):
        shardlearn.save(Ridge(), tmp_path / "m")
    assert not (tmp_path / "m").exists()
