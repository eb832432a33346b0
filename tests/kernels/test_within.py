"""All rows within a limit: of the tile, of chains, and of sparse rows; sparse neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from tests.kernels.test_points import EXTREMES, KINDS, SHAPES, data

from shardlearn import kernels
from shardlearn.core.matrix import Csr, Floats, to_dense
from shardlearn.kernels import Measure, Neighbors, Pairs, Points, reference
from shardlearn.statistics.distances import without_zeros


def agree(pairs: Pairs, counts: Floats, key: Floats, ids: Floats, limit: float) -> None:
    """The pairs are those of keys (m, n) that are not above the limit."""
    inside = key <= limit
    np.testing.assert_array_equal(counts, inside.sum(axis=1))
    starts, order = kernels.sorted_lists(pairs, len(key))
    for j, near in enumerate(inside):
        at = np.flatnonzero(near)
        at = at[np.lexsort((ids[at], key[j][at]))]
        mine = order[starts[j] : starts[j + 1]]
        np.testing.assert_array_equal(pairs.id[mine], ids[at])
        np.testing.assert_array_equal(pairs.square[mine], key[j][at])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_of_the_tile_and_of_chains(shape: tuple[int, int, int], dtype: type, kind: str) -> None:
    n, p, m = shape
    X, Q = data(kind, n, p, m, dtype)
    ids = np.random.default_rng(0).permutation(10 * n)[:n].astype(np.int64)
    key = reference.squares(X, Q).T
    for limit in (-1.0, 0.0, float(key.min()), float(np.median(key)), float(np.nextafter(key.max(), 0)), np.inf):
        counts = np.zeros(m, np.int64)
        assert len(kernels.rows_within(X, ids, Points.of(Q), limit, counts).id) == 0
        agree(kernels.rows_within(X, ids, Points.of(Q), limit), counts, key, ids, limit)
        counts = np.zeros(m, np.int64)
        kernels.within_by(X, ids, Q, Measure.SQUARE, 0.0, limit, counts)
        agree(kernels.within_by(X, ids, Q, Measure.SQUARE, 0.0, limit), counts, key, ids, limit)


@pytest.mark.parametrize(("large", "small"), EXTREMES)
def test_extreme_values(large: float, small: float) -> None:
    rng = np.random.default_rng(1)
    X = np.where(rng.random((100, 6)) < 0.5, large, small) * rng.choice([-1.0, 1.0], (100, 6))
    Q = np.ascontiguousarray(X[::7])
    ids = np.arange(100)
    for limit in (0.0, large * small, min(large * large, 1e307), 1e308):
        one = kernels.rows_within(X, ids, Points.of(Q, np.zeros(6)), limit)
        other = kernels.within_by(X, ids, Q, Measure.SQUARE, 0.0, limit)
        for pairs in (one, other):
            assert len(pairs.id) == len(other.id)
            _, order = kernels.sorted_lists(pairs, len(Q))
            np.testing.assert_array_equal(pairs.id[order], other.id[kernels.sorted_lists(other, len(Q))[1]])


def sparse(seed: int, n: int, p: int, share: float, dtype: type, scale: float = 1.0) -> Csr:
    """Rows of few values, some of them empty."""
    rng = np.random.default_rng([seed, n, p])
    X = np.where(rng.random((n, p)) < share, np.rint(2 * rng.normal(size=(n, p))) + rng.normal(size=(n, p)) * 1e-3, 0)
    X[::17] = 0.0
    return without_zeros((X * scale).astype(dtype))


@pytest.mark.parametrize(("n", "p", "m"), [(1, 1, 1), (300, 40, 600), (70, 3, 513), (900, 700, 20), (5, 0, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1.0, 1e-170, 1e160])
def test_sparse_rows(n: int, p: int, m: int, dtype: type, scale: float) -> None:
    if dtype is np.float32 and scale != 1.0:
        scale = 1e-30 if scale < 1 else 1e25
    X, Q = sparse(0, n, p, 0.1, dtype, scale), sparse(1, m, p, 0.3 if p < 50 else 0.02, np.float64, scale)
    ids = np.random.default_rng(0).permutation(10 * n)[:n].astype(np.int64)
    dense = to_dense(X), to_dense(Q)
    for measure in (Measure.SQUARE, Measure.PRODUCT):
        wanted = Neighbors.none(m, n)
        kernels.nearest_by(dense[0], ids, dense[1], measure, 0.0, wanted)
        for k in (1, 7, n):
            found = Neighbors.none(m, k)
            for part in np.array_split(np.arange(n), 3):
                if len(part):
                    some = Csr(X.data, X.indices, X.indptr[part[0] : part[-1] + 2], p)
                    kernels.nearest_sparse_rows(some, ids[part], Q, measure, found)
            np.testing.assert_array_equal(found.id[:, :n], wanted.id[:, :k])
            np.testing.assert_array_equal(found.square[:, :n], wanted.square[:, :k])
        limit = float(np.median(wanted.square))
        counts, other = np.zeros(m, np.int64), np.zeros(m, np.int64)
        kernels.sparse_within(X, ids, Q, measure, limit, counts)
        kernels.within_by(dense[0], ids, dense[1], measure, 0.0, limit, other)
        np.testing.assert_array_equal(counts, other)
        assert len(kernels.sparse_within(X, ids, Q, measure, limit).id) == counts.sum()


def test_sparse_products_that_are_not_finite_are_as_far_as_can_be() -> None:
    X = without_zeros(np.array([[1e300, 1e300], [1.0, 1.0], [1e300, -1e300]]))
    Q = without_zeros(np.array([[-1e300, -1e300]]))
    found = Neighbors.none(1, 3)
    kernels.nearest_sparse_rows(X, np.arange(3), Q, Measure.PRODUCT, found)
    np.testing.assert_array_equal(found.id, [[1, 0, 2]])
    found = Neighbors.none(1, 3)
    kernels.nearest_sparse_rows(X, np.arange(3), Q, Measure.SQUARE, found)
    np.testing.assert_array_equal(found.id, [[0, 1, 2]])


@pytest.mark.parametrize("queries", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_unit_sparse_rows(queries: bool, dtype: type) -> None:
    X = sparse(3, 60, 9, 0.3, dtype)
    for rows in (X, Csr(X.data, X.indices, X.indptr[5:31], 9)):
        unit = kernels.unit_sparse_rows(rows, queries)
        np.testing.assert_array_equal(to_dense(unit), kernels.unit_rows(to_dense(rows), queries))


def test_haversine_is_that_of_scikit_learn() -> None:
    from sklearn.metrics.pairwise import haversine_distances

    rng = np.random.default_rng(0)
    X, Q = (rng.uniform([-np.pi / 2, -np.pi], [np.pi / 2, np.pi], (n, 2)) for n in (400, 50))
    X[:10], X[10:20] = Q[:10], Q[:10] + 1e-9
    key = np.stack([(np.sin(0.5 * (X - q)) ** 2 * [1, 0]).sum(axis=1) for q in Q])
    key += np.stack([np.cos(X[:, 0]) * np.cos(q[0]) * np.sin(0.5 * (X[:, 1] - q[1])) ** 2 for q in Q])
    rows, points = (np.stack([a[:, 1], kernels.cos(np.ascontiguousarray(a[:, 0])), a[:, 0]], axis=1) for a in (X, Q))
    found = Neighbors.none(50, 400)
    kernels.nearest_by(rows, np.arange(400), points, Measure.SPHERE, 0.0, found)
    np.testing.assert_allclose(found.square, np.take_along_axis(key, found.id, axis=1), rtol=2e-15, atol=1e-32)
    theirs = np.take_along_axis(haversine_distances(Q, X), found.id, axis=1)
    np.testing.assert_allclose(2 * kernels.asin(np.sqrt(np.minimum(found.square, 1))), theirs, rtol=1e-12, atol=1e-15)


def test_shapes_are_checked() -> None:
    X, ids = np.zeros((4, 2)), np.arange(4)
    with pytest.raises(ValueError, match="counts has shape"):
        kernels.within_by(X, ids, np.zeros((2, 2)), Measure.SQUARE, 0.0, 1.0, np.zeros(3, np.int64))
    with pytest.raises(TypeError, match="sparse rows, and sparse points in float64"):
        kernels.nearest_sparse_rows(
            without_zeros(X), ids, without_zeros(X.astype(np.float32)), Measure.SQUARE, Neighbors.none(4, 1)
        )
    with pytest.raises(ValueError, match="a point is out of range"):
        kernels.sorted_lists(Pairs(np.array([5], np.int32), np.zeros(1), np.zeros(1, np.int64)), 5)
