"""Neighbours as they are defined: every distance by itself, in plain NumPy, then all sorted by (distance, row id)."""

from __future__ import annotations

from typing import Any

import numpy as np

from shardlearn.kernels import reference

Array = np.ndarray[Any, Any]


def keys(metric: str, X: Array, Q: Array, power: float = 2.0) -> Array:
    """(m, n) each a chain over the features in order."""
    x, q = X.astype(np.float64), Q.astype(np.float64)
    if metric in ("euclidean", "sqeuclidean"):
        return reference.squares(X, q).T
    out = np.zeros((len(q), len(x)))
    for t in range(x.shape[1]):
        a, b = np.broadcast_arrays(x[:, t], q[:, t, None])
        gap = np.abs(a - b)
        match metric:
            case "inner_product":
                out = reference.fused(-a, b, out)
            case "manhattan":
                out = out + gap
            case "chebyshev":
                out = np.maximum(out, gap)
            case "hamming":
                out = out + (a != b)
            case "minkowski":
                product = gap
                for _ in range(int(power) - 1):
                    product = product * gap
                out = out + product
    return out


def nearest(key: Array, k: int) -> tuple[Array, Array]:
    """(keys, ids) of the k least by (key, id)."""
    ids = np.broadcast_to(np.arange(key.shape[1]), key.shape)
    order = np.lexsort((ids, key), axis=1)[:, :k]
    return np.take_along_axis(key, order, axis=1), order


def data(kind: str, n: int, p: int, m: int, dtype: type = np.float64) -> tuple[Array, Array]:
    """Rows and queries."""
    rng = np.random.default_rng([n, p, m])
    X, Q = rng.normal(size=(n, p)), rng.normal(size=(m, p))
    if kind == "grid":
        X, Q = np.rint(X), np.rint(Q)
    if kind == "duplicates":
        X = X[rng.integers(0, max(n // 7, 1), n)]
        Q = X[rng.integers(0, n, m)]
    if kind == "offset":
        X, Q = X + 1e6, Q + 1e6
    return X.astype(dtype), Q.astype(dtype)
