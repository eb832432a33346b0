"""Second moments: values, weights, walks, and agreement with moments."""

from __future__ import annotations

import numpy as np
import pytest
from tests.kernels.cases import every_kind, every_shape, gamma, matrix, pivot_for

from shardlearn import kernels
from shardlearn.core.matrix import slice_rows
from shardlearn.kernels import reference


@every_shape
@every_kind
@pytest.mark.parametrize("t", [None, 1, 3, 11])
def test_values(shape: tuple[int, int], kind: str, t: int | None) -> None:
    X, rng = matrix(kind, *shape), np.random.default_rng(1)
    n, _p = shape
    Y, centre = (None, None) if t is None else (rng.normal(size=(n, t)), rng.normal(size=t))
    for weight in (None, rng.random(n)):
        got = kernels.gram(X, Y, weight, pivot_for(X), centre)
        wanted = reference.gram(X, Y, weight, pivot_for(X), centre)
        x = np.abs(reference.centred(X, pivot_for(X)))
        y = np.abs(reference.centred(np.empty((n, 0)) if Y is None else Y, centre))
        size = reference.gram(x.astype(np.float64), y.astype(np.float64), weight)
        bound = gamma(n + 2) if kind.startswith("csr") else gamma(262)
        for field, a, b, s in zip(got._fields, got, wanted, size, strict=True):
            assert a.shape == b.shape, field
            assert (np.abs(a - b) <= bound * s).all(), field
        assert not np.tril(got.G, -1).any()


@every_shape
@every_kind
def test_weights_of_one_are_none(shape: tuple[int, int], kind: str) -> None:
    X, Y = matrix(kind, *shape), np.ones((shape[0], 2))
    for a, b in zip(kernels.gram(X, Y), kernels.gram(X, Y, np.ones(shape[0])), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", ["f64", "f32"])
def test_a_walk_continues(kind: str) -> None:
    X = matrix(kind, 1300, 37)
    Y, weight, pivot = np.ones((1300, 2)), np.random.default_rng(1).random(1300), pivot_for(X)
    walked = kernels.GramSums.zeros(37, 2)
    for start in (0, 512, 1024):  # multiples of the sub-leaf: the same as one block
        part = slice(start, min(start + 512, 1300))
        kernels.gram(slice_rows(X, part.start, part.stop), Y[part], weight[part], pivot, None, walked)
    for a, b in zip(walked, kernels.gram(X, Y, weight, pivot), strict=True):
        np.testing.assert_array_equal(a, b)


@every_shape
@pytest.mark.parametrize("kind", ["f64", "f32"])
def test_moments_are_its_diagonal(shape: tuple[int, int], kind: str) -> None:
    X, weight = matrix(kind, *shape), np.random.default_rng(1).random(shape[0])
    sums, m = kernels.gram(X, None, weight, pivot_for(X)), kernels.moments(X, weight, pivot_for(X))
    np.testing.assert_array_equal(sums.weight_sum, [m.weight_sum])
    np.testing.assert_array_equal(sums.sum_x, m.sum)
    np.testing.assert_array_equal(sums.G.diagonal(), m.sum_sq)


@every_shape
@every_kind
def test_moments(shape: tuple[int, int], kind: str) -> None:
    X, weight = matrix(kind, *shape), np.random.default_rng(1).random(shape[0])
    got, wanted = kernels.moments(X, weight, pivot_for(X)), reference.moments(X, weight, pivot_for(X))
    x = np.abs(reference.centred(X, pivot_for(X))).astype(np.float64)
    for a, b, s in zip(got, wanted, reference.moments(x, weight), strict=True):
        assert (np.abs(a - b) <= gamma(262) * s).all()


def test_integers_are_exact() -> None:
    X = np.random.default_rng(0).integers(-9, 10, (777, 21)).astype(np.float32)
    wide = X.astype(np.int64)
    np.testing.assert_array_equal(kernels.gram(X).G, np.triu(wide.T @ wide))


def test_wrong_shapes() -> None:
    X = np.ones((5, 3))
    with pytest.raises(ValueError, match="pivot"):
        kernels.gram(X, None, None, np.ones(2))
    with pytest.raises(ValueError, match="G has shape"):
        kernels.gram(X, None, None, None, None, kernels.GramSums.zeros(3, 0)._replace(G=np.zeros((2, 2))))
    with pytest.raises(ValueError, match="pivot_y"):
        kernels.gram(X, np.ones((5, 2)), None, None, np.ones(1))
