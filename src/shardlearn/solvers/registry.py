"""Every solver with a small problem, for the laws that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from shardlearn.core.block import Block
from shardlearn.core.grid import Grid
from shardlearn.core.matrix import Csr, Floats, Matrix
from shardlearn.core.rng import Purpose, philox, uniform
from shardlearn.core.solver import AnySolver
from shardlearn.losses.logistic import Logistic
from shardlearn.losses.multinomial import Multinomial
from shardlearn.statistics.unit_rows import UnitRows

from .bisecting import Bisecting
from .clusters import Clusters
from .gradient_descent import GradientDescent
from .gram_least_squares import GramLeastSquares
from .halving import Halving
from .iterative_least_squares import IterativeLeastSquares
from .kmeans import KMeans
from .lbfgs import Lbfgs
from .lloyd import Lloyd
from .mini_batch import MiniBatch, Streamed
from .newton_cholesky import NewtonCholesky
from .one_batch import NextBatch, OneBatch
from .preconditioned_lbfgs import PreconditionedLbfgs
from .problem import Glm, LeastSquares, Shape

ROWS, FEATURES, BLOCK = 300, 17, 64


@dataclass(frozen=True, slots=True)
class Example:
    """A solver, its problem, and the rows that it is to be asked about, cut on `problem.shape.grid`."""

    solver: AnySolver
    problem: Glm | LeastSquares | Clusters | Streamed | NextBatch
    rows: Block


def _drawn(stream: int, shape: tuple[int, ...]) -> Floats:
    """Numbers in [-1, 1)."""
    n = int(np.prod(shape))
    words = philox(0, Purpose.TEST, np.arange(n, dtype=np.int64), stream)
    return (2.0 * uniform(words) - 1.0).reshape(shape)


def _features() -> Floats:
    """Correlated columns of different lengths, far from zero."""
    X = _drawn(0, (ROWS, FEATURES)) + 2.0 * _drawn(1, (ROWS, 1))
    return X * np.ldexp(1.0, np.arange(FEATURES) % 5) + 10.0


def _scores(k: int) -> Floats:
    """(n, k) what the features say of k outputs, with noise."""
    X = _features()
    return np.stack([X[:, q] - X[:, q + 5] + 2.0 * _drawn(2 + q, (ROWS,)) for q in range(k)], axis=1)


def _weights() -> Floats:
    """Whole numbers, zeros among them."""
    return np.floor(3.0 * (_drawn(20, (ROWS,)) + 1.0) * 0.5)


def _csr(X: Floats) -> Csr:
    rows, columns = np.nonzero(X)
    indptr = np.searchsorted(rows, np.arange(len(X) + 1)).astype(np.int64)
    return Csr(X[rows, columns], columns.astype(np.int32), indptr, X.shape[1])


SHAPE = Shape(Grid(0, ROWS, BLOCK), FEATURES)


def _dense(y: Floats, *, weighted: bool = False, single: bool = False) -> Block:
    X = _features().astype(np.float32) if single else _features()
    return Block(X, y, _weights() if weighted else None, 0)


def _sparse(y: Floats) -> Block:
    X = _drawn(0, (ROWS, FEATURES))
    return Block(_csr(np.where(np.abs(X) < 0.7, 0.0, X)), y, None, 0)


def _binary(solver: AnySolver, *, weighted: bool = False, single: bool = False, intercept: bool = True) -> Example:
    y = (_scores(1)[:, 0] > 0.0).astype(np.float64)
    return Example(
        solver, Glm(SHAPE, Logistic(), 1.0, intercept=intercept), _dense(y, weighted=weighted, single=single)
    )


def _classes(solver: AnySolver) -> Example:
    y = np.argmax(_scores(4), axis=1).astype(np.float64)
    return Example(solver, Glm(SHAPE, Multinomial(), 1.0, outputs=4), _dense(y))


def _sparse_binary(solver: AnySolver) -> Example:
    y = (_scores(1)[:, 0] > 0.0).astype(np.float64)
    return Example(solver, Glm(replace(SHAPE, sparse=True), Logistic(), 1.0), _sparse(y))


def _many(solver: AnySolver, *, sparse: bool = False) -> Example:
    """Rows enough for a start that a sample gives."""
    n, p = 40_000, 5
    X = _drawn(0, (n, p)) + (0.0 if sparse else 3.0)
    X[:, 1] += X[:, 0]
    y = (X[:, 1] - X[:, 2] + 2.0 * _drawn(2, (n,)) > 0.5).astype(np.float64)
    weight = None if sparse else np.floor(3.0 * (_drawn(20, (n,)) + 1.0) * 0.5)
    shape = Shape(Grid(0, n, 8_192), p, sparse)
    rows: Matrix = _csr(np.where(np.abs(X) < 0.4, 0.0, X)) if sparse else X
    return Example(solver, Glm(shape, Logistic(), 1.0), Block(rows, y, weight, 0))


def _numbers(solver: AnySolver, alpha: tuple[float, ...], *, weighted: bool = False, **settings: bool) -> Example:
    return Example(
        solver, LeastSquares(SHAPE, np.array(alpha), **settings), _dense(_scores(len(alpha)), weighted=weighted)
    )


def _sparse_numbers(solver: AnySolver) -> Example:
    return Example(solver, LeastSquares(replace(SHAPE, sparse=True), np.array([1.0])), _sparse(_scores(1)))


def _close_columns() -> Example:
    """One column all but equal to another, one that is a combination of two, one that is constant."""
    X, y = _features(), _scores(1)
    X[:, 3] = X[:, 0] + np.ldexp(_drawn(3, (ROWS,)), -26)
    X[:, 4], X[:, 5] = X[:, 1] - 2.0 * X[:, 2], 7.0
    return Example(GramLeastSquares(), LeastSquares(SHAPE, np.zeros(1)), Block(X, y, None, 0))


def _small_directions() -> Example:
    """Seven columns all but equal to others, to be cut off."""
    X, y = _features(), _scores(2)
    X[:, 10:] = X[:, :7] + 2.0**-20 * X[:, 10:]
    return Example(GramLeastSquares(cut=2.0**-14), LeastSquares(SHAPE, np.zeros(2)), Block(X, y, None, 0))


def _clouds(k: int) -> Floats:
    """Rows around k points, some of them far from zero, some twice."""
    spots = np.rint(4.0 * _drawn(30, (k, FEATURES))) + 5.0
    X = spots[np.arange(ROWS) % k] + _drawn(0, (ROWS, FEATURES))
    X[10:20] = X[0]
    return X


def _clusters(
    solver: AnySolver, k: int, *, weighted: bool = False, single: bool = False, start: bool = False
) -> Example:
    X = _clouds(k).astype(np.float32 if single else np.float64)
    at = np.repeat(X[:1].astype(np.float64), k, axis=0) if start else None  # all but one of them without rows
    problem = Clusters(SHAPE, k, single, weighted, seed=3, start=at)
    return Example(solver, problem, Block(X, None, _weights() if weighted else None, 0))


def _sparse_clusters(solver: AnySolver) -> Example:
    X = np.where(np.abs(_clouds(6)) < 5.0, 0.0, _clouds(6))
    return Example(solver, Clusters(replace(SHAPE, sparse=True), 6, seed=5), Block(_csr(X), None, None, 0))


def _batches(solver: AnySolver, k: int, *, weighted: bool = False, single: bool = False, starts: int = 0) -> Example:
    of = _clusters(solver, k, weighted=weighted, single=single)
    assert isinstance(of.problem, Clusters)
    given = tuple(np.repeat(_clouds(k)[i : i + 1], k, axis=0) + np.arange(k)[:, None] for i in range(starts))
    return replace(of, problem=Streamed(of.problem, given))


def _sparse_batches(solver: AnySolver) -> Example:
    of = _sparse_clusters(solver)
    assert isinstance(of.problem, Clusters)
    return replace(of, problem=Streamed(of.problem))


def _one_batch(solver: AnySolver, *, weighted: bool = False) -> Example:
    of = _clusters(solver, 7, weighted=weighted, start=weighted)
    assert isinstance(of.problem, Clusters)
    return replace(of, problem=NextBatch(of.problem))


def _directions(solver: AnySolver, k: int, *, sparse: bool = False) -> Example:
    """Rows of length one, and a few without a direction."""
    X = np.where(np.abs(_clouds(k)) < 4.0, 0.0, _clouds(k) - 5.0)
    X[30:33] = 0.0
    shape = replace(SHAPE, sparse=sparse)
    rows = UnitRows()(Block(_csr(X) if sparse else X, None, None, 0))
    return Example(solver, Clusters(shape, k, seed=4, unit=True), rows)


SOLVERS: Mapping[str, Callable[[], Example]] = MappingProxyType(
    {
        "preconditioned-lbfgs": lambda: _binary(PreconditionedLbfgs(1e-8)),
        "preconditioned-lbfgs, float32, weights": lambda: _binary(
            PreconditionedLbfgs(1e-6), weighted=True, single=True
        ),
        "preconditioned-lbfgs, multinomial": lambda: _classes(PreconditionedLbfgs(1e-8)),
        "preconditioned-lbfgs, no intercept": lambda: _binary(PreconditionedLbfgs(1e-8), intercept=False),
        "preconditioned-lbfgs, from a sample": lambda: _many(PreconditionedLbfgs(1e-8)),
        "preconditioned-lbfgs, from a sparse sample": lambda: _many(PreconditionedLbfgs(1e-8), sparse=True),
        "lbfgs": lambda: _binary(Lbfgs(1e-4, 500)),
        "lbfgs, sparse": lambda: _sparse_binary(Lbfgs(1e-6)),
        "newton-cholesky": lambda: _binary(NewtonCholesky(1e-8), weighted=True),
        "newton-cholesky, multinomial": lambda: _classes(NewtonCholesky(1e-8)),
        "gradient-descent": lambda: _binary(GradientDescent(1e-3, 500)),
        "gram least squares": lambda: _numbers(GramLeastSquares(), (0.0, 1.0), weighted=True),
        "gram least squares, positive": lambda: _numbers(GramLeastSquares(), (0.0,), positive=True),
        "gram least squares, close columns": _close_columns,
        "gram least squares, small directions": _small_directions,
        "gram least squares, sparse": lambda: _sparse_numbers(GramLeastSquares()),
        "iterative least squares": lambda: _numbers(IterativeLeastSquares(1e-6, 500), (0.5, 1.0)),
        "iterative least squares, sparse": lambda: _sparse_numbers(IterativeLeastSquares(1e-10, 500)),
        "k-means": lambda: _clusters(KMeans(Lloyd(0.0)), 32),
        "k-means, float32, weights": lambda: _clusters(
            KMeans(Lloyd(1e-6, labels=True)), 12, weighted=True, single=True
        ),
        "k-means, one by one": lambda: _clusters(KMeans(Lloyd(), "k-means++"), 9),
        "k-means, random rows": lambda: _clusters(KMeans(Lloyd(), "random"), 9),
        "k-means, empty clusters": lambda: _clusters(KMeans(Lloyd(labels=True)), 9, start=True),
        "k-means, sparse": lambda: _sparse_clusters(KMeans(Lloyd())),
        "k-means, cosine": lambda: _directions(KMeans(Lloyd(0.0, labels=True)), 32),
        "k-means, cosine, sparse": lambda: _directions(KMeans(Lloyd(0.0)), 7, sparse=True),
        "bisecting": lambda: _clusters(Bisecting(Halving(KMeans(Lloyd(), "random")), labels=True), 9),
        "bisecting, float32, weights": lambda: _clusters(
            Bisecting(Halving(KMeans(Lloyd(0.0), "k-means++")), heaviest=True), 12, weighted=True, single=True
        ),
        "bisecting, several tries": lambda: _clusters(
            Bisecting(Halving(KMeans(Lloyd(), "random")), tries=3, labels=True), 7, weighted=True
        ),
        "bisecting, one cluster": lambda: _clusters(Bisecting(Halving(KMeans(Lloyd(), "random"))), 1),
        "bisecting, sparse": lambda: _sparse_clusters(Bisecting(Halving(KMeans(Lloyd(), "k-means++")), labels=True)),
        "mini-batch": lambda: _batches(MiniBatch(32, 96, labels=True), 9),
        "mini-batch, float32, weights": lambda: _batches(
            MiniBatch(50, 90, tol=1e-3, patience=None, seeding="random", tries=3), 6, weighted=True, single=True
        ),
        "mini-batch, centres moved elsewhere": lambda: _batches(MiniBatch(20, 60, ratio=0.5), 12, weighted=True),
        "mini-batch, given": lambda: _batches(MiniBatch(300, 60, measured=False, tol=1e-2), 5, starts=1),
        "mini-batch, best of given": lambda: _batches(MiniBatch(64, 60, patience=3), 5, starts=3),
        "mini-batch, sparse": lambda: _sparse_batches(MiniBatch(32, 96, ratio=0.5)),
        "one batch": lambda: _one_batch(OneBatch(60)),
        "one batch, weights": lambda: _one_batch(OneBatch(60, ratio=0.3), weighted=True),
    }
)
