"""Real data sets, read from the folder that SHARDLEARN_DATA names: agreement with scikit-learn from the same start."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn import cluster as sk
from tests.linear_model.test_real import FOLDER, covertype, held, kddcup, libsvm
from tests.linear_model.test_real import pytestmark as pytestmark
from tests.project.sources import ROOT

from shardlearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans


@cache
def fashion() -> Any:
    with gzip.open(held("fashion_mnist", "train-images-idx3-ubyte.gz")) as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
    return pixels[::6].astype(np.float32)


def both(X: Any, k: int, **settings: Any) -> tuple[KMeans, sk.KMeans]:
    """Ours and theirs from the same rows."""
    rows = np.random.default_rng(0).choice(X.shape[0], k, replace=False)
    start = X[np.sort(rows)]
    start = start.toarray() if hasattr(start, "toarray") else start
    return (
        KMeans(k, init=start, **settings).fit(X),
        sk.KMeans(k, init=start, n_init=1, **settings).fit(X),
    )


def test_covertype() -> None:
    """Columns from 0/1 to 7,000, in float64."""
    X, _ = covertype()
    ours, theirs = both(X, 20, max_iter=20, tol=0.0)
    assert (ours.labels_ == theirs.labels_).mean() > 0.9999
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-9)


def test_fashion_mnist() -> None:
    """784 pixels in float32; after 5 iterations rounding has sent next to no row elsewhere."""
    ours, theirs = both(fashion(), 50, max_iter=5, tol=0.0)
    assert (ours.labels_ == theirs.labels_).mean() > 0.9999
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-6)
    starts = [KMeans(50, random_state=seed, max_iter=20).fit(fashion()).inertia_ for seed in range(3)]
    others = [sk.KMeans(50, random_state=seed, max_iter=20).fit(fashion()).inertia_ for seed in range(3)]
    assert np.median(starts) <= 1.005 * np.median(others)


def test_fashion_mnist_as_in_float64() -> None:
    """20 iterations on float32 pixels: the labels that scikit-learn has in float64, where its float32 has others."""
    X = fashion()
    start = X[np.random.default_rng(1).choice(len(X), 100, replace=False)]
    ours = KMeans(100, init=start, max_iter=20, tol=0.0).fit(X)
    wide = sk.KMeans(100, init=start.astype(np.float64), n_init=1, max_iter=20, tol=0.0).fit(X.astype(np.float64))
    assert (ours.labels_ == wide.labels_).mean() > 0.9999
    assert ours.inertia_ == pytest.approx(wide.inertia_, rel=1e-9)


def test_kddcup() -> None:
    """Columns from 0/1 to 7e8, seven rows in ten duplicates."""
    X, _ = kddcup()
    for seed in range(2):
        model = KMeans(10, random_state=seed).fit(X)
        theirs = sk.KMeans(10, init=model.cluster_centers_, n_init=1).fit(X)
        assert theirs.inertia_ >= model.inertia_ * (1 - 1e-4)


def test_a9a_sparse() -> None:
    X, _ = libsvm("a9a_libsvm", "a9a.gz")
    X = sparse.csr_array((X.data, X.indices.astype(np.int32), X.indptr.astype(np.int32)), X.shape)  # as they want it
    ours, theirs = both(X, 10, max_iter=10, tol=0.0)
    assert (ours.labels_ == theirs.labels_).mean() > 0.999  # 0/1 features: many rows are equally far
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-4)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(MiniBatchKMeans, sk.MiniBatchKMeans), (BisectingKMeans, sk.BisectingKMeans)],
    ids=["batches", "halves"],
)
def test_as_good_as_scikit_learn(ours: Any, theirs: Any) -> None:
    """Fashion-MNIST and covertype: the median inertia of some seeds."""
    for X, k in ((fashion()[::4], 20), (covertype()[0][::9], 20)):
        mine, other = ([kind(k, random_state=s).fit(X).inertia_ for s in range(3)] for kind in (ours, theirs))
        assert np.median(mine) <= 1.02 * np.median(other)


def test_topics_of_newsgroups(tmp_path: Path) -> None:
    """The example's clusters are about something, and agree with groups that they do not know."""
    held("newsgroups20", "20news-bydate.tar.gz")
    program = [sys.executable, "-W", "error", ROOT / "examples" / "newsgroup_topics.py", FOLDER]
    run = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    topics = [line for line in run.stdout.splitlines() if "%" in line]
    assert len(topics) == 20
    for terms in ("space nasa orbit", "god jesus", "key", "hockey", "windows", "armenian"):
        assert any(all(term in line.split() for term in terms.split()) for line in topics), terms
    rand, measure = (float(found) for found in re.findall(r"(?:index|measure) ([0-9.]+)", run.stdout))
    assert rand > 0.2
    assert measure > 0.35
    assert not list(tmp_path.iterdir())


def test_an_example_without_its_data_says_what_it_wants(tmp_path: Path) -> None:
    program = [sys.executable, ROOT / "examples" / "newsgroup_topics.py", tmp_path]
    run = subprocess.run(program, capture_output=True, text=True, timeout=60)
    assert run.returncode == 1
    assert "name the folder that holds it, or set SHARDLEARN_DATA" in run.stderr
