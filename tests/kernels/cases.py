"""Matrices of every kind for the tests of kernels on rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from shardlearn.core.matrix import Csr, Floats, Matrix

U = 2.0**-53
SHAPES = [(0, 3), (1, 1), (1, 17), (2, 0), (63, 3), (64, 16), (257, 17), (300, 50), (515, 130)]
KINDS = ["f64", "f32", "csr64", "csr32"]
every_kind = pytest.mark.parametrize("kind", KINDS)
every_shape = pytest.mark.parametrize("shape", SHAPES)


def gamma(m: int) -> float:
    return m * U / (1 - m * U)


def matrix(kind: str, n: int, p: int) -> Matrix:
    """A read-only matrix; sparse ones are a slice of a longer one, so that indptr doesn't start at 0."""
    rng = np.random.default_rng([n, p])
    dtype = np.float32 if kind.endswith("32") else np.float64
    X = rng.normal(size=(n + 2, p)) * 2.0 ** rng.integers(-4, 4, p)
    if not kind.startswith("csr"):
        dense = X[2:].astype(dtype)
        dense.setflags(write=False)
        return dense
    keep = rng.random((n + 2, p)) < 0.3
    indptr = np.concatenate([[0], np.cumsum(keep.sum(axis=1))]).astype(np.int64)
    return Csr(X[keep].astype(dtype), np.nonzero(keep)[1].astype(np.int32), indptr[2:], p)


def pivot_for(X: Matrix) -> Floats | None:
    return None if isinstance(X, Csr) else np.random.default_rng(5).normal(size=X.shape[1])


def pivots_for(X: Matrix) -> Iterator[Floats | None]:
    yield None
    if not isinstance(X, Csr):
        yield pivot_for(X)
