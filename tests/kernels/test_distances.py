"""Plain distances and lists that are joined: equal to their definitions, also where numbers are extreme."""

from __future__ import annotations

import numpy as np
import pytest
from tests.neighbors.brute import data, keys, nearest

from shardlearn import kernels
from shardlearn.kernels import Measure, Neighbors, reference

NAMES = {
    Measure.PRODUCT: "inner_product",
    Measure.ABSOLUTE: "manhattan",
    Measure.LARGEST: "chebyshev",
    Measure.DIFFERENT: "hamming",
    Measure.POWER: "minkowski",
    Measure.SQUARE: "euclidean",
}


@pytest.mark.parametrize("measure", NAMES)
@pytest.mark.parametrize(("n", "p", "m"), [(1, 1, 1), (17, 3, 5), (300, 9, 130), (15, 40, 4), (0, 3, 2), (9, 0, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nearest_by(measure: Measure, n: int, p: int, m: int, dtype: type) -> None:
    X, Q = data("grid", n, p, m, dtype)
    ids = np.random.default_rng(0).permutation(10 * n)[:n].astype(np.int64)
    key = keys(NAMES[measure], X, Q, 4.0)
    for k in (1, 7, 400):
        found = Neighbors.none(m, k)
        for part in np.array_split(np.arange(n), 3):
            kernels.nearest_by(X[part], ids[part], Q.astype(np.float64), measure, 4.0, found)
        order = np.lexsort((np.broadcast_to(ids, key.shape), key), axis=1)[:, :k]
        np.testing.assert_array_equal(found.id[:, : min(n, k)], ids[order])
        np.testing.assert_array_equal(found.square[:, : min(n, k)], np.take_along_axis(key, order, axis=1))
        assert (found.id[:, n:] == np.iinfo(np.int64).max).all()


def test_powers_that_are_not_whole() -> None:
    X, Q = data("normal", 200, 5, 20)
    X[:20] = Q  # differences of zero
    found = Neighbors.none(20, 200)
    kernels.nearest_by(X, np.arange(200), Q, Measure.POWER, 2.5, found)
    wanted = (np.abs(X - Q[:, None]) ** 2.5).sum(axis=2)
    np.testing.assert_allclose(found.square, np.take_along_axis(wanted, found.id, axis=1), rtol=1e-13)
    assert (found.square[:, 0] == 0).all()


def test_overflow_is_far_away() -> None:
    X = np.array([[1e300, 1e300], [1.0, 1.0], [1e300, -1e300]])
    found = Neighbors.none(1, 3)
    kernels.nearest_by(X, np.arange(3), np.array([[-1e300, -1e300]]), Measure.PRODUCT, 0.0, found)
    np.testing.assert_array_equal(found.id, [[1, 0, 2]])  # row 2: inf - inf is as far as can be
    np.testing.assert_array_equal(found.square, [[2e300, np.inf, np.inf]])


@pytest.mark.parametrize("k", [1, 2, 9])
def test_two_lists_as_one(k: int) -> None:
    rng = np.random.default_rng(k)
    key = np.rint(rng.normal(size=(40, 30)))
    one, other = (nearest(key[:, part], k) for part in (slice(0, 15), slice(15, 30)))
    into = Neighbors(one[0].copy(), one[1].astype(np.int64))
    right = Neighbors(other[0].copy(), other[1].astype(np.int64) + 15)
    before = into.id.copy()
    origin = kernels.join_nearest(into, right)
    wanted, ids = nearest(key, k)
    np.testing.assert_array_equal(into.id, ids)
    np.testing.assert_array_equal(into.square, wanted)
    both = np.concatenate([before, right.id], axis=1)
    np.testing.assert_array_equal(np.take_along_axis(both, origin.astype(np.int64), axis=1), ids)


@pytest.mark.parametrize("scale", [1.0, 1e-320, 1e300])
def test_unit_rows(scale: float) -> None:
    X, _ = data("normal", 50, 6, 1)
    X = X * scale
    X[7] = 0.0
    for queries in (False, True):
        unit = kernels.unit_rows(X, queries)
        length = reference.squares(unit, np.zeros((1, 8)))[:, 0]
        np.testing.assert_allclose(np.delete(length, 7), 1.0, rtol=1e-14)
        assert unit[7].tolist() == [0.0] * 6 + ([0.0, 2.0**30] if queries else [1.0, 0.0])


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="points has shape"):
        kernels.nearest_by(np.zeros((4, 3)), np.arange(4), np.zeros((2, 2)), Measure.PRODUCT, 0.0, Neighbors.none(2, 1))
    with pytest.raises(ValueError, match="others has shape"):
        kernels.join_nearest(Neighbors.none(2, 3), Neighbors(np.zeros((2, 3)), np.zeros((2, 2), np.int64)))
