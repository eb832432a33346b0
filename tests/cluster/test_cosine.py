"""Spherical k-means: against its definition with scikit-learn's cosines, closed forms, brute force."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.pairwise import cosine_distances
from sklearn.preprocessing import normalize

import shardlearn
from shardlearn import InputError, ParameterError, kernels
from shardlearn.cluster import KMeans

rng = np.random.default_rng(0)
TRUE = rng.integers(0, 7, 4000)
SPOTS = rng.normal(size=(7, 12))
X = (SPOTS[TRUE] + 0.4 * rng.normal(size=(4000, 12))) * rng.lognormal(0.0, 2.0, 4000)[:, None]
THIN = np.where(np.abs(X) < np.median(np.abs(X), axis=1, keepdims=True), 0.0, X)
WEIGHT = rng.uniform(0.0, 2.0, 4000)
FORMS: dict[str, Any] = {"dense": X, "csr": sparse.csr_array(THIN), "f32": X.astype(np.float32)}


def spherical(data: Any, centers: Any, weight: Any, rounds: int) -> tuple[Any, Any, float]:
    """Labels, centres and sum of 1 - cosine after so many iterations, by scikit-learn's normalize and cosines."""
    rows = normalize(np.asarray(data.todense() if sparse.issparse(data) else data, np.float64))
    centers = normalize(np.asarray(centers, np.float64))
    for _ in range(rounds):
        label = cosine_distances(rows, centers).argmin(axis=1)
        sums = np.array([(weight[:, None] * rows)[label == j].sum(axis=0) for j in range(len(centers))])
        centers = np.where(np.abs(sums).sum(axis=1)[:, None] > 0, normalize(sums), centers)
    apart = cosine_distances(rows, centers)
    return apart.argmin(axis=1), centers, float((weight * apart.min(axis=1)).sum())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rounds", [1, 4, 15])
def test_iterations_are_those_of_the_definition(form: str, weighted: bool, rounds: int) -> None:
    data, near = FORMS[form], 1e-6 if form == "f32" else 1e-11
    start = X[:7] if form != "csr" else THIN[:7]
    weight = WEIGHT if weighted else None
    model = KMeans(7, init=start, metric="cosine", max_iter=rounds, tol=0.0).fit(data, sample_weight=weight)
    label, centers, inertia = spherical(data, start, np.ones(4000) if weight is None else weight, model.n_iter_)
    assert model.n_iter_ <= rounds
    np.testing.assert_array_equal(model.labels_, label)
    np.testing.assert_allclose(model.cluster_centers_, centers, atol=near)
    np.testing.assert_allclose(np.linalg.norm(model.cluster_centers_, axis=1), 1.0, atol=near)
    assert model.inertia_ == pytest.approx(inertia, rel=near)
    assert model.score(data, sample_weight=weight) == -model.inertia_
    np.testing.assert_array_equal(model.predict(data), model.labels_)
    rows = data.toarray() if form == "csr" else data
    np.testing.assert_allclose(model.transform(data), cosine_distances(rows, model.cluster_centers_), atol=near)


@pytest.mark.parametrize("init", ["k-means||", "k-means++", "random"])
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_it_finds_directions(form: str, init: str) -> None:
    model = KMeans(7, init=init, n_init=4, random_state=0, metric="cosine").fit(FORMS[form])
    assert adjusted_rand_score(model.labels_, TRUE) > (0.95 if form == "dense" else 0.7)


@pytest.mark.parametrize("form", ["dense", "csr"])
def test_lengths_do_not_count(form: str) -> None:
    """Rows times powers of two: the same bits. Times anything: the same labels."""
    data = FORMS[form]
    wanted = KMeans(7, random_state=3, metric="cosine").fit(data)
    twos = 2.0 ** rng.integers(-400, 400, 4000)
    again = KMeans(7, random_state=3, metric="cosine").fit(scaled(data, twos))
    assert shardlearn.fingerprint(again) == shardlearn.fingerprint(wanted)
    others = KMeans(7, random_state=3, metric="cosine").fit(scaled(data, rng.uniform(0.1, 9.0, 4000)))
    np.testing.assert_array_equal(others.labels_, wanted.labels_)


