"""Silhouettes equal scikit-learn's, row by row, and do not depend on workers, engine and files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import metrics as sk
from sklearn.cluster import KMeans as Peer

import shardlearn
from shardlearn.cluster import KMeans
from shardlearn.metrics import silhouette_samples, silhouette_score


def spots(n: int = 700, p: int = 3) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, n)
    return rng.normal(0, 6, (4, p))[labels] + rng.normal(size=(n, p)), labels


@pytest.mark.parametrize("make", [np.asarray, lambda X: X.astype(np.float32), sparse.csr_matrix, pd.DataFrame])
@pytest.mark.parametrize("kind", [int, "label {}".format, float])
def test_all_rows(make: Any, kind: Any) -> None:
    X, labels = spots()
    X = make(np.round(X, 2))
    if make is pd.DataFrame:
        X.columns = ["a", "b", "c"]
    labels = np.array([kind(label) for label in labels])
    found = silhouette_samples(X, labels, sample_size=None)
    wanted = sk.silhouette_samples(np.asarray(X.todense() if sparse.issparse(X) else X, np.float64), labels)
    assert found.row.tolist() == list(range(len(labels)))
    assert found.label.tolist() == labels.tolist()
    assert found.rows == len(labels)
    assert np.abs(found.value - wanted).max() < (1e-7 if sparse.issparse(X) else 1e-10)
    assert silhouette_score(X, labels, sample_size=None) == pytest.approx(wanted.mean(), rel=1e-7)


@pytest.mark.parametrize("make", [np.asarray, lambda X: X.astype(np.float32), sparse.csr_matrix])
def test_cosine(make: Any) -> None:
    """Rows of zeros are at 1 from others, and at 0 from themselves.

    Unit rows in float32 put distances off by 2^-22, and so s = (b - a) / max(a, b) by 3 of these over the larger of two
    mean distances, which is above 0.03 here.
    """
    X, labels = spots()
    X[[0, 5, 40]] = 0.0
    X = make(np.round(X, 2))
    found = silhouette_samples(X, labels, metric="cosine", sample_size=None)
    wanted = sk.silhouette_samples(
        np.asarray(X.todense() if sparse.issparse(X) else X, np.float64), labels, metric="cosine"
    )
    assert np.abs(found.value - wanted).max() < (3 * 2.0**-22 / 0.03 if X.dtype == np.float32 else 1e-10)
    assert found.value[0] == pytest.approx(wanted[0], abs=1e-6)
    some = silhouette_samples(X, labels, metric="cosine", sample_size=60)
    assert np.abs(some.value - found.value[some.row]).max() < 1e-12


def test_a_sample_is_compared_with_all_rows() -> None:
    X, labels = spots(3000)
    found = silhouette_samples(X, labels, sample_size=100)
    assert len(found.row) == len(set(found.row.tolist())) == 100
    assert np.abs(found.value - sk.silhouette_samples(X, labels)[found.row]).max() < 1e-10
    assert found.label.tolist() == labels[found.row].tolist()
    again = silhouette_samples(X, labels, sample_size=100)
    other = silhouette_samples(X, labels, sample_size=100, random_state=1)
    assert again.row.tolist() == found.row.tolist() != other.row.tolist()
    assert found.mean == pytest.approx(sk.silhouette_score(X, labels), abs=0.1)


def test_the_bits_are_those_of_the_rows(tmp_path) -> None:
    X, labels = spots(40_000)
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(kind=labels)
    frame.to_parquet(tmp_path / "one.parquet")
    (tmp_path / "cut").mkdir()
    for i, part in enumerate(np.split(np.arange(len(frame)), [1, 700, 22_222])):
        frame.iloc[part].to_parquet(tmp_path / "cut" / f"{i}.parquet", row_group_size=997)
    wanted = silhouette_samples(X, labels, sample_size=50)
    for workers in (1, 2, 3, 7):
        for source in (str(tmp_path / "one.parquet"), str(tmp_path / "cut" / "*.parquet")):
            with shardlearn.engine("threads", workers=workers):
                found = silhouette_samples(source, "kind", sample_size=50)
            assert found.value.tobytes() == wanted.value.tobytes()
            assert found.row.tolist() == wanted.row.tolist()
    model = KMeans(4, random_state=0).fit(frame[["a", "b", "c"]])
    path = shardlearn.read(str(tmp_path / "one.parquet"), drop_columns=["kind"])
    assert silhouette_score(path, model, sample_size=50) == silhouette_score(X, model.labels_, sample_size=50)


def test_models() -> None:
    X, _ = spots()
    ours, theirs = KMeans(3, random_state=0).fit(X), Peer(3, n_init=1, random_state=0).fit(X)
    assert silhouette_score(X, ours, sample_size=None) == pytest.approx(sk.silhouette_score(X, ours.labels_), rel=1e-12)
    assert silhouette_score(X, theirs, sample_size=9) == silhouette_score(X, theirs.labels_, sample_size=9)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    named = KMeans(3, random_state=0).fit(frame)
    assert silhouette_score(frame, named) == silhouette_score(X, ours)


def test_models_of_directions() -> None:
    X, _ = spots()
    model = KMeans(3, metric="cosine", random_state=0).fit(X)
    wanted = sk.silhouette_score(X, model.labels_, metric="cosine")
    assert silhouette_score(X, model, sample_size=None) == pytest.approx(wanted, rel=1e-10)
    apart = sk.silhouette_score(X, model.labels_)
    assert silhouette_score(X, model, metric="euclidean", sample_size=None) == pytest.approx(apart, rel=1e-10)


def test_a_model_knows_its_columns(tmp_path) -> None:
    X, labels = spots()
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = KMeans(3, random_state=0).fit(frame)
    frame.assign(kind=labels)[["kind", "c", "b", "a"]].to_parquet(tmp_path / "more.parquet")
    found = silhouette_score(str(tmp_path / "more.parquet"), model)
    assert found == silhouette_score(frame, model)


def test_rows_alone_duplicates_and_dropped_rows(tmp_path) -> None:
    X, labels = np.array([[0.0], [0.0], [0.0], [0.0], [0.5], [5.0], [6.0]]), np.array([0, 0, 3, 3, 1, 2, 2])
    assert silhouette_samples(X, labels).value.tolist() == sk.silhouette_samples(X, labels).tolist()
    frame = pd.DataFrame({"a": [0.0, np.nan, 1.0, 7.0, 9.0], "kind": [0, 0, 0, 1, 1]})
    frame.to_parquet(tmp_path / "t.parquet")
    found = silhouette_samples(shardlearn.read(str(tmp_path / "t.parquet"), missing="drop"), "kind")
    left = frame.dropna()
    assert found.row.tolist() == [0, 2, 3, 4]
    assert found.value.tolist() == pytest.approx(sk.silhouette_samples(left[["a"]], left["kind"]).tolist())


@pytest.mark.parametrize("labels", [np.zeros(700), np.arange(700)])
def test_too_few_and_too_many_clusters(labels: Any) -> None:
    with pytest.raises(shardlearn.InputError, match=r"Number of labels is \d+\. Valid values are 2 to n_samples - 1"):
        silhouette_score(spots()[0], labels)


def test_what_is_wrong_is_said() -> None:
    X, labels = spots()
    with pytest.raises(shardlearn.ParameterError, match="sample_size must be None or a whole number of 1 or more"):
        silhouette_score(X, labels, sample_size=0)
    with pytest.raises(shardlearn.ParameterError, match="metric must be"):
        silhouette_score(X, labels, metric="cityblock")
    for wrong in (None, X):
        with pytest.raises(shardlearn.InputError, match="labels should be a 1d array"):
            silhouette_score(X, wrong)
    with pytest.raises(shardlearn.InputError, match="inconsistent numbers of samples"):
        silhouette_score(X, labels[1:])
    X[3, 1] = np.nan
    with pytest.raises(shardlearn.InputError, match="Input X contains NaN"):
        silhouette_score(X, labels)
