"""Extremes and bad values of columns."""

from __future__ import annotations

import numpy as np
import pytest
from tests.kernels.cases import every_kind, every_shape, matrix

from shardlearn import kernels
from shardlearn.core.matrix import Csr, Matrix
from shardlearn.kernels import reference

BAD = [np.nan, np.inf, -np.inf]


def spoilt(X: Matrix, seed: int) -> Matrix:
    """The same with a few values replaced by NaN and infinities."""
    rng = np.random.default_rng(seed)
    data = (X.data if isinstance(X, Csr) else X).copy()
    flat = data.reshape(-1)
    if flat.size:
        flat[rng.integers(0, flat.size, 1 + flat.size // 20)] = rng.choice(BAD)
    return Csr(data, X.indices, X.indptr, X.n_columns) if isinstance(X, Csr) else data


@every_shape
@every_kind
def test_range_is_exact(shape: tuple[int, int], kind: str) -> None:
    for X in [matrix(kind, *shape)] + [spoilt(matrix(kind, *shape), seed) for seed in range(3)]:
        for got, wanted in zip(kernels.column_range(X), reference.column_range(X), strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_zero_has_one_sign() -> None:
    low, high = kernels.column_range(np.array([[-0.0], [0.0]]))
    assert not np.signbit(low[0])
    assert not np.signbit(high[0])


@every_shape
@every_kind
def test_bad_values(shape: tuple[int, int], kind: str) -> None:
    clean = matrix(kind, *shape)
    assert kernels.count_bad(clean) is None
    assert kernels.all_finite(clean)
    for seed in range(4):
        X = spoilt(clean, seed)
        got, wanted = kernels.count_bad(X), reference.count_bad(X)
        assert (got is None) == (wanted is None) == kernels.all_finite(X)
        if got is not None and wanted is not None:
            for a, b in zip(got, wanted, strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_one_bad_value_anywhere_is_found(value: float, dtype: type) -> None:
    for at in range(0, 150, 7):
        X = np.full((1, 150), np.finfo(dtype).max, dtype)
        X[0, at] = value
        assert not kernels.all_finite(X)