def scaled(data: Any, by: Any) -> Any:
    return sparse.csr_array(sparse.diags_array(by) @ data) if sparse.issparse(data) else data * by[:, None]


@pytest.mark.parametrize("form", ["dense", "csr"])
@pytest.mark.parametrize("weighted", [False, True])
def test_rows_of_zeros(form: str, weighted: bool) -> None:
    """At 1 from every centre, label 0, and of no influence on centres."""
    some = rng.permutation(4000) < 300
    rows = np.where(some[:, None], 0.0, THIN)
    weight = WEIGHT if weighted else np.ones(4000)
    given = WEIGHT if weighted else None
    data = sparse.csr_array(rows) if form == "csr" else rows
    without = sparse.csr_array(rows[~some]) if form == "csr" else rows[~some]
    start = THIN[~some][:7]
    zero = ~rows.any(axis=1)
    assert zero.sum() >= 300
    model = KMeans(7, init=start, metric="cosine", tol=0.0).fit(data, sample_weight=given)
    fewer = KMeans(7, init=start, metric="cosine", tol=0.0).fit(
        without, sample_weight=None if given is None else weight[~some]
    )
    np.testing.assert_array_equal(model.labels_[~some], fewer.labels_)
    np.testing.assert_allclose(model.cluster_centers_, fewer.cluster_centers_, rtol=1e-13, atol=1e-15)
    assert (model.labels_[zero] == 0).all()
    assert (model.predict(data)[zero] == 0).all()
    assert (model.transform(data)[zero] == 1.0).all()
    assert model.inertia_ == pytest.approx(fewer.inertia_ + weight[some].sum(), rel=1e-12)
    assert model.score(data, sample_weight=given) == pytest.approx(-model.inertia_, rel=1e-15)
    for init in ("k-means||", "k-means++", "random"):
        lengths = np.linalg.norm(
            KMeans(7, init=init, random_state=0, metric="cosine").fit(data).cluster_centers_, axis=1
        )
        np.testing.assert_allclose(lengths, 1.0, rtol=1e-12)


