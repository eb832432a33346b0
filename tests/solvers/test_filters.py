"""Rows and centres that k-means does not compare: no label and no centre of any iteration is another one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.probes.shaken import Shaken
from tests.solvers.test_kmeans import clusters, solved

from shardlearn import kernels
from shardlearn.core.solver import Status
from shardlearn.solvers.kmeans import KMeans
from shardlearn.solvers.lloyd import PAYS, Lloyd

KINDS = ["blobs", "noise", "duplicates", "grid", "offset", "outlier"]


def kind_of(kind: str) -> Any:
    draw = np.random.default_rng(9)
    X = draw.normal(size=(3000, 12))
    if kind == "blobs":
        X += 6.0 * draw.normal(size=(40, 12))[draw.integers(0, 40, 3000)]
    if kind == "duplicates":
        X = X[draw.integers(0, 300, 3000)]
    if kind == "grid":
        X = np.rint(X)
    if kind == "offset":
        X += 1e6
    if kind == "outlier":
        X[5] = 1e9
    return X


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_bounds_change_no_label_in_any_iteration(kind: str, dtype: Any) -> None:
    """Sums and weights of all iterations, bit for bit, and the last labels; also where columns are lost."""
    X = kind_of(kind).astype(dtype)
    problem = clusters(X, 50, start=X[:50].astype(float))
    assert problem.k * 12 >= PAYS

    def states(solver: Any) -> list[bytes]:
        found = [s.lloyd for s in solved(solver, problem, X, after=True) if s.lloyd]
        return [found[-1].labels.tobytes(), *(s.centers.tobytes() + s.sums.tobytes() for s in found)]

    wanted = states(KMeans(Lloyd(0.0, 25, labels=True, bounds=False)))
    assert len(wanted) > 8
    filtered = KMeans(Lloyd(0.0, 25, labels=True))
    assert states(filtered) == wanted
    for share in (0.3, 1.0):
        assert states(Shaken(filtered, share)) == wanted


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_directions_change_no_label_in_any_iteration(kind: str, dtype: Any) -> None:
    """As bounds don't; also where the coordinates of rows are lost."""
    draw = np.random.default_rng(3)
    wide = 0.05 * draw.normal(size=(3000, 80)) + kind_of(kind)[:, :7] @ draw.normal(size=(7, 80))
    X = (np.rint(wide) if kind == "grid" else wide).astype(dtype)
    problem = clusters(X, 64, start=X[:64].astype(float))

    def states(solver: Any) -> list[bytes]:
        found = [s.lloyd for s in solved(solver, problem, X, after=True) if s.lloyd]
        return [found[-1].labels.tobytes(), *(s.centers.tobytes() + s.sums.tobytes() for s in found)]

    wanted = states(KMeans(Lloyd(0.0, 12, labels=True, directions=False)))
    assert len(wanted) > 6
    led = KMeans(Lloyd(0.0, 12, labels=True))
    assert states(led) == wanted
    if kind != "outlier":
        assert solved(led, problem, X).lloyd.leading is not None
    for share in (0.3, 1.0):
        assert states(Shaken(led, share)) == wanted


def test_most_rows_are_not_compared_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    X, seen = kind_of("blobs"), []
    compared = kernels.nearest_bounds

    def spied(X: Any, points: Any, into: Any = None, some: Any = None) -> Any:
        seen.append(len(X) if some is None else len(some))
        return compared(X, points, into, some)

    monkeypatch.setattr(kernels, "nearest_bounds", spied)
    state = solved(KMeans(Lloyd(0.0)), clusters(X, 50, start=X[:50]), X).lloyd
    assert sum(seen) < 0.45 * len(X) * state.iterations
    assert seen[-1] < 32  # of the 184 rows of the last block


@pytest.mark.parametrize("size", [1e-100, 1e37, 3e38, 1e100, 1e145])
def test_sizes_beyond_float32(size: float) -> None:
    """The same labels: float64 has the squares."""
    X = kind_of("blobs")
    size = 2.0 ** np.rint(np.log2(size))
    solver = KMeans(Lloyd(0.0, 12, labels=True))
    wanted = solved(solver, clusters(X, 50, start=X[:50]), X).lloyd
    found = solved(solver, clusters(X * size, 50, start=X[:50] * size), X * size).lloyd
    np.testing.assert_array_equal(found.labels, wanted.labels)
    np.testing.assert_allclose(found.centers, wanted.centers * size, rtol=1e-12)
    assert solved(solver, clusters(X * size, 50), X * size).lloyd.status is not Status.RUNNING


def test_most_centres_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels would be the same if all were: so scores are counted, of rows as they are."""
    draw = np.random.default_rng(3)
    X = 0.05 * draw.normal(size=(3000, 80)) + kind_of("blobs")[:, :7] @ draw.normal(size=(7, 80))
    compared, scored, rows = kernels.nearest_led, [], []

    def spied(X: Any, led: Any, few: Any, into: Any = None, some: Any = None) -> Any:
        found = compared(X, led, few, into, some)
        scored.append(found[1])
        rows.append(len(X) if some is None else len(some))
        return found

    monkeypatch.setattr(kernels, "nearest_led", spied)
    solved(KMeans(Lloyd(0.0, 12)), clusters(X, 64, start=X[:64]), X)
    assert sum(rows) > 3000
    assert sum(scored) < 8 * sum(rows)
