"""The face: scikit-learn's results and words, in memory and on files."""

from __future__ import annotations

import inspect
import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import cluster as sk
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import adjusted_rand_score

import shardlearn
from shardlearn import InputError, ParameterError
from shardlearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans
from shardlearn.solvers.lloyd import Lloyd
from shardlearn.solvers.seeding import Oversampling

rng = np.random.default_rng(0)
SPOTS = 8.0 * rng.normal(size=(7, 6))
TRUE = rng.integers(0, 7, 5000)
X = SPOTS[TRUE] + rng.normal(size=(5000, 6))
WEIGHT = rng.uniform(0.0, 2.0, 5000)


def theirs(data: Any, start: Any, **settings: Any) -> sk.KMeans:
    return sk.KMeans(len(start), init=start, n_init=1, **settings)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weights"])
@pytest.mark.parametrize(("dtype", "near"), [(np.float64, 1e-12), (np.float32, 1e-6)])
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_from_the_same_start(form: str, dtype: Any, near: float, weight: Any) -> None:
    data: Any = X.astype(dtype)
    if form == "csr":
        data = sparse.csr_array(np.where(np.abs(data) < 1.0, 0, data).astype(dtype))
    start = data[:7].toarray() if form == "csr" else data[:7]
    for settings in ({"tol": 0.0}, {"max_iter": 3}, {"tol": 1e-2}):
        if weight is not None and "tol" in settings and settings["tol"]:
            continue  # the variance is weighted here, and is not there
        ours = KMeans(7, init=start, **settings).fit(data, sample_weight=weight)
        other = theirs(data, start, **settings).fit(data, sample_weight=weight)
        np.testing.assert_array_equal(ours.labels_, other.labels_)
        assert ours.inertia_ == pytest.approx(other.inertia_, rel=near)
        assert dtype == np.float32 or ours.n_iter_ == other.n_iter_  # theirs are sums in float32
        assert ours.cluster_centers_.dtype == other.cluster_centers_.dtype
        np.testing.assert_allclose(ours.cluster_centers_, other.cluster_centers_, rtol=100 * near, atol=100 * near)
        assert ours.score(data, sample_weight=weight) == -ours.inertia_
        np.testing.assert_array_equal(ours.predict(data), ours.labels_)
        np.testing.assert_allclose(ours.transform(data), other.transform(data), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("form", ["dense", "csr"])
def test_an_outlier_in_float64(form: str) -> None:
    data = X.copy()
    data[100] = 1e9
    start = np.concatenate([data[:6], data[100:101]])
    given = sparse.csr_array(data) if form == "csr" else data
    ours, other = KMeans(7, init=start, tol=0.0).fit(given), theirs(data, start, tol=0.0).fit(data)
    agreed = KMeans(6, init=start[:6], tol=0.0).fit(np.delete(data, 100, axis=0))
    np.testing.assert_array_equal(ours.labels_, other.labels_)
    assert ours.inertia_ == pytest.approx(agreed.inertia_, rel=1e-12)
    assert ours.inertia_ == pytest.approx(other.inertia_, rel=1e-12)


HEAVY = [[1e5, 1.03, 2.0], [1e12, 1.03, 2.0], [2.0**24, 1, 1], [2.0**33, 1, 3], [1e-300, 1e-307, 3e-307], [7, 0.1, 0.3]]


@pytest.mark.parametrize("weight", HEAVY, ids=str)
@pytest.mark.parametrize("kind", [KMeans, MiniBatchKMeans, BisectingKMeans])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_light_rows_beside_a_heavy_one_keep_their_mean(form: Any, dtype: Any, kind: Any, weight: list[float]) -> None:
    """The exact quotient, rounded: twice to float64 in batches, whose sums are of two numbers."""
    places = np.array([[-9.0], [100.0], [101.0]], dtype)
    own = {
        KMeans: {"init": places[:2]},
        MiniBatchKMeans: {"init": places[:2], "n_init": 1, "batch_size": 3, "reassignment_ratio": 0.0},
        BisectingKMeans: {},
    }[kind]
    found = kind(2, **own).fit(form(places), sample_weight=np.array(weight))
    a, b = Fraction(weight[1]), Fraction(weight[2])
    exact = float((100 * a + 101 * b) / (a + b))
    assert sorted(found.cluster_centers_[:, 0].tolist()) == [-9.0, pytest.approx(dtype(exact), rel=2.0**-52, abs=0.0)]


def test_weights_of_many_sizes() -> None:
    """A mean of rows whose weights differ by 2^40, beside exact fractions; scikit-learn's is no nearer."""
    heavy = 2.0 ** rng.integers(-40, 1, 300) * rng.uniform(0.5, 1.0, 300)
    for dtype in (np.float64, np.float32):
        data = X[:300].astype(dtype)
        found = KMeans(1).fit(data, sample_weight=heavy).cluster_centers_[0]
        total = sum(map(Fraction, heavy.tolist()))
        for t, mean in enumerate(found.tolist()):
            terms = zip(heavy.tolist(), data[:, t].tolist(), strict=True)
            exact = sum((Fraction(w) * Fraction(x) for w, x in terms), Fraction(0)) / total
            assert mean == pytest.approx(float(exact), rel=2.0**-52 if dtype == np.float64 else 2.0**-24)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weights"])
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_empty_clusters_as_in_scikit_learn(form: str, weight: Any) -> None:
    start = np.concatenate([X[:5], np.full((2, 6), 1e3), np.full((1, 6), 2e3)])
    data = sparse.csr_array(X) if form == "csr" else X
    ours, other = KMeans(8, init=start, tol=0.0).fit(data, sample_weight=weight), theirs(X, start, tol=0.0)
    other.fit(X, sample_weight=weight)
    np.testing.assert_array_equal(ours.labels_, other.labels_)
    assert ours.inertia_ == pytest.approx(other.inertia_, rel=1e-12)


@pytest.mark.parametrize("init", ["k-means||", "k-means++", "random"])
def test_it_finds_separated_clusters(init: str) -> None:
    model = KMeans(7, init=init, n_init=3, random_state=0).fit(X)
    assert adjusted_rand_score(model.labels_, TRUE) > 0.99
    assert model.report_.seed == model.seed_


def test_starts_are_no_worse_than_theirs() -> None:
    ours = np.median([KMeans(25, random_state=s).fit(X).inertia_ for s in range(7)])
    other = np.median([sk.KMeans(25, n_init=1, random_state=s).fit(X).inertia_ for s in range(7)])
    assert ours <= 1.01 * other


def test_restarts_share_passes_and_the_best_counts() -> None:
    one = [KMeans(20, init="random", n_init=1, random_state=0).fit(X)]
    many = KMeans(20, init="random", n_init=8, random_state=0).fit(X)
    assert many.inertia_ <= one[0].inertia_
    assert many.report_.passes < 8 * one[0].report_.passes
    assert KMeans(20, init="random", random_state=0, max_iter=2).fit(X).inertia_ <= one[0].inertia_ * 1.5


def test_a_callable_and_an_array_say_where_to_begin(tmp_path: Path) -> None:
    def first(data: Any, k: int, random_state: Any) -> Any:
        assert random_state.randint(10) >= 0
        return data[:k]

    wanted = KMeans(7, init=X[:7]).fit(X)
    assert np.array_equal(KMeans(7, init=first, n_init=1).fit(X).labels_, wanted.labels_)
    pd.DataFrame(X).rename(columns=str).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(ParameterError, match="callable init"):
        KMeans(7, init=first).fit(tmp_path / "x.parquet")
    with pytest.warns(RuntimeWarning, match="performing only one init"):
        KMeans(7, init=X[:7], n_init=4).fit(X)
    for wrong, words in ((X[:6], "number of clusters"), (X[:7, :5], "number of features"), (X[0], "clusters")):
        with pytest.raises(ParameterError, match=words):
            KMeans(7, init=wrong).fit(X)
    with pytest.raises(ParameterError, match="NaN or infinity"):
        KMeans(7, init=np.full((7, 6), np.nan)).fit(X)


def test_labels_are_there_for_data_in_memory_only(tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(6)])
    frame["kind"] = TRUE
    path = str(tmp_path / "rows.parquet")
    frame.to_parquet(path)
    model = KMeans(7, random_state=1).fit(path, y="kind")
    with pytest.raises(AttributeError, match=r"predict\(source\)"):
        _ = model.labels_
    assert not hasattr(model, "labels_")
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = model.other
    wanted = KMeans(7, random_state=1).fit(frame.drop(columns="kind"))
    assert list(model.feature_names_in_) == list(wanted.feature_names_in_)
    assert shardlearn.fingerprint(model) == shardlearn.fingerprint(wanted)
    np.testing.assert_array_equal(model.predict(path).to_numpy(), wanted.labels_)
    written = pd.read_parquet(model.predict(path).to_parquet(tmp_path / "labels", keep=["kind"]))
    assert list(written.columns) == ["kind", "prediction"]
    distances = pd.read_parquet(model.transform(path).to_parquet(tmp_path / "distances"))
    assert list(distances.columns) == ["row", *(f"distance_{j}" for j in range(7))]
    assert model.score(path, y="kind") == -model.inertia_
    assert KMeans(7, random_state=1).fit_predict(path, y="kind").to_numpy().shape == (5000,)
    np.testing.assert_array_equal(KMeans(7, random_state=1).fit_predict(X), wanted.labels_)
    np.testing.assert_array_equal(KMeans(7, random_state=1).fit_transform(X), wanted.transform(frame.iloc[:, :6]))


