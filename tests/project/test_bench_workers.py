"""The bench's workers tell what is compared: labels and iterations of a fit, neighbours of a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from bench.kmeans_field import DOUBLE, FIT, ITERATIONS, LLOYD, PASS, Contender
from bench.kmeans_worker import Fitted, nearest, timed
from bench.neighbors_worker import CACHED, READ, STREAMED, from_file, limit, search
from bench.peers import SKLEARN, US
from sklearn import cluster

rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    X = rng.standard_normal((3_000, 8), np.float32)
    np.save(folder / "X.npy", X)
    np.save(folder / "start.npy", X[:20])
    return folder


@pytest.mark.parametrize(
    ("library", "way", "dtype"), [(US, None, "f4"), (SKLEARN, LLOYD, "f4"), (SKLEARN, DOUBLE, "f8")]
)
def test_a_fit_leaves_labels_and_tells_iterations(folder: Path, library: str, way: str | None, dtype: str) -> None:
    X, start = (np.load(folder / name).astype(dtype) for name in ("X.npy", "start.npy"))
    one = Contender(library, way, folder)
    one.start()
    try:
        one.fit(FIT, write=True)
        one.fit(PASS)
    finally:
        one.stop()
    fitted, passed = one.answers
    peer = cluster.KMeans(20, init=start, n_init=1, tol=0.0, max_iter=ITERATIONS).fit(X)
    assert one.labels is not None
    np.testing.assert_array_equal(one.labels, peer.labels_)
    assert fitted["iterations"] == peer.n_iter_ == ITERATIONS
    assert abs(fitted["inertia"] / peer.inertia_ - 1) < 1e-5
    assert (fitted["passes"] or 0) >= (ITERATIONS if library == US else 0)
    assert passed["bytes"] == X.nbytes
    assert passed["flops"] == 2 * 3_000 * 20 * 8


def test_who_gives_no_labels_has_those_of_its_centres(folder: Path, tmp_path: Path) -> None:
    X, centers = np.load(folder / "X.npy"), np.load(folder / "start.npy")
    answer = timed(lambda X: Fitted(centers), X, SKLEARN, 1, str(tmp_path / "labels.npy"))
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), nearest(X, centers.astype(np.float64))[0])
    assert answer["iterations"] is None


@pytest.mark.parametrize("sparse", [False, True])
def test_nearest(sparse: bool) -> None:
    X, centers = rng.standard_normal((10_000, 4)), rng.standard_normal((7, 4))
    squares = np.square(X[:, None] - centers).sum(axis=2)
    labels, inertia = nearest(sp.csr_matrix(X) if sparse else X, centers)
    np.testing.assert_array_equal(labels, squares.argmin(axis=1))
    assert abs(inertia / squares.min(axis=1).sum() - 1) < 1e-12


def test_neighbours_of_a_file(tmp_path: Path) -> None:
    X, Q = rng.standard_normal((5_000, 16), np.float32), rng.standard_normal((50, 16), np.float32)
    path = str(tmp_path / "rows.parquet")
    pq.write_table(pa.table({f"x{j}": column for j, column in enumerate(X.T)}), path, row_group_size=1_000)
    wanted = search(SKLEARN, X)(Q, 10)
    np.testing.assert_array_equal(from_file(STREAMED, path)(Q, 10), wanted)
    assert from_file(READ, path)(Q, 10) is None
    less, room, none = (limit(way, 10**9) for way in (STREAMED, CACHED, ""))
    assert none is None
    assert less is not None
    assert room is not None
    assert less < 10**9 < room
