"""Points that are compared along few directions first: the labels and bounds of comparing them all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.kernels.test_clusters import check_bounds

from shardlearn import kernels
from shardlearn.core.matrix import Array, Floats
from shardlearn.kernels import Directions, Led, reference

SHAPES = [(1, 64, 64), (47, 100, 70), (300, 130, 100), (49, 784, 65)]
KINDS = ["flat tail", "grid", "offset", "outlier", "duplicates", "tiny", "huge", "noise"]


def data(kind: str, n: int, p: int, k: int, dtype: Any) -> tuple[Array, Floats]:
    """Rows about points most of whose differences lie along six directions."""
    rng = np.random.default_rng([n, p, k])
    along = np.linalg.qr(rng.normal(size=(p, 6)))[0].T
    C = 5.0 * rng.normal(size=(k, 6)) @ along + 0.01 * rng.normal(size=(k, p))
    X = C[rng.integers(0, k, n)] + 0.3 * rng.normal(size=(n, p))
    if kind == "grid":
        X, C = np.rint(4 * X), np.rint(4 * C)
    if kind == "offset":
        X, C = X + 1e6, C + 1e6
    if kind == "outlier":
        X[0], C[-1] = 1e9, 1e9
    if kind == "duplicates":
        X, C = X[rng.integers(0, n, n)], C[rng.integers(0, k // 3, k)]
    if kind in ("tiny", "huge"):
        X, C = (X * 1e-38, C * 1e-38) if kind == "tiny" else (X * 1e30, C * 1e30)
    if kind == "noise":
        X = 100.0 * rng.normal(size=(n, p))
    return X.astype(dtype), C.astype(dtype).astype(np.float64)


def along_six(C: Floats) -> Directions:
    """Whether it pays or not."""
    pivot = np.partition(C, len(C) // 2, axis=0)[len(C) // 2]
    _, _, vectors = np.linalg.svd((C - pivot) / np.abs(C).max(), full_matrices=False)
    return Directions.of(np.ascontiguousarray(vectors[:8]), pivot)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_those_of_all_points(shape: tuple[int, int, int], dtype: Any, kind: str) -> None:
    n, p, k = shape
    X, C = data(kind, n, p, k, dtype)
    directions = along_six(C)
    coordinates = directions.coordinates(X)
    found, _ = kernels.nearest_led(X, Led.of(C, directions), coordinates)
    np.testing.assert_array_equal(found.label, kernels.nearest(X, kernels.Points.of(C)).label)
    if kind not in ("tiny", "huge"):
        np.testing.assert_array_equal(found.label, reference.squares(X, C).argmin(axis=1))
        check_bounds(found, X, C)


@pytest.mark.parametrize("along", [False, True])
@pytest.mark.parametrize("n", [1, 50, 400])
def test_some_rows_alone(along: bool, n: int) -> None:
    """What is there of the others stays."""
    X, C = data("flat tail", 400, 130, 100, np.float32)
    directions, points = along_six(C), kernels.Points.of(C)
    few, led = directions.coordinates(X), Led.of(C, directions)
    whole = kernels.nearest_led(X, led, few)[0] if along else kernels.nearest_bounds(X, points)
    some = np.sort(np.random.default_rng(0).choice(400, n, replace=False))
    out = kernels.Bounded(np.full(400, -7, np.int32), np.zeros(400, np.float32), np.zeros(400, np.float32))
    if along:
        kernels.nearest_led(X, led, few, out, some)
    else:
        kernels.nearest_bounds(X, points, out, some)
    np.testing.assert_array_equal(out.label[some], whole.label[some])
    np.testing.assert_allclose(out.upper[some], whole.upper[some], rtol=1e-6)
    assert (np.delete(out.label, some) == -7).all()
    for wrong in ([400], [-1]):
        with pytest.raises(ValueError, match="a row is none of the rows"):
            kernels.nearest_bounds(X, points, out, np.array(wrong))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_left_bounds_products(dtype: Any) -> None:
    """|x.c - x'.c'| <= r_x r_c, also for directions that are hardly orthonormal."""
    _, C = data("flat tail", 200, 130, 100, dtype)
    X = C.astype(dtype)  # next to nothing is left of them
    for spoilt in (0.0, 1e-2):
        exact = along_six(C)
        vectors = exact.along.values + spoilt * np.random.default_rng(0).normal(size=exact.along.values.shape) / 130
        directions = Directions.of(vectors, exact.pivot)
        led, few = Led.of(C, directions), directions.coordinates(X).astype(np.float64)
        apart = np.abs((X - directions.pivot) @ (C - directions.pivot).T - few[:, :-1] @ led.few.values[:, :-1].T)
        assert (apart <= few[:, -1:] * led.few.values[:, -1]).all()
        assert (apart > 0.001 * few[:, -1:] * led.few.values[:, -1]).any()


def test_most_points_are_ruled_out() -> None:
    """Labels would be the same if none were: so scores are counted."""
    X, C = data("flat tail", 3000, 200, 100, np.float32)
    directions = along_six(C)
    found, scored = kernels.nearest_led(X, Led.of(C, directions), directions.coordinates(X))
    assert scored < 1.5 * len(X)
    near = np.sqrt(kernels.nearest(X, kernels.Points.of(C), squares=True).square)
    assert (found.upper < 1.1 * near).all()
    assert (found.lower > found.upper).mean() > 0.9


def test_rows_are_not_read_where_coordinates_decide() -> None:
    """Rows on the points themselves, of which nothing is left: the label is known before, and so are bounds."""
    rng = np.random.default_rng(0)
    C = 5.0 * rng.normal(size=(100, 6)) @ np.linalg.qr(rng.normal(size=(200, 6)))[0].T
    X = C[rng.integers(0, 100, 1000)].astype(np.float32)
    directions = along_six(C)
    coordinates = directions.coordinates(X)
    found, scored = kernels.nearest_led(np.full_like(X, np.nan), Led.of(C, directions), coordinates)
    assert scored == 0
    np.testing.assert_array_equal(found.label, reference.squares(X, C).argmin(axis=1))
    check_bounds(found, X, C)


def test_where_few_are_ruled_out_tiles_are_faster() -> None:
    X, C = (np.random.default_rng(s).normal(size=(n, 130)) for s, n in ((0, 480), (1, 100)))
    directions = along_six(C)
    _, scored = kernels.nearest_led(X, Led.of(C, directions), directions.coordinates(X))
    assert scored == X.shape[0] * len(C)


def test_shapes_are_checked() -> None:
    X, C = data("flat tail", 10, 64, 64, np.float64)
    directions = along_six(C)
    led, few = Led.of(C, directions), directions.coordinates(X)
    with pytest.raises(ValueError, match="rows has shape"):
        kernels.nearest_led(X, led, few[:5])
    with pytest.raises(ValueError, match="two or more"):
        kernels.nearest_led(X, Led.of(C[:1], directions), few)
    for label in ([0] * 9 + [64], [-1] * 10):
        with pytest.raises(ValueError, match="a label is none of the points"):
            kernels.label_squares(X, led.points, np.array(label, np.int32))
