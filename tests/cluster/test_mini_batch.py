"""The face of mini-batch k-means: scikit-learn's quality and words, batches one by one, in memory and on files."""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import cluster as sk
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.metrics import adjusted_rand_score

import shardlearn
from shardlearn import InputError, ParameterError
from shardlearn.cluster import KMeans, MiniBatchKMeans
from shardlearn.solvers.mini_batch import MiniBatch
from shardlearn.solvers.one_batch import OneBatch

rng = np.random.default_rng(0)
SPOTS = 8.0 * rng.normal(size=(7, 6))
TRUE = rng.integers(0, 7, 5000)
X = SPOTS[TRUE] + rng.normal(size=(5000, 6))
WEIGHT = rng.uniform(0.0, 2.0, 5000)


@pytest.mark.parametrize("init", ["k-means++", "random"])
@pytest.mark.parametrize("form", ["f64", "f32", "csr"])
def test_it_finds_separated_clusters(form: str, init: str) -> None:
    data: Any = sparse.csr_array(X) if form == "csr" else X.astype(np.float32 if form == "f32" else np.float64)
    model = MiniBatchKMeans(7, init=init, n_init=5, random_state=0).fit(data)
    assert adjusted_rand_score(model.labels_, TRUE) > (0.99 if init == "k-means++" else 0.7)
    assert model.cluster_centers_.dtype == data.dtype
    assert model.n_iter_ == -(-model.n_steps_ * 1024 // 5000)
    assert model.report_.seed == model.seed_
    np.testing.assert_array_equal(model.predict(data), model.labels_)
    assert model.score(data) == -model.inertia_


def test_as_good_as_scikit_learn() -> None:
    data = load_digits().data
    ours = [MiniBatchKMeans(15, batch_size=256, random_state=s).fit(data).inertia_ for s in range(7)]
    theirs = [sk.MiniBatchKMeans(15, batch_size=256, random_state=s).fit(data).inertia_ for s in range(7)]
    assert np.median(ours) <= 1.01 * np.median(theirs)
    assert np.median(ours) <= 1.06 * KMeans(15, random_state=0).fit(data).inertia_


def test_one_batch_of_all_rows_is_an_iteration_of_k_means() -> None:
    """From the same start, also with weights; and scikit-learn's partial_fit."""
    for weight in (None, WEIGHT):
        settings: dict[str, Any] = {"init": X[:7], "reassignment_ratio": 0.0}
        one = MiniBatchKMeans(7, batch_size=9999, max_iter=1, **settings).fit(X, sample_weight=weight)
        whole = KMeans(7, init=X[:7], max_iter=1).fit(X, sample_weight=weight)
        np.testing.assert_allclose(one.cluster_centers_, whole.cluster_centers_, rtol=1e-9)
        part = MiniBatchKMeans(7, **settings).partial_fit(X, sample_weight=weight)
        assert part.cluster_centers_.tobytes() == one.cluster_centers_.tobytes()
        theirs = sk.MiniBatchKMeans(7, n_init=1, **settings).partial_fit(X, sample_weight=weight)
        np.testing.assert_allclose(part.cluster_centers_, theirs.cluster_centers_, rtol=1e-9)


def test_batches_one_by_one_as_in_scikit_learn() -> None:
    """The same centres, counts, labels and inertia after each of them."""
    ours = MiniBatchKMeans(7, init=X[:7], reassignment_ratio=0.0)
    theirs = sk.MiniBatchKMeans(7, init=X[:7], n_init=1, reassignment_ratio=0.0)
    for first in range(0, 5000, 700):
        rows, weight = X[first : first + 700], WEIGHT[first : first + 700]
        for model in (ours, theirs):
            model.partial_fit(rows, sample_weight=weight)
        np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-8)
        np.testing.assert_allclose(ours.counts_, theirs._counts, rtol=1e-8)
        np.testing.assert_array_equal(ours.labels_, theirs.labels_)
        assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-9)
    assert ours.n_steps_ == theirs.n_steps_ == 8
    sums = ours.sums_[0] + ours.sums_[1]
    np.testing.assert_allclose(sums / ours.counts_[:, None], ours.cluster_centers_, rtol=1e-15)


