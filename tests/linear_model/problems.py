"""Data whose answers are known, and plain references for them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import linalg, sparse

Array = np.ndarray[Any, Any]


class Data(NamedTuple):
    """Rows, targets and weights (None: ones)."""

    X: Any
    y: Array
    weight: Array | None = None


def features(n: int, p: int, *, kappa: float = 1.0, offset: float = 0.0, seed: int = 0) -> Array:
    """Gaussian rows with singular values from sqrt(n) down to sqrt(n) / kappa, rotated, then moved off zero."""
    rng = np.random.default_rng(seed)
    U, _ = np.linalg.qr(rng.normal(size=(n, p)))
    V, _ = np.linalg.qr(rng.normal(size=(p, p)))
    return (U * np.geomspace(1.0, 1.0 / kappa, p)) @ V.T * np.sqrt(n) + offset


def regression(n: int = 500, p: int = 10, *, targets: int | None = None, seed: int = 0, **shape: float) -> Data:
    X = features(n, p, seed=seed, **shape)
    rng = np.random.default_rng(seed + 1)
    W = rng.normal(size=(p, 1 if targets is None else targets))
    Z = (X - X.mean(axis=0)) @ W + 3.0 + 0.1 * rng.normal(size=(n, W.shape[1]))
    return Data(X, Z[:, 0] if targets is None else Z, rng.integers(0, 4, n).astype(float))


def classification(n: int = 600, p: int = 8, *, classes: int = 2, seed: int = 0, **shape: float) -> Data:
    X = features(n, p, seed=seed, **shape)
    rng = np.random.default_rng(seed + 1)
    W = rng.normal(size=(p, classes))
    Z = (X - X.mean(axis=0)) @ W + rng.gumbel(size=(n, classes))
    return Data(X, Z.argmax(axis=1), rng.integers(0, 4, n).astype(float))


def sparse_rows(n: int = 600, p: int = 40, *, density: float = 0.1, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return sparse.csr_array(np.where(rng.uniform(size=(n, p)) < density, rng.normal(size=(n, p)), 0.0))


def least_squares(
    X: Any,
    y: Array,
    weight: Array | None = None,
    *,
    alpha: float = 0.0,
    intercept: bool = True,
    cond: float | None = None,
) -> tuple[Array, Array]:
    """(W (t, p), b (t,)) by LAPACK on centred rows, the means taken in extended precision."""
    X = np.asarray(X.todense() if sparse.issparse(X) else X, np.longdouble)
    Y = np.asarray(y, np.longdouble).reshape(len(y), -1)
    w = np.ones(len(y)) if weight is None else weight
    mean_x, mean_y = np.zeros(X.shape[1], np.longdouble), np.zeros(Y.shape[1], np.longdouble)
    if intercept:
        mean_x, mean_y = (w[:, None] * X).sum(axis=0) / w.sum(), (w[:, None] * Y).sum(axis=0) / w.sum()
    root = np.sqrt(w)[:, None]
    A, B = np.asarray(root * (X - mean_x), float), np.asarray(root * (Y - mean_y), float)
    if alpha:
        A = np.vstack([A, np.sqrt(alpha) * np.eye(X.shape[1])])
        B = np.vstack([B, np.zeros((X.shape[1], Y.shape[1]))])
    W = linalg.lstsq(A, B, cond=cond)[0].T
    return W, np.asarray(mean_y - (np.asarray(W, np.longdouble) * mean_x).sum(axis=1), float)


def relative(found: Any, wanted: Any) -> float:
    """|found - wanted| / |wanted|"""
    found, wanted = np.asarray(found, float), np.asarray(wanted, float)
    assert found.shape == wanted.shape
    return float(np.linalg.norm(found - wanted) / max(np.linalg.norm(wanted), 1e-300))