def test_saved_and_loaded(tmp_path: Path) -> None:
    model = KMeans(7, random_state=1).fit(X)
    shardlearn.save(model, tmp_path / "model")
    again = shardlearn.load(tmp_path / "model")
    assert shardlearn.fingerprint(again) == shardlearn.fingerprint(model)
    np.testing.assert_array_equal(again.predict(X), model.labels_)
    assert not hasattr(again, "labels_")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).labels_, model.labels_)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_scikit_learn_object(dtype: Any) -> None:
    model = KMeans(7, random_state=1).fit(X.astype(dtype))
    peer = model.to_sklearn()
    assert type(peer) is sk.KMeans
    np.testing.assert_array_equal(peer.predict(X.astype(dtype)), model.labels_)
    np.testing.assert_array_equal(peer.labels_, model.labels_)
    assert peer.score(X.astype(dtype)) == pytest.approx(-model.inertia_, rel=1e-5)
    assert list(peer.get_feature_names_out()) == list(model.get_feature_names_out()) == [f"kmeans{j}" for j in range(7)]
    with pytest.raises(NotFittedError):
        KMeans().to_sklearn()


def test_signature_is_that_of_scikit_learn() -> None:
    mine, other = inspect.signature(KMeans).parameters, inspect.signature(sk.KMeans).parameters
    assert list(mine) == [*other, "metric"]
    assert {name for name in other if mine[name].default != other[name].default} == {"init"}
    for method in ("fit", "predict", "transform", "score", "fit_predict", "fit_transform"):
        assert inspect.signature(getattr(KMeans, method)).parameters.keys() == (
            inspect.signature(getattr(sk.KMeans, method)).parameters.keys()
        )


