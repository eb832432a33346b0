"""Nearest points and nearest rows: ids equal to exact arithmetic's, whatever scores in float32 make of the data."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from shardlearn import kernels
from shardlearn.core.matrix import Array, Floats
from shardlearn.kernels import Neighbors, Points, reference

SHAPES = [
    (1, 1, 1),
    (5, 3, 2),
    (47, 1, 9),
    (48, 7, 8),
    (49, 16, 7),
    (300, 17, 65),
    (97, 65, 100),
    (64, 300, 9),
    (20, 0, 3),
]
every_shape = pytest.mark.parametrize("shape", SHAPES)
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
KINDS = ["normal", "grid", "offset", "outlier", "duplicates", "tiny", "spread"]
every_kind = pytest.mark.parametrize("kind", KINDS)


def data(kind: str, n: int, p: int, k: int, dtype: type) -> tuple[Array, Floats]:
    """Rows, and points of the same values: dyadic where ties are to be exact."""
    rng = np.random.default_rng([n, p, k])
    X, C = rng.normal(size=(n, p)), rng.normal(size=(k, p))
    if kind == "grid":
        X, C = np.rint(2 * X), np.rint(2 * C)
    if kind == "offset":
        X, C = X + 1e6, C + 1e6
    if kind == "outlier":
        X[0], C[-1] = 1e9, 1e9
    if kind == "duplicates":
        X, C = X[rng.integers(0, n, n)], C[rng.integers(0, max(k // 3, 1), k)]
    if kind == "tiny":
        X, C = X * 1e-38, C * 1e-38
    if kind == "spread":
        scale = 10.0 ** rng.integers(-6, 6, p)
        X, C = X * scale, C * scale
    rows = X.astype(dtype)
    rows.setflags(write=False)
    return rows, C.astype(dtype).astype(np.float64)


@every_shape
@every_dtype
@every_kind
def test_the_nearest_point(shape: tuple[int, int, int], dtype: type, kind: str) -> None:
    n, p, k = shape
    X, C = data(kind, n, p, k, dtype)
    wanted = reference.squares(X, C)
    for pivot in (None, np.zeros(p), X[:64].astype(np.float64).mean(axis=0)):
        got = kernels.nearest(X, Points.of(C, pivot), squares=True)
        np.testing.assert_array_equal(got.label, wanted.argmin(axis=1))
        np.testing.assert_array_equal(got.square, wanted.min(axis=1))


@every_shape
@every_dtype
@every_kind
@pytest.mark.parametrize("k", [1, 10, 400])
def test_the_nearest_rows(shape: tuple[int, int, int], dtype: type, kind: str, k: int) -> None:
    n, p, m = shape
    X, Q = data(kind, n, p, m, dtype)
    ids = np.random.default_rng(0).permutation(10 * n)[:n].astype(np.int64)
    wanted = reference.squares(X, Q).T
    order = np.lexsort((np.broadcast_to(ids, (m, n)), wanted), axis=1)[:, :k]
    found = Neighbors.none(m, k)
    for part in np.array_split(np.arange(n), 3):
        kernels.nearest_rows(X[part], ids[part], Points.of(Q), found)
    np.testing.assert_array_equal(found.id[:, : min(n, k)], ids[order])
    np.testing.assert_array_equal(found.square[:, : min(n, k)], np.take_along_axis(wanted, order, axis=1))
    assert (found.square[:, n:] == np.inf).all()
    assert (found.id[:, n:] == np.iinfo(np.int64).max).all()


@every_kind
def test_distances_are_chains_of_exact_multiply_adds(kind: str) -> None:
    X, C = data(kind, 6, 5, 3, np.float64)
    got = kernels.nearest(X, Points.of(C), squares=True)
    assert got.square is not None
    for x, label, square in zip(X, got.label, got.square, strict=True):
        assert square == chain(x, C[label])


def chain(x: Floats, c: Floats) -> float:
    total = 0.0
    for a, b in zip(x, c, strict=True):
        d = float(a) - float(b)
        try:
            total = float(Fraction(d) * Fraction(d) + Fraction(total))  # rounded once
        except OverflowError:
            return float("inf")
    return total


def test_reference_is_that_chain() -> None:
    X, C = data("spread", 30, 4, 7, np.float64)
    wanted = [[chain(x, c) for c in C] for x in X]
    np.testing.assert_array_equal(reference.squares(X, C), wanted)


def test_what_is_clear_is_not_done_again() -> None:
    """The certificate would hold as well if it sent every row to float64: so it is counted."""
    rng = np.random.default_rng(0)
    for dtype, shift in ((np.float32, 0.0), (np.float64, 1e6)):
        X = (rng.normal(size=(20_000, 32)) + shift).astype(dtype)
        got = kernels.nearest(X, Points.of(X[:64].astype(np.float64)))
        assert got.redone < 0.003 * len(X)
    X[0] = 1e12  # one far point takes nothing from the others
    assert kernels.nearest(X, Points.of(X[:64].astype(np.float64))).redone < 0.003 * len(X)


EXTREMES = [(1e300, 1e308), (1e-300, 5e-324), (3e38, 1e38), (1e-45, 1e-40), (0.0, 0.0)]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_that_are_not_finite_are_unclear(dtype: type, bad: float) -> None:
    """Wherever the value is, and whichever points: even one alone, or all of them at the pivot."""
    for n, p, k in ((1, 1, 1), (60, 5, 1), (60, 5, 3), (60, 70, 20)):
        X, C = (np.random.default_rng(seed).normal(size=(m, p)) for seed, m in ((0, n), (1, k)))
        for points in (C, 0.0 * C, 1e200 * C):
            for i, j in ((0, 0), (n - 1, p - 1), (n // 2, p // 2)):
                spoilt = X.astype(dtype)
                spoilt[i, j] = bad
                assert kernels.nearest(spoilt, kernels.Points.of(points)).unclear > 0
            if points is C:
                assert kernels.nearest(X.astype(dtype), kernels.Points.of(points)).unclear == 0


@pytest.mark.parametrize(("large", "small"), EXTREMES)
def test_extreme_values(large: float, small: float) -> None:
    rng = np.random.default_rng(1)
    X = np.where(rng.random((100, 6)) < 0.5, large, small) * rng.choice([-1.0, 1.0], (100, 6))
    C = np.ascontiguousarray(X[::7])
    wanted = np.array([[chain(x, c) for c in C] for x in X])
    np.testing.assert_array_equal(kernels.nearest(X, Points.of(C, np.zeros(6))).label, wanted.argmin(axis=1))
    found = Neighbors.none(len(C), 5)
    kernels.nearest_rows(X, np.arange(100), Points.of(C, np.zeros(6)), found)
    order = np.lexsort((np.broadcast_to(np.arange(100), (len(C), 100)), wanted.T), axis=1)[:, :5]
    np.testing.assert_array_equal(found.id, order)


def test_shapes_are_checked() -> None:
    points = Points.of(np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"points has shape \(3, 2\); \(any, 3\)"):
        kernels.nearest(np.zeros((4, 3)), points)
    with pytest.raises(ValueError, match="ids has shape"):
        kernels.nearest_rows(np.zeros((4, 2)), np.arange(3), points, Neighbors.none(3, 1))
    with pytest.raises(ValueError, match="one point or more"):
        kernels.nearest(np.zeros((4, 2)), Points.of(np.zeros((0, 2))))
