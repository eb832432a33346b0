"""Sums of clusters are whole numbers, equal to their definition whatever the way to them; centres of sparse rows."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from tests.kernels.test_points import KINDS, data

from shardlearn import kernels
from shardlearn.core import fixed
from shardlearn.core.matrix import Csr, Matrix, to_dense
from shardlearn.kernels import reference
from shardlearn.solvers.lloyd import moved_by
from shardlearn.statistics.double import total

every_kind = pytest.mark.parametrize("kind", ["f64", "f32", "csr"])
every_weight = pytest.mark.parametrize("layers", [0, 1, 3])


def rows(kind: str, n: int, p: int, seed: int = 0) -> Matrix:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * 2.0 ** rng.integers(-30, 20, (n, p))
    if kind == "f32":
        return X.astype(np.float32)
    if kind == "f64":
        return X
    X[rng.random((n, p)) < 0.6] = 0.0
    indptr = np.concatenate([[0], np.cumsum((X != 0).sum(axis=1))]).astype(np.int64)
    return Csr(X[X != 0], np.nonzero(X)[1].astype(np.int32), indptr, p)


def defined(X: Matrix, label: Any, layered: Any, scale: fixed.Scale, k: int) -> tuple[Any, Any]:
    """For each layer sums of limbs times weights, and of weights."""
    sums, weights = none(len(layered), scale.limbs, k, X.shape[1])
    for weight, layer, of in zip(layered, sums, weights, strict=True):
        np.add.at(of, label, weight)
        for limb, part in zip(layer, fixed.limbs(to_dense(X), scale) * weight[:, None], strict=True):
            np.add.at(limb, label, part)
    return sums, weights


def none(layers: int, limbs: int, k: int, p: int) -> tuple[Any, Any]:
    return np.zeros((layers, limbs, k, p), np.int64), np.zeros((layers, k), np.int64)


@every_kind
@every_weight
@pytest.mark.parametrize(("n", "p", "k"), [(1, 1, 1), (300, 7, 4), (97, 65, 9), (0, 3, 2), (5, 0, 2)])
def test_sums_are_those_of_limbs(kind: str, layers: int, n: int, p: int, k: int) -> None:
    X, rng = rows(kind, n, p), np.random.default_rng(1)
    label, weight = rng.integers(0, k, n).astype(np.int32), rng.integers(0, 1000, (layers, n))
    scale = fixed.scale(np.abs(to_dense(X)).max(axis=0, initial=0.0), 1000 * max(n, 1), itemsize=X.dtype.itemsize)
    sums, weights = none(max(layers, 1), scale.limbs, k, p)
    changed = kernels.cluster_sums(X, kernels.Moves(label, None, weight if layers else None), scale, sums, weights)
    each = weight if layers else np.ones((1, n), np.int64)
    wanted = defined(X, label, each, scale, k)
    np.testing.assert_array_equal(sums, wanted[0])
    np.testing.assert_array_equal(weights, wanted[1])
    assert changed.tolist() == each.sum(axis=1).tolist()


@every_kind
@every_weight
def test_rows_that_move_on_give_what_all_rows_give(kind: str, layers: int) -> None:
    """Ten steps, each from the labels of the last one; the first from none."""
    n, p, k = 400, 12, 6
    X, rng = rows(kind, n, p), np.random.default_rng(2)
    weight = rng.integers(1, 50, (layers, n)) if layers else None
    each = np.ones((1, n), np.int64) if weight is None else weight
    scale = fixed.scale(np.abs(to_dense(X)).max(axis=0), 50 * n)
    sums, weights = none(max(layers, 1), scale.limbs, k, p)
    steps = [np.full(n, -1, np.int32), *(rng.integers(0, k, n).astype(np.int32) for _ in range(10))]
    for before, label in pairwise(steps):
        label[::3] = np.maximum(before[::3], 0)
        changed = kernels.cluster_sums(X, kernels.Moves(label, before, weight), scale, sums, weights)
        assert changed.tolist() == each[:, label != before].sum(axis=1).tolist()
        wanted = defined(X, label, each, scale, k)
        np.testing.assert_array_equal(sums, wanted[0])
        np.testing.assert_array_equal(weights, wanted[1])


@pytest.mark.parametrize(("room", "limbs"), [(51, 2), (40, 3), (31, 1)])
def test_means_are_those_of_their_definition(room: int, limbs: int) -> None:
    """The centre of a cluster that weighs nothing stays."""
    rng, k, p = np.random.default_rng(room), 9, 21
    scale, weights = fixed.Scale(rng.integers(-60, 60, p), room, limbs), rng.integers(0, 7, k)
    assert (weights == 0).any()
    sums = rng.integers(-(1 << room), 1 << room, (limbs, k, p)) * weights[None, :, None]
    old = rng.normal(size=(k, p))
    wanted = np.where(weights[:, None] > 0, fixed.means(sums, np.maximum(weights, 1), scale), old)
    np.testing.assert_array_equal(kernels.cluster_means(sums[None], weights[None], old, scale), wanted)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_means_of_layers_are_within_one_unit_of_the_last_place(layers: int) -> None:
    """Beside exact fractions; of equal values it is the value, and a cluster that weighs nothing stays."""
    rng, k, p, n = np.random.default_rng(layers), 5, 7, 300
    X, label = rows("f64", n, p, 9), rng.integers(0, k - 1, n).astype(np.int32)
    X[label == 2] = X[0]
    scale, heavy = fixed.scale(np.abs(X).max(axis=0), n << 24), fixed.Weights(20, 24, layers)
    weight = heavy.whole(rng.uniform(size=n) * 2.0 ** -rng.integers(0, 30, n))
    sums, weights = none(layers, scale.limbs, k, p)
    kernels.cluster_sums(X, kernels.Moves(label, None, weight), scale, sums, weights)
    old = rng.normal(size=(k, p))
    found = kernels.cluster_means(sums, weights, old, scale, heavy.bits)
    np.testing.assert_array_equal(found[2], fixed.total(fixed.limbs(X[:1], scale), scale)[0])
    np.testing.assert_array_equal(found[4], old[4])
    for j in (0, 1, 3):
        counts = [sum(Fraction(int(v), 1 << (24 * a)) for a, v in enumerate(weight[:, i])) for i in range(n)]
        for t in range(p):
            own = np.flatnonzero(label == j)
            exact = sum((Fraction(X[i, t]) * counts[i] for i in own), Fraction(0)) / sum(counts[i] for i in own)
            unit = Fraction(float(fixed.unit(scale)[t]))  # what values are kept to
            assert abs(Fraction(found[j, t]) - exact) <= abs(exact) / (1 << 52) + unit
    lines = np.zeros((layers, scale.limbs, p, 8), np.int64)
    lines[..., :k] = sums.transpose(0, 1, 3, 2)
    across, squares = kernels.line_means(lines, weights, old, scale, heavy.bits)
    assert across.tobytes() == found.tobytes()
    assert squares.tolist() == [kernels.dot(one, one) for one in found - old]


def test_means_are_exact_beside_an_outlier() -> None:
    """Two limbs hold both 1e9 and what float64 has of numbers near 1."""
    X = np.random.default_rng(3).normal(size=(1000, 2))
    X[0] = 1e9
    scale = fixed.scale(np.abs(X).max(axis=0), 1000)
    assert scale.limbs == 2
    sums, weights = none(1, 2, 2, 2)
    label = (np.arange(1000) > 0).astype(np.int32)
    kernels.cluster_sums(X, kernels.Moves(label), scale, sums, weights)
    for j in range(2):
        exact = sum((Fraction(v) for v in X[1:, j].tolist()), Fraction(0))
        assert abs(Fraction(float(fixed.total(sums[0], scale)[1, j])) - exact) <= Fraction(2) ** -45


def test_extreme_values_stay_within_their_room() -> None:
    for top in (1e308, 1e-300, 5e-324, 0.0):
        X = np.array([[top], [-top], [top / 2]])
        scale = fixed.scale(np.array([top]), 3)
        assert np.abs(fixed.limbs(X, scale)).max() <= 1 << scale.room
        sums, weights = none(1, scale.limbs, 1, 1)
        kernels.cluster_sums(X, kernels.Moves(np.zeros(3, np.int32)), scale, sums, weights)
        assert fixed.total(sums[0], scale)[0, 0] == pytest.approx(top / 2, rel=1e-15, abs=5e-324)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "p", "k"), [(1, 1, 2), (300, 17, 65), (97, 65, 100), (49, 3, 1), (20, 0, 3)])
def test_nearer_points_than_those_that_are_known(kind: str, dtype: type, n: int, p: int, k: int) -> None:
    """As if all points had been compared at once; points in several parts, and again, where nothing is nearer."""
    X, C = data(kind, n, p, k, dtype)
    wanted = kernels.nearest(X, kernels.Points.of(C), squares=True)
    assert wanted.square is not None
    for parts in ([C], [C[:1], C[1:]], [C[: k // 2], C[k // 2 :]]):
        label, square, first = np.full(n, -1, np.int32), np.full(n, np.inf), 0
        for part in [part for part in parts if len(part)]:
            kernels.nearer_center(X, kernels.centers_of(part, sparse=False), first, label, square)
            first += len(part)
        np.testing.assert_array_equal(square, wanted.square)
        finite = np.isfinite(square)
        np.testing.assert_array_equal(label[finite], wanted.label[finite])
        kernels.nearer_center(X, kernels.centers_of(C, sparse=False), 1000, label, square)
        assert (label < 1000).all()


def test_nearer_points_of_sparse_rows() -> None:
    X, C = rows("csr", 60, 9), np.random.default_rng(4).normal(size=(7, 9))
    wanted = kernels.nearest_center(X, kernels.centers_of(C, sparse=True), squares=True)
    label, square = np.zeros(60, np.int32), np.full(60, np.inf)
    for first in (0, 3, 5):
        part = C[first : first + 3 - first // 3]
        kernels.nearer_center(X, kernels.centers_of(part, sparse=True), first, label, square)
    np.testing.assert_array_equal(label, wanted.label)
    np.testing.assert_array_equal(square, wanted.square)


@pytest.mark.parametrize("p", [1, 5, 40])
@pytest.mark.parametrize("trials", [1, 3, 11])
def test_greedy_choices_are_those_of_their_definition(p: int, trials: int) -> None:
    rng = np.random.default_rng(p)
    X, mass, draws = rng.normal(size=(67, p)), rng.integers(0, 4, 67).astype(float), rng.random((9, trials))
    squares = kernels.point_squares(X)
    np.testing.assert_array_equal(squares, reference.squares(X, X))
    wanted: list[int] = []
    for step in range(9):
        left = squares[wanted].min(axis=0) if step else np.ones(67)
        upto = np.cumsum(mass * left)
        tried = np.searchsorted(upto, draws[step, : trials if step else 1] * upto[-1], side="right")
        then = np.minimum(squares[tried], left) if step else squares[tried]
        wanted.append(int(tried[np.argmin([kernels.dot(one, mass) for one in then])]))
    for known in (None, squares):
        np.testing.assert_array_equal(kernels.spread(X, mass, draws, known), wanted)


def test_greedy_choices_where_few_points_lie_apart() -> None:
    X = np.repeat([[0.0], [3.0]], 4, axis=0)
    chosen = kernels.spread(X, np.ones(8), np.random.default_rng(0).random((5, 2)))
    assert X[chosen, 0].tolist() in ([0.0, 3.0, 0.0, 3.0, 0.0], [3.0, 0.0, 3.0, 0.0, 3.0])
    assert kernels.spread(X, np.zeros(8), np.zeros((3, 2))).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="one point and one trial"):
        kernels.spread(X[:0], np.ones(0), np.zeros((3, 2)))


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 64, 65, 300])
def test_sums_in_twice_the_precision(n: int) -> None:
    rng = np.random.default_rng(n)
    values, weight = rng.normal(size=n) * 10.0 ** rng.integers(-9, 9, n), rng.random(n)
    for by in (None, weight):
        terms = values if by is None else values * by
        high, low = kernels.double_sum(values, by)
        assert (high, low) == (total(terms).high, total(terms).low)
        exact = sum((Fraction(v) for v in terms.tolist()), Fraction(0))
        assert abs(Fraction(high) + Fraction(low) - exact) <= Fraction(2) ** -90 * sum(
            map(Fraction, np.abs(terms).tolist())
        )


def test_sparse_rows_have_the_chain_that_is_promised() -> None:
    X = rows("csr", 40, 9)
    assert isinstance(X, Csr)
    C = np.random.default_rng(4).normal(size=(5, 9))
    found = kernels.nearest_center(X, kernels.centers_of(C, sparse=True), squares=True)
    for i in range(40):
        squares = [_square(X, i, c) for c in C]
        assert found.label[i] == int(np.argmin(squares))
        assert found.square is not None
        assert found.square[i] == min(squares)


def _square(X: Csr, i: int, c: Any) -> float:
    own, score = 0.0, 0.5 * kernels.dot(c, c)
    for t in range(X.indptr[i], X.indptr[i + 1]):
        v, w = float(X.data[t]), float(c[X.indices[t]])
        own = float(Fraction(v) * Fraction(v) + Fraction(own))
        score = float(Fraction(score) - Fraction(v) * Fraction(w))
    return max(float(2 * Fraction(score) + Fraction(own)), 0.0)


def test_sparse_rows_as_dense_ones_to_rounding() -> None:
    X = rows("csr", 300, 30)
    C = np.random.default_rng(5).normal(size=(7, 30)) * 1e3
    sparse = kernels.nearest_center(X, kernels.centers_of(C, sparse=True), squares=True)
    dense = kernels.nearest_center(to_dense(X), kernels.centers_of(C, sparse=False), squares=True)
    np.testing.assert_array_equal(sparse.label, dense.label)
    np.testing.assert_allclose(sparse.square, dense.square, rtol=1e-12)


def test_shapes_and_labels_are_checked() -> None:
    scale = fixed.scale(np.ones(2), 4)
    sums, weights = none(1, scale.limbs, 3, 2)
    for label in ([0, 3, 1, 0], [0, -1, 1, 0]):
        with pytest.raises(ValueError, match="a label is none of the clusters"):
            kernels.cluster_sums(np.ones((4, 2)), kernels.Moves(np.array(label, np.int32)), scale, sums, weights)
    fine = np.zeros(4, np.int32)
    with pytest.raises(ValueError, match="a label is none"):
        kernels.cluster_sums(np.ones((4, 2)), kernels.Moves(fine, fine - 2), scale, sums, weights)
    with pytest.raises(ValueError, match="room must lie"):
        kernels.cluster_sums(np.ones((4, 2)), kernels.Moves(fine), fixed.Scale(scale.exponent, 52, 2), sums, weights)
    with pytest.raises(ValueError, match="label has shape"):
        kernels.cluster_sums(np.ones((4, 2)), kernels.Moves(fine[:3]), scale, sums, weights)
    with pytest.raises(TypeError, match="sparse X"):
        kernels.nearest_center(np.ones((4, 2)), kernels.centers_of(np.ones((1, 2)), sparse=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "p", "k"), [(1, 1, 2), (300, 17, 65), (97, 65, 100), (49, 3, 1)])
def test_bounds_hold(kind: str, dtype: type, n: int, p: int, k: int) -> None:
    """Also after the points moved, by chance or not at all."""
    X, C = data(kind, n, p, k, dtype)
    points = kernels.Points.of(C)
    found = kernels.nearest_bounds(X, points)
    np.testing.assert_array_equal(found.label, kernels.nearest(X, points).label)
    check_bounds(found, X, C)
    if k == 1:
        return
    rng = np.random.default_rng(8)
    for size in (0.0, 1e-3, 1.0):
        D = C + size * rng.normal(size=(k, 1)) * np.abs(C).min(axis=1, keepdims=True)
        found, doubtful = kernels.loosened(found, moved_by(C, D))
        check_bounds(found, X, D)
        sure = np.setdiff1d(np.arange(n), doubtful)
        np.testing.assert_array_equal(found.label[sure], kernels.nearest(X, kernels.Points.of(D)).label[sure])
        C = D


def check_bounds(found: kernels.Bounded, X: Any, C: Any) -> None:
    """Against distances in extended precision."""
    apart = np.sqrt(((X[:, None, :].astype(np.longdouble) - C.astype(np.longdouble)) ** 2).sum(axis=2))
    rows = np.arange(len(X))
    assert (found.upper >= apart[rows, found.label]).all()
    apart[rows, found.label] = np.inf
    assert (found.lower <= apart.min(axis=1)).all()


def test_bounds_are_of_use() -> None:
    """They would hold as well if they were zero and infinite: rows far from all other points are sure."""
    rng = np.random.default_rng(0)
    C = 10.0 * rng.normal(size=(20, 30))
    for dtype, shift in ((np.float32, 0.0), (np.float64, 1e6)):
        X = (C[rng.integers(0, 20, 5000)] + rng.normal(size=(5000, 30)) + shift).astype(dtype)
        found = kernels.nearest_bounds(X, kernels.Points.of(C + shift))
        near = np.sqrt(kernels.nearest(X, kernels.Points.of(C + shift), squares=True).square)
        assert (found.upper < 1.01 * near).all()
        _, doubtful = kernels.loosened(found, moved_by(C, C + 0.01))
        assert len(doubtful) < 10


def test_doubt_is_for_what_is_not_known() -> None:
    label, moved = np.zeros(3, np.int32), kernels.Moved(np.array([0.5, 1.0], np.float32), 1.0, 0.5)
    upper, lower = np.array([1.0, 1.0, np.nan], np.float32), np.array([2.6, 2.4, 9.0], np.float32)
    found, doubtful = kernels.loosened(kernels.Bounded(label, upper, lower), moved)
    assert doubtful.tolist() == [1, 2]
    np.testing.assert_allclose(found.upper[:2], 1.5, rtol=1e-6)
    assert (found.upper[:2] > 1.5).all()
    assert upper[0] == 1.0  # what was carried stays
    _, doubtful = kernels.loosened(kernels.Bounded(label + 1, upper, lower), moved)
    assert doubtful.tolist() == [1, 2]
    with pytest.raises(ValueError, match="a label is none"):
        kernels.loosened(kernels.Bounded(label + 2, upper, lower), moved)


def test_bounds_beyond_float32_are_its_largest_number() -> None:
    """An infinite one would say for ever that no other point is near."""
    X, C = np.full((1, 16), -1e37), np.repeat([[0.0], [1.5e38]], 16, axis=1)
    found = kernels.nearest_bounds(X, kernels.Points.of(C))
    assert found.label[0] == 0
    assert 4e37 <= float(found.upper[0]) < 1e38
    assert float(found.lower[0]) == float(np.finfo(np.float32).max) < 6.4e38