@pytest.mark.parametrize("rounds", [1, 12])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_labels_of_rows_that_were_not_compared(dtype: Any, rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are what `predict` says, and what is left is what `score` says, with bounds and along a few directions."""
    draw, seen, compared = np.random.default_rng(3), [], kernels.nearest_led
    spots = 3.0 * draw.normal(size=(40, 7))[draw.integers(0, 40, 3000)] + draw.normal(size=(3000, 7))
    rows = (0.05 * draw.normal(size=(3000, 80)) + spots @ draw.normal(size=(7, 80))).astype(dtype)
    rows[5::9] = 0.0

    def spied(*asked: Any) -> Any:
        seen.append(len(asked[0]))
        return compared(*asked)

    monkeypatch.setattr(kernels, "nearest_led", spied)
    start = rows[rows.any(axis=1)][:64]
    model = KMeans(64, init=start, metric="cosine", max_iter=rounds, tol=0.0).fit(rows)
    assert seen
    np.testing.assert_array_equal(model.predict(rows), model.labels_)
    assert model.score(rows) == -model.inertia_
    assert not model.labels_[5::9].any()


@pytest.mark.parametrize("form", ["dense", "csr"])
def test_rows_of_zeros_have_the_first_label(form: str) -> None:
    """Wherever the centres are, whose lengths differ by rounding."""
    rows = np.where(np.arange(4000)[:, None] % 9 == 0, 0.0, THIN)
    data = sparse.csr_array(rows) if form == "csr" else rows
    for first in range(1, 9):
        model = KMeans(8, init=rows[first : first + 64 : 8] + 1e-3, metric="cosine", max_iter=2).fit(data)
        assert not model.labels_[::9].any()
        assert not model.predict(data[:9])[0]


def test_nothing_has_a_direction() -> None:
    for data in (np.zeros((9, 3)), sparse.csr_array((9, 3), dtype=float)):
        for init in ("k-means||", np.eye(3)):
            for weight in (None, np.ones(9)):
                with pytest.raises(InputError, match="No row has a direction") as caught:
                    KMeans(3, init=init, metric="cosine").fit(data, sample_weight=weight)
                assert caught.value.code == "SL2323"
    with pytest.raises(ParameterError, match="a row of zeros"):
        KMeans(3, init=np.diag([1.0, 0.0, 1.0]), metric="cosine").fit(X[:, :3])


def test_two_bisectors() -> None:
    """Rows at 10 and 30 degrees, at 200 and 240: centres at 20 and 220, 1 - cosine 10 and 20 degrees."""
    angle = np.deg2rad([10.0, 30.0, 200.0, 240.0])
    rows = np.stack([np.cos(angle), np.sin(angle)], axis=1) * np.array([[1.0], [50.0], [0.01], [3.0]])
    model = KMeans(2, random_state=0, metric="cosine").fit(rows)
    found = np.sort(np.rad2deg(np.arctan2(*model.cluster_centers_.T[::-1])) % 360.0)
    # lengths are one, so the mean direction of two rows is their bisector
    np.testing.assert_allclose(found, [20.0, 220.0], rtol=1e-13)
    wanted = 2 * (1 - np.cos(np.deg2rad(10.0))) + 2 * (1 - np.cos(np.deg2rad(20.0)))
    assert model.inertia_ == pytest.approx(wanted, rel=1e-12)


def test_the_best_of_all_partitions() -> None:
    """What is left is n - sum |S_j|, S_j the sum of a cluster's rows."""
    rows = normalize(np.random.default_rng(5).normal(size=(10, 3)))
    labels = (np.array([0, *other]) for other in itertools.product(range(3), repeat=9))
    best = min(10 - sum(np.linalg.norm(rows[label == j].sum(axis=0)) for j in range(3)) for label in labels)
    found = min(KMeans(3, random_state=s, metric="cosine").fit(rows).inertia_ for s in range(20))
    assert found == pytest.approx(best, rel=1e-12)


def test_files_and_saved_models(tmp_path: Path) -> None:
    frame = pd.DataFrame(THIN, columns=[f"x{j}" for j in range(12)])
    frame.to_parquet(tmp_path / "rows.parquet")
    wanted = KMeans(7, random_state=1, metric="cosine").fit(frame)
    model = KMeans(7, random_state=1, metric="cosine").fit(tmp_path / "rows.parquet")
    assert shardlearn.fingerprint(model) == shardlearn.fingerprint(wanted)
    np.testing.assert_array_equal(model.predict(tmp_path / "rows.parquet").to_numpy(), wanted.labels_)
    assert model.score(tmp_path / "rows.parquet") == -model.inertia_
    shardlearn.save(model, tmp_path / "model")
    again = shardlearn.load(tmp_path / "model")
    assert shardlearn.fingerprint(again) == shardlearn.fingerprint(model)
    np.testing.assert_array_equal(again.predict(frame), wanted.labels_)
    np.testing.assert_array_equal(again.predict(frame.iloc[:1]), wanted.labels_[:1])


def test_scikit_learn_has_no_such_thing() -> None:
    model = KMeans(7, random_state=1, metric="cosine").fit(X)
    with pytest.raises(ParameterError, match="does not support metric='cosine'") as caught:
        model.to_sklearn()
    assert "scikit-learn has no k-means by cosines" in str(caught.value)
    with pytest.raises(ParameterError, match="The 'metric' parameter of KMeans must be "):
        KMeans(7, metric="manhattan").fit(X)
    assert not hasattr(KMeans(7, random_state=1).fit(X).to_sklearn(), "metric")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_values_that_no_model_takes(form: str, bad: float) -> None:
    data = THIN.copy()
    data[3210] = 0.0
    data[3210, 5] = bad
    given = sparse.csr_array(data) if form == "csr" else data
    with pytest.raises(InputError, match="Input X contains") as caught:
        KMeans(7, random_state=0, metric="cosine").fit(given)
    assert "row 3,210" in str(caught.value)
