"""The face of bisecting k-means: scikit-learn's clusters and words, in memory and on files."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import cluster as sk
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import adjusted_rand_score

import shardlearn
from shardlearn import InputError, ParameterError
from shardlearn.cluster import BisectingKMeans
from shardlearn.solvers.bisecting import Bisecting

rng = np.random.default_rng(0)
PLACES = np.array([[0, 0], [0, 9], [100, 0], [100, 7], [100, 1000], [130, 1000]])
TRUE = rng.integers(0, 6, 3000)
X = PLACES[TRUE] + 0.3 * rng.normal(size=(3000, 2))  # clusters of clusters: each split is clear
WEIGHT = rng.integers(0, 4, 3000).astype(float)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weights"])
@pytest.mark.parametrize(("dtype", "near"), [(np.float64, 1e-9), (np.float32, 1e-3)])
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_clear_splits_are_those_of_scikit_learn(form: str, dtype: Any, near: float, weight: Any) -> None:
    data: Any = X.astype(dtype)
    data = sparse.csr_array(data) if form == "csr" else data
    for k in range(1 if weight is None else 2, 7):  # their mean of all rows is without weights
        ours = BisectingKMeans(k, init="k-means++", n_init=3, random_state=0, tol=0.0).fit(data, sample_weight=weight)
        theirs = sk.BisectingKMeans(k, init="k-means++", n_init=3, random_state=0, tol=0.0).fit(X, sample_weight=weight)
        assert adjusted_rand_score(ours.labels_, theirs.labels_) == 1.0
        assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=near)
        order, other = (np.lexsort(np.rint(m.cluster_centers_.T)) for m in (ours, theirs))
        np.testing.assert_allclose(ours.cluster_centers_[order], theirs.cluster_centers_[other], rtol=near, atol=near)
        assert ours.cluster_centers_.dtype == dtype
        np.testing.assert_array_equal(ours.predict(data), ours.labels_)


def test_as_good_as_scikit_learn() -> None:
    data = load_digits().data
    for settings in ({}, {"bisecting_strategy": "largest_cluster"}):
        ours = [BisectingKMeans(12, random_state=s, **settings).fit(data).inertia_ for s in range(7)]
        theirs = [sk.BisectingKMeans(12, random_state=s, **settings).fit(data).inertia_ for s in range(7)]
        assert np.median(ours) <= 1.02 * np.median(theirs)
    many = [BisectingKMeans(12, n_init=4, random_state=s).fit(data).inertia_ for s in range(5)]
    assert np.median(many) <= 1.005 * np.median(ours)


def test_labels_are_those_of_the_way_down_the_tree() -> None:
    """Not those of the nearest centre."""
    data = load_digits().data.astype(np.float32)
    model = BisectingKMeans(20, random_state=1).fit(data)
    np.testing.assert_array_equal(model.predict(data), model.labels_)
    distances = model.transform(data)
    assert (distances.argmin(axis=1) != model.labels_).any()
    assert model.inertia_ == pytest.approx((distances[np.arange(len(data)), model.labels_] ** 2).sum(), rel=1e-6)
    assert model.score(data) == pytest.approx(-(distances.min(axis=1) ** 2).sum(), rel=1e-9)
    for i in (0, 7, 999):
        assert model.predict(data[i : i + 1])[0] == model.labels_[i]
    assert model.left_.tolist().count(-1) == 20
    assert model.report_.passes < 20 * 19  # splits share passes


@pytest.mark.parametrize("form", ["f64", "f32", "csr"])
def test_a_scikit_learn_object(form: str) -> None:
    data: Any = load_digits().data.astype(np.float32 if form == "f32" else np.float64)
    data = sparse.csr_array(data) if form == "csr" else data
    model = BisectingKMeans(9, random_state=1).fit(data)
    peer = model.to_sklearn()
    assert type(peer) is sk.BisectingKMeans
    assert (peer.predict(data) == model.labels_).mean() > 0.999
    assert list(peer.get_feature_names_out()) == list(model.get_feature_names_out())
    assert not {"left_", "node_centers_", "seed_"} & set(vars(peer))
    with pytest.raises(NotFittedError):
        BisectingKMeans().to_sklearn()


def test_files_and_models(tmp_path: Path) -> None:
    frame = pd.DataFrame(np.tile(X, (40, 1)), columns=["a", "b"])
    frame.assign(kind="x", w=np.tile(WEIGHT, 40)).to_parquet(tmp_path / "x.parquet", row_group_size=7000)
    wanted = BisectingKMeans(5, random_state=1).fit(frame, sample_weight=np.tile(WEIGHT, 40))
    with shardlearn.engine("threads", workers=1, memory="80MB"), shardlearn.checkpoint(tmp_path / "run", every=0):
        model = BisectingKMeans(5, random_state=1).fit(tmp_path / "x.parquet", y="kind", sample_weight="w")
    assert shardlearn.fingerprint(model) == shardlearn.fingerprint(wanted)
    assert shardlearn.fingerprint(shardlearn.resume(tmp_path / "run")) == shardlearn.fingerprint(wanted)
    with pytest.raises(AttributeError, match=r"predict\(source\)"):
        _ = model.labels_
    np.testing.assert_array_equal(model.predict(tmp_path / "x.parquet").to_numpy(), wanted.labels_)
    shardlearn.save(model, tmp_path / "model")
    again = shardlearn.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(frame), wanted.labels_)
    written = pd.read_parquet(again.predict(tmp_path / "x.parquet").to_parquet(tmp_path / "out", keep=["kind"]))
    np.testing.assert_array_equal(written.prediction, wanted.labels_)


class StopError(Exception):
    """In the middle of a fit."""


@pytest.mark.parametrize("stop", [3, 11, 20])
def test_a_fit_that_goes_on(stop: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, told = load_digits().data, Bisecting.tell
    wanted = BisectingKMeans(6, random_state=1).fit(data)

    def tell(self: Any, problem: Any, state: Any, answer: Any) -> Any:
        if state.rounds == stop:
            raise StopError
        return told(self, problem, state, answer)

    with monkeypatch.context() as patch, shardlearn.checkpoint(tmp_path / "run", every=0):
        patch.setattr(Bisecting, "tell", tell)
        with pytest.raises(StopError):
            BisectingKMeans(6, random_state=1).fit(data)
    with shardlearn.checkpoint(tmp_path / "run", every=0):
        again = BisectingKMeans(6, random_state=1).fit(data)
    assert shardlearn.fingerprint(again) == shardlearn.fingerprint(wanted)
    assert again.report_.passes < wanted.report_.passes
    np.testing.assert_array_equal(again.labels_, wanted.labels_)


def test_fewer_places_than_clusters_is_said() -> None:
    data = np.repeat(X[:3], 5, axis=0)
    with pytest.warns(ConvergenceWarning, match=r"distinct clusters \(3\) found smaller than n_clusters \(5\)"):
        model = BisectingKMeans(5, init="k-means++", random_state=0).fit(data)
    assert model.inertia_ == 0.0
    assert model.cluster_centers_.shape == (5, 2)
    np.testing.assert_array_equal(model.predict(data), model.labels_)


def test_a_fit_that_is_stopped_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Bisecting.tell

    def tell(self: Any, problem: Any, state: Any, answer: Any) -> Any:
        if state.rounds == 9:
            raise KeyboardInterrupt
        return told(self, problem, state, answer)

    monkeypatch.setattr(Bisecting, "tell", tell)
    model = BisectingKMeans(20, random_state=0)
    with pytest.raises(shardlearn.Interrupted, match="it is as it was before"):
        model.fit(load_digits().data)
    assert not hasattr(model, "cluster_centers_")


def test_signature_is_that_of_scikit_learn() -> None:
    mine, other = (inspect.signature(kind).parameters for kind in (BisectingKMeans, sk.BisectingKMeans))
    assert list(mine) == list(other)
    assert {name for name in mine if mine[name].default != other[name].default} == set()
    for method in ("fit", "predict", "transform", "score", "fit_predict", "fit_transform"):
        assert inspect.signature(getattr(BisectingKMeans, method)).parameters.keys() == (
            inspect.signature(getattr(sk.BisectingKMeans, method)).parameters.keys()
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_clusters": 0},
        {"init": "k-means||"},
        {"n_init": 0},
        {"max_iter": 0},
        {"tol": -1.0},
        {"algorithm": "full"},
        {"bisecting_strategy": "best"},
    ],
    ids=str,
)
def test_wrong_values_in_the_words_of_scikit_learn(wrong: dict[str, Any]) -> None:
    ((name, _),) = wrong.items()
    with pytest.raises(ParameterError, match=f"The '{name}' parameter of BisectingKMeans must be "):
        BisectingKMeans(**wrong).fit(X)


def test_refusals() -> None:
    with pytest.raises(ParameterError, match="BisectingKMeans does not support init="):
        BisectingKMeans(init=lambda data, k, random_state: data[:k]).fit(X)
    with pytest.raises(InputError, match="n_samples=5 should be >= n_clusters=8"):
        BisectingKMeans().fit(X[:5])
    data = X.copy()
    data[2345, 1] = np.nan
    with pytest.raises(InputError, match="row 2,345"):
        BisectingKMeans().fit(data)
    one, other = (shardlearn.fingerprint(BisectingKMeans(4, random_state=s).fit(X)) for s in (1, 2))
    assert one != other
