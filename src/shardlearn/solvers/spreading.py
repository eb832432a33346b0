"""k of many weighted candidates, on the driver: greedy k-means++, then Lloyd's iterations on the candidates alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from shardlearn import kernels
from shardlearn.core import rng
from shardlearn.core.matrix import Csr, Floats, Ints, Matrix, take_rows

from .clusters import Units
from .sums import moved_means, no_sums, points, transferred

STREAM = 1 << 30  # of draws among candidates: far from those of rounds
STEPS = 20
SHARED = 16  # a row has one of so many features at least, where means of rows are looked at
SEARCHES, PRODUCTS = 8, 1 << 30  # at most, and multiplications of all searches together


def trials(k: int) -> int:
    """Rows that are tried for each next centre."""
    return 2 + int(kernels.log(np.array([float(k)]))[0])


def searched(candidates: Matrix, masses: Ints, k: int, seed: int, units: Units) -> Floats:
    """(k, p) the best of some searches among the candidates: there are few of them beside the rows."""
    if isinstance(candidates, Csr):
        return _searched_sparse(candidates, masses, k, seed, units)
    return _searched(candidates, masses, k, seed, units)


def _searched(candidates: Matrix, masses: Ints, k: int, seed: int, units: Units) -> Floats:
    values = len(candidates.data) if isinstance(candidates, Csr) else candidates.size
    count = max(1, min(SEARCHES, PRODUCTS // max(values * k * trials(k), 1)))
    found = [settled(candidates, masses, spread(candidates, masses, k, seed, s), units) for s in range(count)]
    return found[int(np.argmin([potential(candidates, masses, centers) for centers in found]))]


def _searched_sparse(candidates: Csr, masses: Ints, k: int, seed: int, units: Units) -> Floats:
    """Among the features that a candidate has; all centres are zero in the others."""
    features, indices = np.unique(candidates.indices, return_inverse=True)
    narrow = Csr(candidates.data, indices.astype(np.int32), candidates.indptr, len(features))
    scale = replace(units.scale, exponent=units.scale.exponent[features])
    found = _searched(narrow, masses, k, seed, replace(units, scale=scale))
    lines = kernels.no_lines(candidates.n_columns, k)
    lines.fill(0.0)
    lines[features, :k] = found.T
    return kernels.points_across(lines, k)


def potential(candidates: Matrix, masses: Ints, centers: Floats) -> float:
    """sum_i mass_i min_j |x_i - c_j|^2"""
    compared = kernels.centers_of(centers, isinstance(candidates, Csr))
    square = kernels.nearest_center(candidates, compared, squares=True).square
    assert square is not None
    return kernels.dot(square, masses.astype(np.float64))


def spread(candidates: Matrix, masses: Ints, k: int, seed: int, search: int = 0) -> Ints:
    """(k,) which of the (m, p) candidates; repeated where fewer than k lie apart."""
    m, t, squares = candidates.shape[0], trials(k), squares_among(candidates)
    mass, ids = masses.astype(np.float64), np.arange(t * k, dtype=np.int64)
    draws = rng.uniform(kernels.philox(seed, rng.Purpose.SEEDING, ids, STREAM + search, 0)).reshape(k, t)
    chosen, left = np.zeros(k, np.int64), np.ones(m)
    for step in range(k):
        upto = np.cumsum(mass * left)
        if not upto[-1] > 0.0:  # all lie on a centre
            chosen[step:] = chosen[np.arange(k - step) % max(step, 1)]
            break
        tried = np.minimum(np.searchsorted(upto, draws[step, : t if step else 1] * upto[-1], side="right"), m - 1)
        square = squares(tried)
        square[np.arange(len(tried)), tried] = 0.0
        if step:
            square = np.minimum(square, left)
        best = int(np.argmin(kernels.gemv(square, mass)))
        chosen[step], left = tried[best], square[best]
    return chosen


def squares_among(candidates: Matrix) -> Callable[[Ints], Floats]:
    """What gives the (t, m) squared distances of t candidates to all m."""
    if isinstance(candidates, Csr):
        X = candidates

        def of_sparse(tried: Ints) -> Floats:
            return np.ascontiguousarray(kernels.center_squares(X, kernels.centers_of(take_rows(X, tried), True)).T)

        return of_sparse
    apart = candidates - candidates[0]
    across, norm = np.ascontiguousarray(apart.T), np.array([kernels.dot(row, row) for row in apart])

    def of_dense(tried: Ints) -> Floats:
        product = kernels.matmul(np.ascontiguousarray(apart[tried]), across)
        square: Floats = np.maximum(norm[tried][:, None] + norm - 2.0 * product, 0.0)
        return square

    return of_dense


def dense_enough(candidates: Matrix) -> bool:
    """Whether means of rows are starts: of rows that share few features they lie near zero, and take all rows."""
    if not isinstance(candidates, Csr):
        return True
    m, p = candidates.shape
    return SHARED * len(candidates.data) >= m * p


def settled(candidates: Matrix, masses: Ints, chosen: Ints, units: Units) -> Floats:
    """(k, p) centres after some of Lloyd's iterations on the candidates, each as heavy as its mass."""
    centers, k, sparse = points(take_rows(candidates, chosen)), len(chosen), isinstance(candidates, Csr)
    sums, weights, before = no_sums(centers.shape, units.scale, sparse), np.zeros(k, np.int64), None
    for _ in range(STEPS if units.unit or dense_enough(candidates) else 0):
        label = kernels.nearest_center(candidates, kernels.centers_of(centers, sparse)).label
        moves = kernels.Moves(label, before, masses)
        sums, weights, changed = transferred(sums, weights, candidates, moves, units.scale)
        if not changed:
            break
        (centers, _), before = moved_means(sums, weights, centers, units), label
    return centers
