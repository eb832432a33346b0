"""Rows between two points each: what comparing each pair's rows alone gives, and sums as of these rows alone."""

from __future__ import annotations

import numpy as np
import pytest
from tests.kernels.test_clusters import none
from tests.kernels.test_points import KINDS, data

from shardlearn import kernels
from shardlearn.core import fixed
from shardlearn.kernels import reference


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("n", "p", "pairs"), [(1, 1, 1), (300, 3, 4), (257, 16, 9), (90, 65, 3), (60, 800, 2), (0, 3, 2)]
)
def test_the_nearer_of_two(kind: str, dtype: type, n: int, p: int, pairs: int) -> None:
    if kind == "outlier" and not n:
        return
    X, C = data(kind, n, p, 2 * pairs, dtype)
    points, rng = C.reshape(pairs, 2, p), np.random.default_rng(0)
    node = rng.integers(0, pairs + 2, n).astype(np.int32)
    inner = rng.permutation(pairs).tolist()
    side = np.full(n, 7, np.int32)
    kernels.sides(X, points[inner], kernels.InPairs.of(node, inner), side)
    for j in range(pairs + 2):
        here = node == j
        if j < pairs:
            np.testing.assert_array_equal(side[here], reference.squares(X[here], points[j]).argmin(axis=1))
        else:
            assert (side[here] == 7).all()


def test_a_tie_goes_to_the_first_of_them() -> None:
    points = np.array([[[0.0, 0.0], [2.0, 0.0]], [[5.0, 5.0], [5.0, 5.0]]])
    X = np.array([[1.0, 9.0], [np.nextafter(1.0, 2.0), 9.0], [np.nextafter(1.0, 0.0), 9.0], [0.0, 0.0]])
    side = np.zeros(4, np.int32)
    kernels.sides(X, points, kernels.InPairs.of(np.array([0, 0, 0, 1], np.int32), [0, 1]), side)
    assert side[:3].tolist() == reference.squares(X, points[0]).argmin(axis=1)[:3].tolist()
    assert side[0] == side[3] == 0


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("layers", [0, 1, 2])
@pytest.mark.parametrize(("n", "p", "pairs"), [(1, 1, 1), (300, 7, 4), (97, 65, 3), (0, 3, 2)])
def test_sums_are_those_of_each_pair_alone(kind: type, layers: int, n: int, p: int, pairs: int) -> None:
    rng = np.random.default_rng(2)
    X = (rng.normal(size=(n, p)) * 2.0 ** rng.integers(-30, 20, (n, p))).astype(kind)
    node = rng.integers(0, pairs + 1, n).astype(np.int32)
    label, before = (rng.integers(low, 2, n).astype(np.int32) for low in (0, -1))
    weight, count = rng.integers(0, 9, (layers, n)) if layers else None, max(layers, 1)
    scales = [fixed.scale(np.full(p, 2.0 ** (22 + j)), 1 << 12, 2) for j in range(pairs)]
    into = kernels.PairSums.none(pairs, p, 2, count)
    factor = np.ldexp(1.0, np.stack([scale.exponent for scale in scales])), scales[0].room
    rows = kernels.InPairs.of(node, range(pairs))
    for _ in range(2):  # added to what is there
        kernels.pair_sums(X, rows, kernels.Moves(label, before, weight), factor, into)
    for j, scale in enumerate(scales):
        (sums, weights), here = none(count, 2, 2, p), node == j
        of = None if weight is None else np.ascontiguousarray(weight[:, here])
        alone = kernels.Moves(label[here], before[here], of)
        changed = kernels.cluster_sums(X[here], alone, scale, sums, weights)
        np.testing.assert_array_equal(into.sums[:, j], 2 * sums)
        np.testing.assert_array_equal(into.weights[:, j], 2 * weights)
        assert into.changed[:, j].tolist() == (2 * changed).tolist()


def test_what_does_not_fit_is_refused() -> None:
    X, points, at = np.zeros((2, 3)), np.zeros((1, 2, 3)), np.zeros(2, np.int32)
    with pytest.raises(ValueError, match="label"):
        kernels.sides(X, points, kernels.InPairs(at, np.array([1], np.int32)), at.copy())
    with pytest.raises(ValueError, match="label"):
        kernels.sides(X, points, kernels.InPairs(at + np.int32(1), np.array([0], np.int32)), at.copy())
    into, rows = kernels.PairSums.none(1, 3, 1), kernels.InPairs.of(at, [0])
    with pytest.raises(ValueError, match="label"):
        kernels.pair_sums(X, rows, kernels.Moves(at + np.int32(2), at), (np.ones((1, 3)), 40), into)
    with pytest.raises(ValueError, match="room"):
        kernels.pair_sums(X, rows, kernels.Moves(at, at), (np.ones((1, 3)), 60), into)
