"""k of many weighted candidates, on the driver: greedy k-means++, then Lloyd's iterations on the candidates alone.

Several searches are begun, and the best one is finished: after a few iterations it shows where a search leads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from shardlearn import kernels
from shardlearn.core import rng
from shardlearn.core.matrix import Csr, Floats, Ints, Matrix, take_rows

from .clusters import Units
from .sums import moved_means, no_sums, points, transferred

STREAM = 1 << 30  # of draws among candidates: far from those of rounds
BEGIN, STEPS = 2, 20  # iterations of each search, and of the best one
SHARED = 16  # a row has one of so many features at least, where means of rows are looked at
SEARCHES, PRODUCTS = 8, 1 << 30  # at most, and multiplications of all searches together where distances are not kept
KEPT = 2048  # dense candidates whose distances are kept from one search to the next


def trials(k: int) -> int:
    """Rows that are tried for each next centre."""
    return 2 + int(kernels.log(np.array([float(k)]))[0])


def searched(candidates: Matrix, masses: Ints, k: int, seed: int, units: Units, dtype: str = "float64") -> Floats:
    """(k, p) centres among the candidates, whose values `dtype` holds exactly; `masses` (layers, m) are whole."""
    if isinstance(candidates, Csr):
        return _searched_sparse(candidates, masses, k, seed, units)
    mass, squares = units.weighing(masses), kernels.point_squares(candidates) if len(candidates) <= KEPT else None
    draws = _draws(k, seed, SEARCHES if squares is not None else _searches(candidates.size, k))
    starts = (candidates[kernels.spread(candidates, mass, drawn, squares)] for drawn in draws)
    return _best(candidates.astype(dtype), masses, starts, units)


def _searched_sparse(candidates: Csr, masses: Ints, k: int, seed: int, units: Units) -> Floats:
    """Among the features that a candidate has; all centres are zero in the others."""
    features, indices = np.unique(candidates.indices, return_inverse=True)
    narrow = Csr(candidates.data, indices.astype(np.int32), candidates.indptr, len(features))
    scale = replace(units.scale, exponent=units.scale.exponent[features])
    mass, draws = units.weighing(masses), _draws(k, seed, _searches(len(narrow.data), k))
    starts = (points(take_rows(narrow, spread_sparse(narrow, mass, drawn))) for drawn in draws)
    lines = kernels.no_lines(candidates.n_columns, k)
    lines.fill(0.0)
    lines[features, :k] = _best(narrow, masses, starts, replace(units, scale=scale)).T
    return kernels.points_across(lines, k)


def _searches(values: int, k: int) -> int:
    """As many as there is time for where distances to so many values of candidates are not kept."""
    return max(1, min(SEARCHES, PRODUCTS // max(values * k * trials(k), 1)))


def _draws(k: int, seed: int, count: int) -> Iterator[Floats]:
    """(k, trials) of each search."""
    ids = np.arange(k * trials(k), dtype=np.int64)
    for search in range(count):
        yield kernels.uniform(seed, rng.Purpose.SEEDING, ids, STREAM + search).reshape(k, -1)


def _best(rows: Matrix, masses: Ints, starts: Iterable[Floats], units: Units) -> Floats:
    """Where the most promising of the (k, p) starts leads."""
    begun = [settled(rows, masses, centers, units, BEGIN) for centers in starts]
    mass = units.weighing(masses)
    left = [potential(rows, mass, centers) for centers in begun] if len(begun) > 1 else [0.0]
    return settled(rows, masses, begun[int(np.argmin(left))], units, STEPS)


def potential(rows: Matrix, mass: Floats, centers: Floats) -> float:
    """sum_i mass_i min_j |x_i - c_j|^2"""
    compared = kernels.centers_of(centers, isinstance(rows, Csr))
    square = kernels.nearest_center(rows, compared, squares=True).square
    assert square is not None
    return kernels.dot(square, mass)


def spread_sparse(rows: Csr, mass: Floats, draws: Floats) -> Ints:
    """As `kernels.spread` of dense rows."""
    (k, t), m = draws.shape, rows.shape[0]
    chosen, left = np.zeros(k, np.int64), np.ones(m)
    for step in range(k):
        upto = np.cumsum(mass * left)
        if not upto[-1] > 0.0:  # all lie on a centre
            chosen[step:] = chosen[np.arange(k - step) % max(step, 1)]
            break
        tried = np.minimum(np.searchsorted(upto, draws[step, : t if step else 1] * upto[-1], side="right"), m - 1)
        compared = kernels.centers_of(take_rows(rows, tried), sparse=True)
        square = np.ascontiguousarray(kernels.center_squares(rows, compared).T)
        square[np.arange(len(tried)), tried] = 0.0
        if step:
            square = np.minimum(square, left)
        best = int(np.argmin(kernels.gemv(square, mass)))
        chosen[step], left = tried[best], square[best]
    return chosen


def dense_enough(rows: Matrix) -> bool:
    """Whether means of rows are starts: of rows that share few features they lie near zero, and take all rows."""
    if not isinstance(rows, Csr):
        return True
    m, p = rows.shape
    return SHARED * len(rows.data) >= m * p


def settled(rows: Matrix, masses: Ints, centers: Floats, units: Units, steps: int) -> Floats:
    """(k, p) centres after some of Lloyd's iterations on the candidates, each as heavy as its mass."""
    sparse, before = isinstance(rows, Csr), None
    sums, weights = no_sums(centers.shape, units, sparse)
    for _ in range(steps if units.unit or dense_enough(rows) else 0):
        label = kernels.nearest_center(rows, kernels.centers_of(centers, sparse)).label
        moves = kernels.Moves(label, before, masses)
        sums, weights, changed = transferred(sums, weights, rows, moves, units.scale)
        if not changed.any():
            break
        (centers, _), before = moved_means(sums, weights, centers, units), label
    return centers
