"""Solvers on arrays in memory, in the reference engine; and data to try them on."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.engines.fakes import ArrayBlocks

from shardlearn.core.grid import Grid
from shardlearn.core.matrix import Csr
from shardlearn.engines.serial import SerialEngine
from shardlearn.losses.registry import LOSSES
from shardlearn.run import run
from shardlearn.solvers.problem import Glm, LeastSquares, Shape


def shape_of(X: Any, rows: int) -> Shape:
    return Shape(Grid(0, X.shape[0], rows), X.shape[1], isinstance(X, Csr))


def glm(X: Any, loss: str, *, l2: float = 1.0, k: int = 1, rows: int = 1024, **settings: Any) -> Glm:
    return Glm(shape_of(X, rows), LOSSES[loss], l2, k, **settings)


def squares(X: Any, alpha: Any = 0.0, *, t: int = 1, rows: int = 1024, **settings: Any) -> LeastSquares:
    return LeastSquares(shape_of(X, rows), np.broadcast_to(np.asarray(alpha, float), (t,)).copy(), **settings)


def solved(solver: Any, problem: Any, X: Any, y: Any, weight: Any = None, **settings: Any) -> Any:
    """The last state."""
    engine = SerialEngine()
    data = engine.open(ArrayBlocks(X, y, weight, rows=problem.shape.grid.rows))
    return run(solver, problem, {"train": data}, engine, **settings)


def rotated(n: int, p: int, kappa: float, seed: int = 0, offset: float = 0.0) -> Any:
    """(n, p) columns of unit variance, correlated by a random rotation of axes of lengths 1 to 1 / kappa."""
    draw = np.random.default_rng(seed)
    q, _ = np.linalg.qr(draw.standard_normal((p, p)))
    X = (draw.standard_normal((n, p)) * np.logspace(0, -np.log10(kappa), p)) @ q.T
    return np.ascontiguousarray(X / X.std(axis=0) + offset)


def binary(X: Any, seed: int = 1, size: float = 1.0) -> Any:
    """(n,) codes 0 and 1 from a logistic model of the features about their mean."""
    draw = np.random.default_rng(seed)
    w = size * draw.standard_normal(X.shape[1]) / np.sqrt(X.shape[1])
    return (draw.random(len(X)) < 1.0 / (1.0 + np.exp(-((X - X.mean(axis=0)) @ w + 0.3)))).astype(float)


def classes(X: Any, k: int, seed: int = 1, size: float = 1.0) -> Any:
    """(n,) codes of k classes."""
    draw = np.random.default_rng(seed)
    z = (X - X.mean(axis=0)) @ draw.standard_normal((X.shape[1], k)) * size / np.sqrt(X.shape[1])
    return np.argmax(z + draw.gumbel(size=z.shape), axis=1).astype(float)


def csr(X: Any) -> Csr:
    rows, columns = np.nonzero(X)
    indptr = np.searchsorted(rows, np.arange(len(X) + 1)).astype(np.int64)
    return Csr(X[rows, columns], columns.astype(np.int32), indptr, X.shape[1])


def relative(a: Any, b: Any) -> float:
    return float(np.linalg.norm(np.asarray(a) - b) / np.linalg.norm(b))
