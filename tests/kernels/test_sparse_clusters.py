"""Centres of sparse rows, and sums of their clusters as cells: equal to their definition, whatever the way to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.kernels.test_clusters import none, rows

from shardlearn import kernels
from shardlearn.core import fixed
from shardlearn.core.matrix import Csr, slice_rows, to_dense
from shardlearn.statistics import registry
from shardlearn.statistics.cells import Cells, CellTable, moved_cells

SHAPES = [(1, 1, 1), (300, 7, 4), (97, 65, 9), (0, 3, 2), (40, 200, 70), (90, 3, 300)]


def sparse(n: int, p: int, dtype: Any = np.float64) -> Csr:
    X = rows("csr", n, p)
    assert isinstance(X, Csr)
    return Csr(X.data.astype(dtype), X.indices, X.indptr, p)


def table(cells: Cells, k: int, p: int) -> Any:
    """(limbs, k, p)"""
    out = np.zeros((p * k, cells.limbs.shape[1]), np.int64)
    out[cells.at] = cells.limbs
    return out.reshape(p, k, -1).transpose(2, 1, 0)


@pytest.mark.parametrize("k", [1, 3, 8, 9, 17, 24, 32, 33, 64, 72, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_number_of_points(k: int, dtype: Any) -> None:
    """Labels are the lowest of the least squares; points twice, so that there are ties."""
    X, C = sparse(200, 30, dtype), np.random.default_rng(k).normal(size=(k, 30))
    C[k // 2 :] = C[: k - k // 2]
    centers = kernels.centers_of(C, sparse=True)
    squares = kernels.center_squares(X, centers)
    found = kernels.nearest_center(X, centers, squares=True)
    np.testing.assert_array_equal(found.label, squares.argmin(axis=1))
    np.testing.assert_array_equal(found.square, squares.min(axis=1))
    exact = ((to_dense(X)[:, None].astype(np.longdouble) - C) ** 2).sum(axis=2)
    size = (to_dense(X).astype(float) ** 2).sum(axis=1)[:, None] + (C**2).sum(axis=1)
    assert (np.abs(squares - exact) <= 1e-14 * size).all()


def test_points_without_an_order_are_not_near() -> None:
    """Where squares are no numbers, the lowest number it is; the same with any width of vectors."""
    X = Csr(np.array([1e200, 1.0]), np.array([0, 1], np.int32), np.array([0, 1, 2]), 2)
    C = np.array([[1e200, np.nan], [1.0, 3.0], [2.0, 2.0]])
    with np.errstate(over="ignore", invalid="ignore"):
        found = kernels.nearest_center(X, kernels.centers_of(C, sparse=True), squares=True)
    assert found.label.tolist() == [0, 1]
    assert found.square.tolist() == [np.inf, 5.0]


def test_points_that_lie_across_stay_where_they_are() -> None:
    for k, p in ((20, 50), (24, 7), (1, 9), (130, 3)):
        C = np.random.default_rng(0).normal(size=(k, p))
        lines = kernels.lines_of(C)
        assert lines.ctypes.data % 64 == 0
        points = kernels.points_across(lines, k)
        np.testing.assert_array_equal(points, C)
        assert k == 1 or kernels.lines_of(points).ctypes.data == lines.ctypes.data
        half = kernels.Across.of(points).half
        assert half.tobytes() == kernels.Across.of(C).half.tobytes()
        assert half[:k].tolist() == [0.5 * kernels.dot(c, c) for c in C]
        for other in (C.T.copy().T, np.asfortranarray(C)[:, ::-1], C[:, ::2]):
            np.testing.assert_array_equal(kernels.lines_of(other)[:, :k].T, other)
    assert kernels.no_lines(3, 130).shape[1] == 136  # 17 cache lines
    assert kernels.no_lines(3, 128).shape[1] == 136


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize(("n", "p", "k"), SHAPES)
def test_cells_are_the_sums_of_tables(dtype: Any, layers: int, n: int, p: int, k: int) -> None:
    """From none, then from labels before; the lists of two parts join to that of all; means are those of tables."""
    X, draw = sparse(n, p, dtype), np.random.default_rng(1)
    weight, count = draw.integers(0, 50, (layers, n)) if layers else None, max(layers, 1)
    scale = fixed.scale(np.abs(to_dense(X)).max(axis=0, initial=0.0), 50 * max(n, 1), itemsize=X.dtype.itemsize)
    before, total, counts = None, (Cells.none(scale.limbs),) * count, np.zeros((count, k), np.int64)
    all_of_it = CellTable(k, kernels.no_line_sums(p, k, scale.limbs, count))
    sums, weights = none(count, scale.limbs, k, p)
    centers = draw.normal(size=(k, p))
    for _ in range(4):
        label = draw.integers(0, k, n).astype(np.int32)
        moves = kernels.Moves(label, before, weight)
        changed = kernels.cluster_sums(X, moves, scale, sums, weights)
        cells, _, told = moved_cells(X, moves, scale, counts)
        assert told.tolist() == changed.tolist()
        assert all((np.diff(one.at) > 0).all() for one in cells)
        total, all_of_it = tuple(a.plus(b) for a, b in zip(total, cells, strict=True)), all_of_it.plus(cells)
        assert all((np.diff(one.at) > 0).all() for one in total)
        np.testing.assert_array_equal(np.stack([table(one, k, p) for one in total]), sums)
        np.testing.assert_array_equal(all_of_it.limbs[..., :k].transpose(0, 1, 3, 2), sums)
        assert not all_of_it.limbs[..., k:].any()
        np.testing.assert_array_equal(counts, weights)
        means, squares = kernels.line_means(all_of_it.limbs, weights, centers, scale, 6)
        wanted = kernels.cluster_means(sums, weights, centers, scale, 6)
        if count == 1:
            of = np.maximum(weights[0], 1)
            defined = np.where(weights[0][:, None] > 0, fixed.means(sums[0], of, scale), centers)
            assert wanted.tobytes() == defined.tobytes()
        assert means.tobytes() == wanted.tobytes()
        apart = wanted - centers
        assert squares.tolist() == [kernels.dot(one, one) for one in apart]
        before, centers = label, means


def test_what_does_not_fit_is_refused() -> None:
    X = sparse(4, 5)
    scale, weights, label = fixed.scale(np.ones(5), 4), np.zeros((1, 3), np.int64), np.zeros(4, np.int32)
    with pytest.raises(ValueError, match="a label is none"):
        kernels.moved_cells(X, kernels.Moves(label + 3), scale, weights)
    with pytest.raises(ValueError, match="a label is none"):
        kernels.moved_cells(X, kernels.Moves(label, label - 2), scale, weights)
    with pytest.raises(ValueError, match="room must lie"):
        kernels.moved_cells(X, kernels.Moves(label), fixed.Scale(scale.exponent, 52, 2), weights)
    with pytest.raises(ValueError, match="a cell is none"):
        kernels.add_cells(np.array([15]), np.ones((1, 2), np.int64), 3, kernels.no_line_sums(5, 3, 2)[0])
    with pytest.raises(ValueError, match="room and bits"):
        kernels.line_means(kernels.no_line_sums(5, 3, 2), weights, np.zeros((3, 5)), scale, 0)
    with pytest.raises(ValueError, match="limbs and layers"):
        kernels.line_means(kernels.no_line_sums(5, 3, 2, 9), weights, np.zeros((3, 5)), scale)
    with pytest.raises(ValueError, match="1 to 8 limbs"):
        kernels.line_means(kernels.no_line_sums(5, 3, 9), weights, np.zeros((3, 5)), scale)
    with pytest.raises(ValueError, match="one point or more"):
        kernels.centers_of(np.zeros((0, 5)), sparse=True)
    with pytest.raises(TypeError, match="sparse X"):
        kernels.nearest_center(np.ones((4, 5)), kernels.centers_of(np.ones((1, 5)), sparse=True))


@pytest.mark.parametrize("kind", ["f64", "f32", "csr"])
def test_rows_over_their_lengths(kind: str) -> None:
    """Rounded once from float64, whatever their size; a row of zeros stays, and is told."""
    X = rows(kind, 50, 20)
    huge = [1e-300, 1e300, 1.0, 5e-324] if X.dtype == np.float64 else [1e-30, 1e30, 1.0, 1e-45]
    dense = to_dense(X) * np.resize(huge, 50)[:, None].astype(X.dtype)
    dense[::7] = 0.0
    found, none = kernels.normalized(registry.sparse(dense) if kind == "csr" else dense)
    assert found.dtype == X.dtype
    np.testing.assert_array_equal(none, ~dense.any(axis=1))
    wide = dense.astype(np.longdouble)
    with np.errstate(invalid="ignore"):
        wanted = np.where(none[:, None], 0.0, wide / np.sqrt((wide**2).sum(axis=1, keepdims=True)))
    near = 1e-14 if X.dtype == np.float64 else 1e-7
    np.testing.assert_allclose(to_dense(found).astype(float), wanted.astype(float), rtol=near, atol=1e-300)
    a_slice = slice_rows(registry.sparse(dense), 3, 9)
    np.testing.assert_array_equal(to_dense(kernels.normalized(a_slice)[0]), to_dense(kernels.normalized(dense[3:9])[0]))


def test_points_over_their_lengths() -> None:
    """Those without weight, or without length, stay where they were."""
    draw = np.random.default_rng(0)
    C, before = draw.normal(size=(20, 33)), draw.normal(size=(20, 33))
    C[4], weights = 0.0, draw.integers(1, 9, 20)
    weights[7] = 0
    stay = np.isin(np.arange(20), [4, 7])
    found, squares = kernels.unit_lines(C, np.stack([weights, weights // 3]), before)
    np.testing.assert_array_equal(found[stay], before[stay])
    np.testing.assert_allclose(
        found[~stay], (C / np.linalg.norm(C + (C == 0), axis=1, keepdims=True))[~stay], rtol=1e-14
    )
    assert squares.tolist() == [kernels.dot(one, one) for one in found - before]