def stream(parts: Any, **settings: Any) -> MiniBatchKMeans:
    model = MiniBatchKMeans(7, random_state=3, **settings)
    for part, weight in parts:
        model.partial_fit(part, sample_weight=weight)
    return model


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_batches_one_by_one_whatever_holds_them(dtype: Any, tmp_path: Path) -> None:
    cuts = [(0, 900), (900, 1000), (1000, 5000)]
    frame = pd.DataFrame(X.astype(dtype), columns=list("abcdef"))
    parts = [(frame[i:j], WEIGHT[i:j]) for i, j in cuts]
    wanted = shardlearn.fingerprint(stream(parts))
    for workers in (1, 2, 3, 7):
        with shardlearn.engine("threads", workers=workers):
            assert shardlearn.fingerprint(stream(parts)) == wanted
    paths = []
    for i, j in cuts:
        paths.append((tmp_path / f"{i}.parquet", "w"))
        frame[i:j].assign(w=WEIGHT[i:j]).to_parquet(paths[-1][0])
    onfile = stream(paths)
    assert shardlearn.fingerprint(onfile) == wanted
    with pytest.raises(AttributeError, match=r"predict\(source\)"):
        _ = onfile.labels_
    assert shardlearn.fingerprint(stream(parts[:2])) != wanted


def test_batches_after_a_fit_and_after_loading(tmp_path: Path) -> None:
    """A model that was saved goes on to the same bits; a fit begins anew."""
    model = MiniBatchKMeans(7, random_state=1).fit(X[:3000].astype(np.float32))
    shardlearn.save(model, tmp_path / "model")
    steps, again = model.n_steps_, shardlearn.load(tmp_path / "model")
    for one in (model, again, pickle.loads(pickle.dumps(again))):
        one.partial_fit(X[3000:])
        assert one.n_steps_ == steps + 1
        assert one.cluster_centers_.dtype == np.float32
        assert not hasattr(one, "n_iter_")
    assert shardlearn.fingerprint(again) == shardlearn.fingerprint(model)
    assert model.seed_ == MiniBatchKMeans(7, random_state=1).fit(X).seed_
    wanted = shardlearn.fingerprint(MiniBatchKMeans(7, random_state=1).fit(X))
    assert shardlearn.fingerprint(model.fit(X)) == wanted


def test_other_features_are_refused() -> None:
    model = MiniBatchKMeans(7, random_state=1).partial_fit(pd.DataFrame(X, columns=list("abcdef")))
    with pytest.raises(InputError, match="X has 5 features, but MiniBatchKMeans is expecting 6"):
        model.partial_fit(X[:, :5])
    with pytest.raises(InputError, match="unseen at fit time"):
        model.partial_fit(pd.DataFrame(X, columns=list("abcdeg")))
    assert model.n_steps_ == 1
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.partial_fit(X[:3])
    assert list(model.feature_names_in_) == list("abcdef")
    with pytest.raises(InputError, match="n_samples=5 should be >= n_clusters=7"):
        MiniBatchKMeans(7).partial_fit(X[:5])
    with pytest.raises(InputError, match="Input X contains NaN"):
        model.partial_fit(pd.DataFrame(np.full((3, 6), np.nan), columns=list("abcdef")))


def test_checkpoints_of_batches(tmp_path: Path) -> None:
    """The same calls again return at once; a call on another model is refused."""
    parts = [(X[:900], None), (X[900:], None)]
    with shardlearn.checkpoint(tmp_path / "run", every=0):
        wanted = shardlearn.fingerprint(stream(parts))
    with pytest.MonkeyPatch.context() as patch, shardlearn.checkpoint(tmp_path / "run", every=0):
        patch.setattr(OneBatch, "tell", None)
        assert shardlearn.fingerprint(stream(parts)) == wanted
    with shardlearn.checkpoint(tmp_path / "run", every=0):
        model = MiniBatchKMeans(7, random_state=3).partial_fit(parts[0][0])
        model.counts_ = model.counts_ + 1.0
        with pytest.raises(shardlearn.StorageError, match="start"):
            model.partial_fit(parts[1][0])


class StopError(Exception):
    """In the middle of a fit."""


