"""Row products, row sums, the GLM pass: values, independence of rows, fused equal to composed."""

from __future__ import annotations

import numpy as np
import pytest
from tests.kernels.cases import U, every_kind, every_shape, gamma, matrix, pivot_for, pivots_for

from shardlearn import kernels
from shardlearn.core.matrix import Csr, Floats, Matrix, slice_rows
from shardlearn.kernels import reference

LOSSES = [
    (kernels.SQUARED, 1),
    (kernels.SQUARED, 3),
    (kernels.LOGISTIC, 1),
    (kernels.MULTINOMIAL, 2),
    (kernels.MULTINOMIAL, 5),
    (kernels.POISSON, 1),
]
every_loss = pytest.mark.parametrize(("loss", "k"), LOSSES)


def model(p: int, k: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng([p, k])
    return rng.normal(size=(k, p)) / (1 + p), rng.normal(size=k)


def targets(n: int, k: int, loss: int) -> Floats:
    rng = np.random.default_rng([n, k, loss])
    if loss == kernels.MULTINOMIAL:
        return rng.integers(0, k, n).astype(np.float64)
    y = rng.integers(0, 2, (n, k)).astype(np.float64) if loss == kernels.LOGISTIC else rng.poisson(2.0, (n, k)) * 1.0
    return y[:, 0].copy() if k == 1 else y


@every_shape
@every_kind
def test_row_products(shape: tuple[int, int], kind: str) -> None:
    X = matrix(kind, *shape)
    for k in (1, 3, 7):
        W, b = model(shape[1], k)
        for pivot in pivots_for(X):
            Z = kernels.row_products(X, W, b, pivot)
            size = np.abs(reference.centred(X, pivot)) @ np.abs(W).T + np.abs(b)
            assert (np.abs(Z - reference.row_products(X, W, b, pivot)) <= gamma(shape[1] + 6) * size).all()
            for i in {0, shape[0] // 2, shape[0] - 1} & set(range(shape[0])):
                one = kernels.row_products(slice_rows(X, i, i + 1), W, b, pivot)
                np.testing.assert_array_equal(one[0], Z[i])
        np.testing.assert_array_equal(kernels.row_products(X, W), kernels.row_products(X, W, np.zeros(k)))


@every_shape
@every_kind
def test_weighted_rows_sum(shape: tuple[int, int], kind: str) -> None:
    X = matrix(kind, *shape)
    for k in (1, 3, 6):
        R = np.random.default_rng(1).normal(size=(shape[0], k))
        for pivot in pivots_for(X):
            total = kernels.weighted_rows_sum(X, R, pivot)
            size = np.abs(R).T @ np.abs(reference.centred(X, pivot))
            assert (np.abs(total - reference.weighted_rows_sum(X, R, pivot)) <= gamma(260) * size).all()
            first = kernels.weighted_rows_sum(slice_rows(X, 0, 256), R[:256].copy(), pivot)
            rest = [first[:]]
            for start in range(256, shape[0], 256):
                part = slice_rows(X, start, min(start + 256, shape[0]))
                rest.append(kernels.weighted_rows_sum(part, R[start : start + 256].copy(), pivot))
            np.testing.assert_array_equal(total, sum(rest[1:], rest[0]))


@pytest.mark.parametrize("shape", [(257, 17), (300, 50)])
def test_sparse_sums_equal_dense_ones(shape: tuple[int, int]) -> None:
    X = matrix("csr64", *shape)
    R = np.random.default_rng(1).normal(size=(shape[0], 2))
    dense = np.ascontiguousarray(reference.centred(X, None).astype(np.float64))
    np.testing.assert_array_equal(kernels.weighted_rows_sum(X, R), kernels.weighted_rows_sum(dense, R))


def composed(
    X: Matrix, y: Floats, weight: Floats | None, W: Floats, b: Floats, loss: int, pivot: Floats | None
) -> Floats:
    value, slope = kernels.glm_values(kernels.row_products(X, W, b, pivot), y, loss)
    if weight is not None:
        value, slope = value * weight, slope * weight[:, None]
    ones = np.ones((len(value), 1))
    return np.hstack([kernels.weighted_rows_sum(X, slope, pivot), kernels.weighted_rows_sum(ones, slope)])


@every_shape
@every_kind
@every_loss
def test_fused_equals_composed(shape: tuple[int, int], kind: str, loss: int, k: int) -> None:
    X, (W, b), y = matrix(kind, *shape), model(shape[1], k), targets(shape[0], k, loss)
    weight = np.random.default_rng(2).random(shape[0])
    for w in (None, weight):
        sums = kernels.glm_sums(X, y, w, W, b, loss, pivot_for(X))
        np.testing.assert_array_equal(
            np.hstack([sums.grad, sums.grad_b[:, None]]), composed(X, y, w, W, b, loss, pivot_for(X))
        )
    plain, ones = (kernels.glm_sums(X, y, w, W, b, loss, pivot_for(X)) for w in (None, np.ones(shape[0])))
    for left, right in zip(plain, ones, strict=True):
        np.testing.assert_array_equal(left, right)


@every_shape
@every_kind
@every_loss
def test_glm_sums(shape: tuple[int, int], kind: str, loss: int, k: int) -> None:
    X, (W, b), y = matrix(kind, *shape), model(shape[1], k), targets(shape[0], k, loss)
    weight, pivot = np.random.default_rng(2).random(shape[0]), pivot_for(X)
    sums = kernels.glm_sums(X, y, weight, W, b, loss, pivot)
    weight_sum, value, grad, grad_b = reference.glm_sums(X, y, weight, W, b, loss, pivot)
    assert abs(sums.weight_sum - weight_sum) <= gamma(shape[0] + 1) * weight.sum()
    z = np.abs(reference.centred(X, pivot)) @ np.abs(W).T + np.abs(b)
    scale = (1 + z) * np.exp(np.minimum(z, 30)) * (1 + np.abs(y.max(initial=0.0)))  # bounds every loss and slope
    error = 8 * gamma(shape[1] + 8) * scale
    assert abs(np.longdouble(sums.loss_hi) + sums.loss_lo - value) <= (weight[:, None] * (1 + scale) * error).sum()
    row = weight[:, None] * (error + gamma(260) * scale)
    assert (np.abs(sums.grad - grad) <= row.T @ np.abs(reference.centred(X, pivot))).all()
    assert (np.abs(sums.grad_b - grad_b) <= row.sum(axis=0)).all()


@every_loss
def test_glm_values(loss: int, k: int) -> None:
    z = np.random.default_rng(3).normal(size=(203, k)) * 3
    y = targets(203, k, loss)
    value, slope = kernels.glm_values(z, y, loss)
    wanted, wanted_slope = reference.glm_values(z, y, loss)
    size = 1 + np.abs(z).max(axis=1) * (1 + y.max()) + np.exp(z).max(axis=1) + 20
    assert (np.abs(value - wanted) <= 8 * k * U * size**2).all()
    assert (np.abs(slope - wanted_slope) <= 8 * k * U * size[:, None]).all()


def test_losses_agree_with_the_elementary_functions() -> None:
    z, y = np.random.default_rng(3).normal(size=100), targets(100, 1, kernels.LOGISTIC)
    value, slope = kernels.glm_values(z[:, None], y, kernels.LOGISTIC)
    np.testing.assert_array_equal(value, kernels.softplus(z) - y * z)
    np.testing.assert_array_equal(slope[:, 0], kernels.expit(z) - y)
    value, slope = kernels.glm_values(z[:, None], y, kernels.POISSON)
    np.testing.assert_array_equal(value, kernels.exp(z) - y * z)
    np.testing.assert_array_equal(slope[:, 0], kernels.exp(z) - y)


def test_the_loss_is_summed_to_the_last_bit() -> None:
    X = np.zeros((4097, 1))
    y = np.concatenate([[2.0**30], np.full(4096, 2.0**-30)])
    sums = kernels.glm_sums(X, y, None, np.zeros((1, 1)), None, kernels.SQUARED)
    assert np.longdouble(sums.loss_hi) + sums.loss_lo == np.longdouble(2.0) ** 59 + np.longdouble(2.0) ** -49


def test_an_overflowing_loss_is_infinite_not_nan() -> None:
    sums = kernels.glm_sums(np.ones((20, 1)), np.zeros(20), None, np.full((1, 1), 800.0), None, kernels.POISSON)
    assert sums.loss_hi == np.inf
    assert sums.loss_lo == 0.0


def test_nan_rows_stay_theirs() -> None:
    X = np.ones((70, 20))
    X[33, 7] = np.nan
    Z = kernels.row_products(X, np.ones((2, 20)))
    assert np.isnan(Z[33]).all()
    assert np.isfinite(np.delete(Z, 33, axis=0)).all()


def test_wrong_arrays() -> None:
    X, W = np.ones((4, 3)), np.ones((1, 3))
    with pytest.raises(ValueError, match=r"W has shape \(1, 2\)"):
        kernels.row_products(X, np.ones((1, 2)))
    with pytest.raises(TypeError):
        kernels.row_products(np.asfortranarray(X), W)
    with pytest.raises(TypeError, match="float32 or float64"):
        kernels.row_products(X.astype(np.int64), W)
    with pytest.raises(ValueError, match="loss"):
        kernels.glm_sums(X, np.ones(4), None, W, None, 9)
    with pytest.raises(ValueError, match="weight"):
        kernels.glm_sums(X, np.ones(4), np.ones(3), W, None, 0)
    with pytest.raises(ValueError, match="multinomial"):
        kernels.glm_sums(X, np.ones(4), None, W, None, kernels.MULTINOMIAL)
    sparse = Csr(np.ones(1), np.zeros(1, np.int32), np.array([0, 1]), 3)
    with pytest.raises(ValueError, match="pivot"):
        kernels.row_products(sparse, W, None, np.ones(3))
    with pytest.raises(ValueError, match="indptr"):
        kernels.row_products(Csr(np.ones(1), np.zeros(1, np.int32), np.array([0, 2]), 3), W)