@pytest.mark.parametrize(
    "wrong",
    [{"n_clusters": 0}, {"init": "far"}, {"n_init": 0}, {"max_iter": 0}, {"tol": -1.0}, {"algorithm": "full"}],
    ids=str,
)
def test_wrong_values_in_the_words_of_scikit_learn(wrong: dict[str, Any]) -> None:
    ((name, _),) = wrong.items()
    with pytest.raises(ParameterError, match=f"The '{name}' parameter of KMeans must be "):
        KMeans(**wrong).fit(X)


def test_accepted_for_the_sake_of_scikit_learn() -> None:
    wanted = shardlearn.fingerprint(KMeans(7, random_state=1).fit(X).set_params(algorithm="elkan", copy_x=False))
    assert shardlearn.fingerprint(KMeans(7, random_state=1, algorithm="elkan", copy_x=False).fit(X)) == wanted


def test_refusals() -> None:
    with pytest.raises(InputError, match="n_samples=5 should be >= n_clusters=7") as caught:
        KMeans(7).fit(X[:5])
    assert caught.value.code == "SL2317"
    for bad in (np.nan, np.inf):
        data = X.copy()
        data[4321, 2] = bad
        with pytest.raises(InputError, match="Input X contains") as caught:
            KMeans(7).fit(data)
        assert "row 4,321" in str(caught.value)
        with pytest.raises(InputError, match="Input X contains"):
            KMeans(7, random_state=0).fit(X).score(data)
    with pytest.raises(InputError, match="Negative values"):
        KMeans(7).fit(X, sample_weight=-WEIGHT)
    with pytest.raises(InputError, match="at least one non-zero"):
        KMeans(7).fit(X, sample_weight=np.zeros(5000))