@pytest.mark.parametrize("stop", [1, 2])
def test_a_fit_that_goes_on(stop: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, told = np.tile(X, (10, 1)), MiniBatch.tell
    settings: dict[str, Any] = {"batch_size": 40_000, "tol": 1e-9, "random_state": 1, "max_iter": 9}
    wanted = MiniBatchKMeans(12, **settings).fit(data)

    def tell(self: Any, problem: Any, state: Any, answer: Any) -> Any:
        if state.rounds == stop:
            raise StopError
        return told(self, problem, state, answer)

    with monkeypatch.context() as patch, shardlearn.checkpoint(tmp_path / "run", every=0):
        patch.setattr(MiniBatch, "tell", tell)
        with pytest.raises(StopError):
            MiniBatchKMeans(12, **settings).fit(data)
    with shardlearn.checkpoint(tmp_path / "run", every=0):
        again = MiniBatchKMeans(12, **settings).fit(data)
    assert shardlearn.fingerprint(again) == shardlearn.fingerprint(wanted)
    assert again.report_.passes < wanted.report_.passes


def test_files(tmp_path: Path) -> None:
    """Larger than memory; the same bits, and a fit that is called again by its checkpoint."""
    data = np.tile(X, (40, 1))
    frame = pd.DataFrame(data, columns=list("abcdef")).assign(kind=np.tile(TRUE, 40))
    frame.to_parquet(tmp_path / "x.parquet", row_group_size=7000)
    wanted = MiniBatchKMeans(7, random_state=1).fit(frame.drop(columns="kind"))
    with shardlearn.engine("threads", workers=1, memory="95MB"), shardlearn.checkpoint(tmp_path / "run", every=0):
        model = MiniBatchKMeans(7, random_state=1).fit(tmp_path / "x.parquet", y="kind")
    assert shardlearn.fingerprint(model) == shardlearn.fingerprint(wanted)
    assert shardlearn.fingerprint(shardlearn.resume(tmp_path / "run")) == shardlearn.fingerprint(wanted)
    with pytest.raises(AttributeError, match=r"predict\(source\)"):
        _ = model.labels_
    np.testing.assert_array_equal(model.predict(tmp_path / "x.parquet").to_numpy(), wanted.labels_)


def test_too_little_memory_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    """A batch is in memory as a whole."""
    path = tmp_path / "x.parquet"
    pd.DataFrame(np.zeros((200_000, 30))).rename(columns=str).to_parquet(path)
    with shardlearn.engine("threads", workers=1, memory="80MB"):
        with pytest.raises(shardlearn.MemoryLimitError):
            MiniBatchKMeans(8, batch_size=200_000).fit(path)
        with pytest.raises(shardlearn.MemoryLimitError):
            MiniBatchKMeans(8).partial_fit(path)


def test_labels_only_where_they_are_asked_for() -> None:
    model = MiniBatchKMeans(7, random_state=1, compute_labels=False).fit(X)
    assert not hasattr(model, "labels_")
    wanted = MiniBatchKMeans(7, random_state=1).fit(X)
    assert model.inertia_ == pytest.approx(wanted.inertia_, rel=0.1)
    assert model.cluster_centers_.tobytes() == wanted.cluster_centers_.tobytes()
    np.testing.assert_array_equal(model.fit_predict(X), wanted.labels_)
    model.partial_fit(X[:99])
    assert not hasattr(model, "inertia_")
    data = X.copy()
    data[4321, 2] = np.inf
    with pytest.raises(InputError, match="row 4,321"):
        MiniBatchKMeans(7, random_state=1, compute_labels=False, max_iter=1).fit(data)


def test_a_callable_and_an_array_say_where_to_begin(tmp_path: Path) -> None:
    asked = []

    def first(data: Any, k: int, random_state: Any) -> Any:
        asked.append(random_state.randint(1000))
        return data[asked[-1] : asked[-1] + k]

    MiniBatchKMeans(7, init=first, random_state=0).fit(X)
    assert len(set(asked)) == 3
    MiniBatchKMeans(7, init=first, n_init=5).fit(X)
    assert len(asked) == 8
    MiniBatchKMeans(7, init=first, n_init=5).partial_fit(X)
    assert len(asked) == 9
    pd.DataFrame(X).rename(columns=str).to_parquet(tmp_path / "x.parquet")
    for call in (MiniBatchKMeans.fit, MiniBatchKMeans.partial_fit):
        with pytest.raises(ParameterError, match="MiniBatchKMeans does not support a callable init"):
            call(MiniBatchKMeans(7, init=first), tmp_path / "x.parquet")
        with pytest.raises(ParameterError, match="number of clusters"):
            call(MiniBatchKMeans(7, init=X[:6]), X)
    with pytest.warns(RuntimeWarning, match="performing only one init in MiniBatchKMeans"):
        MiniBatchKMeans(7, init=X[:7], n_init=4).fit(X)
    with pytest.warns(RuntimeWarning, match=r"init_size=3 should be larger than n_clusters=7"):
        MiniBatchKMeans(7, init_size=3).fit(X)
    assert MiniBatchKMeans(700, batch_size=9, random_state=0, max_iter=1).fit(X[:900]).inertia_ > 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_scikit_learn_object(dtype: Any) -> None:
    model = MiniBatchKMeans(7, random_state=1).fit(X.astype(dtype))
    peer = model.to_sklearn()
    assert type(peer) is sk.MiniBatchKMeans
    np.testing.assert_array_equal(peer.predict(X.astype(dtype)), model.labels_)
    assert list(peer.get_feature_names_out()) == list(model.get_feature_names_out())
    assert not {"sums_", "counts_", "seed_", "waiting_"} & set(vars(peer))
    peer.partial_fit(X[:500].astype(dtype))
    model.partial_fit(X[:500].astype(dtype))
    np.testing.assert_allclose(peer.cluster_centers_, model.cluster_centers_, rtol=1e-4)
    with pytest.raises(NotFittedError):
        MiniBatchKMeans().to_sklearn()


def test_signature_is_that_of_scikit_learn() -> None:
    mine, other = (inspect.signature(kind).parameters for kind in (MiniBatchKMeans, sk.MiniBatchKMeans))
    assert list(mine) == list(other)
    assert {name for name in mine if mine[name].default != other[name].default} == set()
    for method in ("fit", "partial_fit", "predict", "transform", "score", "fit_predict", "fit_transform"):
        assert inspect.signature(getattr(MiniBatchKMeans, method)).parameters.keys() == (
            inspect.signature(getattr(sk.MiniBatchKMeans, method)).parameters.keys()
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_clusters": 0},
        {"init": "k-means||"},
        {"n_init": 0},
        {"max_iter": 0},
        {"batch_size": 0},
        {"tol": -1.0},
        {"compute_labels": 3},
        {"max_no_improvement": -1},
        {"init_size": 0},
        {"reassignment_ratio": -0.1},
    ],
    ids=str,
)
def test_wrong_values_in_the_words_of_scikit_learn(wrong: dict[str, Any]) -> None:
    ((name, _),) = wrong.items()
    for call in (MiniBatchKMeans.fit, MiniBatchKMeans.partial_fit):
        with pytest.raises(ParameterError, match=f"The '{name}' parameter of MiniBatchKMeans must be "):
            call(MiniBatchKMeans(**wrong), X)


@pytest.mark.parametrize("kind", [MiniBatch, OneBatch])
def test_a_fit_that_is_stopped_before_there_are_centres(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def tell(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(kind, "tell", tell)
    model = MiniBatchKMeans(20, random_state=0)
    with pytest.raises(shardlearn.Interrupted, match="it is as it was before"):
        (model.fit if kind is MiniBatch else model.partial_fit)(X)
    assert not hasattr(model, "cluster_centers_")


def test_a_fit_that_is_stopped_has_the_last_centres(monkeypatch: pytest.MonkeyPatch) -> None:
    told = MiniBatch.tell

    def tell(self: Any, problem: Any, state: Any, answer: Any) -> Any:
        if state.rounds == 2:
            raise KeyboardInterrupt
        return told(self, problem, state, answer)

    monkeypatch.setattr(MiniBatch, "tell", tell)
    model = MiniBatchKMeans(20, random_state=0, max_no_improvement=None, batch_size=4, max_iter=1000)
    with pytest.raises(shardlearn.Interrupted, match="the model of the last whole round"):
        model.fit(X)
    assert model.n_steps_ > 0
    assert not hasattr(model, "inertia_")
    assert not hasattr(model, "labels_")
    assert model.predict(X).max() == 19
