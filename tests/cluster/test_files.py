"""Files of dense and sparse rows: the fingerprint of the array, however the rows lie and whoever reads them."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.datasets import dump_svmlight_file
from sklearn.exceptions import ConvergenceWarning
from tests.cluster.test_bits import NARROW, WEIGHT
from tests.linear_model.test_bits import layouts

import shardlearn
from shardlearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans

MODELS: dict[str, Any] = {
    "k-means": KMeans(5, random_state=1, max_iter=6),
    "cosine": KMeans(5, random_state=1, max_iter=6, metric="cosine"),
    "bisecting": BisectingKMeans(4, random_state=1, max_iter=4),
    "batches": MiniBatchKMeans(5, random_state=1, max_iter=5),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["bisecting", "batches"])
def test_whatever_holds_dense_rows(name: str, dtype: Any, tmp_path: Path) -> None:
    """That of `KMeans` is in test_bits.py."""
    model, X = MODELS[name], NARROW[:40_000].astype(dtype)
    data = pa.table({**{f"x{j}": column for j, column in enumerate(X.T)}, "w": WEIGHT[:40_000]})
    wanted = shardlearn.fingerprint(model.fit(X, sample_weight=WEIGHT[:40_000]))
    for held_by, held in layouts(data, tmp_path):
        assert shardlearn.fingerprint(model.fit(held, sample_weight="w")) == wanted, held_by


@pytest.mark.parametrize("name", MODELS)
def test_whatever_holds_sparse_rows(name: str, tmp_path: Path) -> None:
    """svmlight files of several blocks, one and five of them; predictions, distances and scores too."""
    draw = np.random.default_rng(5)
    X = sparse.random_array((30_000, 300), density=0.03, format="csr", random_state=draw, dtype=np.float64)
    X.data = np.rint(X.data * 100) / 4 + 0.25
    dump_svmlight_file(X, np.zeros(30_000), str(tmp_path / "one.svm"), zero_based=False)
    for i, at in enumerate((0, 7_001, 7_002, 20_000, 29_000)):
        part = X[at : [7_001, 7_002, 20_000, 29_000, 30_000][i]]
        dump_svmlight_file(part, np.zeros(part.shape[0]), str(tmp_path / f"many-{i}.svm"), zero_based=False)
    model = MODELS[name]
    with shardlearn.engine("serial"):
        wanted = shardlearn.fingerprint(model.fit(X))
        label, distance, score = model.predict(X), model.transform(X[:500]), model.score(X)
    patterns = ("one.svm", "many-*.svm")
    sources = {name: shardlearn.read(str(tmp_path / name), format="svmlight", n_features=300) for name in patterns}
    for pattern, workers in (("one.svm", 1), ("many-*.svm", 2), ("one.svm", 3), ("many-*.svm", 7)):
        with shardlearn.engine("threads", workers=workers):
            model.fit(sources[pattern])
            assert shardlearn.fingerprint(model) == wanted, (pattern, workers)
            np.testing.assert_array_equal(model.predict(sources[pattern]).to_numpy(), label)
            assert model.score(sources[pattern]) == score
    np.testing.assert_array_equal(model.transform(sources["one.svm"]).to_numpy()[:500], distance)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("kind", [KMeans, MiniBatchKMeans, BisectingKMeans])
def test_few_rows_and_few_places(kind: Any, form: Any) -> None:
    """As many clusters as rows, more clusters than places, and one row, which is its own centre."""
    own = {} if kind is BisectingKMeans else {"n_init": 1}
    spots = np.array([[3.0, 0.0, 1.5], [0.0, -2.0, 0.0], [7.0, 7.0, 0.0], [1e6, 1.0, 2.0]])
    exact = kind(4, random_state=0, **own).fit(form(spots))
    np.testing.assert_array_equal(exact.cluster_centers_[exact.labels_], spots)
    assert exact.inertia_ == 0.0
    one = kind(1, random_state=0, **own).fit(form(spots[:1]))
    np.testing.assert_array_equal(one.cluster_centers_, spots[:1])
    assert (one.inertia_, one.labels_.tolist()) == (0.0, [0])
    again = np.repeat(spots[:2], [30, 20], axis=0)
    with pytest.warns(ConvergenceWarning) if kind is not MiniBatchKMeans else nullcontext():
        model = kind(4, random_state=0, **own).fit(form(again))
    np.testing.assert_array_equal(model.cluster_centers_[model.labels_], again)
    assert model.inertia_ == 0.0