@pytest.mark.parametrize("form", ["dense", "csr"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("k", [1, 4])
def test_rows_to_predict_are_finite(form: str, bad: float, k: int) -> None:
    """Answers of clean rows show by themselves that these are."""
    X = np.random.default_rng(0).normal(size=(3000, 40))
    model, spoilt = KMeans(k, random_state=0).fit(X), X.copy()
    spoilt[2345, 7] = bad
    rows = sparse.csr_array(spoilt) if form == "csr" else spoilt
    for method in (model.predict, model.transform, model.score):
        with pytest.raises(InputError, match=r"(?s)Input X contains (NaN|infinity).*2,345"):
            method(rows)
    np.testing.assert_array_equal(model.predict(X), model.labels_)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("kind", [KMeans, MiniBatchKMeans, BisectingKMeans])
def test_squares_beyond_float64_are_refused(kind: Any, form: Any) -> None:
    """Rather than a model whose inertia is infinite; so are weights that take the sum of squares there."""
    for size, weight in ((1e200, None), (1.0, np.full(100, 1e306))):
        with pytest.raises(InputError, match="sum is beyond"):
            kind(3, **({} if kind is BisectingKMeans else {"n_init": 1})).fit(
                form(X[:100] * size), sample_weight=weight
            )
    with pytest.raises(InputError, match="sum is beyond"):
        KMeans(3, init=X[:3] * 1e200).fit(form(X[:100]))
    assert KMeans(3).fit(form(X[:100] * 1e145)).inertia_ < np.inf


def test_fewer_places_than_clusters_is_said() -> None:
    data = np.repeat(X[:3], 5, axis=0)
    with pytest.warns(ConvergenceWarning, match=r"distinct clusters \(3\) found smaller than n_clusters \(5\)"):
        model = KMeans(5, random_state=0).fit(data)
    assert model.inertia_ == 0.0


def test_a_seed_is_drawn_and_kept() -> None:
    one, other = KMeans(20).fit(X), KMeans(20).fit(X)
    assert one.seed_ != other.seed_
    again = KMeans(20, random_state=np.random.RandomState(3)).fit(X)
    assert again.seed_ == np.random.RandomState(3).randint(2**31 - 1)


def test_iris() -> None:
    data = load_iris().data
    model = KMeans(3, n_init=10, random_state=0).fit(data)
    best = sk.KMeans(3, n_init=10, random_state=0).fit(data)
    assert model.inertia_ == pytest.approx(best.inertia_, rel=1e-6)


@pytest.mark.parametrize("n_init", [1, 3])
def test_a_fit_that_is_stopped_has_the_last_centres(n_init: int, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Lloyd.tell

    def tell(self: Any, problem: Any, state: Any, answer: Any) -> Any:
        if state.iterations == 2:
            raise KeyboardInterrupt
        return told(self, problem, state, answer)

    monkeypatch.setattr(Lloyd, "tell", tell)
    model = KMeans(20, n_init=n_init, random_state=0)
    with pytest.raises(shardlearn.Interrupted, match="the model of the last whole round"):
        model.fit(X)
    assert model.n_iter_ == 2
    assert model.cluster_centers_.shape == (20, 6)
    assert not hasattr(model, "inertia_")
    assert not hasattr(model, "labels_")
    assert model.predict(X).max() == 19


def test_a_fit_that_is_stopped_before_there_are_centres(monkeypatch: pytest.MonkeyPatch) -> None:
    def tell(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Oversampling, "tell", tell)
    model = KMeans(20, random_state=0)
    with pytest.raises(shardlearn.Interrupted, match="it is as it was before"):
        model.fit(X)
    assert not hasattr(model, "cluster_centers_")


def test_too_little_memory_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pd.DataFrame(np.zeros((200_000, 30))).rename(columns=str).to_parquet(path)
    with shardlearn.engine("threads", workers=1, memory="80MB"), pytest.raises(shardlearn.MemoryLimitError):
        KMeans(50_000).fit(path)
