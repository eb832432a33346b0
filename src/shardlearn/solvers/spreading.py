"""k of many weighted candidates, on the driver: greedy k-means++, then Lloyd's iterations on the candidates alone.

Several searches are begun, and the best one is finished: after a few iterations it shows where a search leads.
"""

from __future__ import annotations

import numpy as np

from shardlearn import kernels
from shardlearn.core import rng
from shardlearn.core.matrix import Array, Floats, Ints

from .clusters import Units

STREAM = 1 << 30  # of draws among candidates: far from those of rounds
BEGIN, STEPS = 2, 20  # iterations of each search, and of the best one
SEARCHES, PRODUCTS = 8, 1 << 30  # at most, and multiplications of all searches together where distances are not kept
KEPT = 2048  # candidates whose distances are kept from one search to the next


def trials(k: int) -> int:
    """Rows that are tried for each next centre."""
    return 2 + int(kernels.log(np.array([float(k)]))[0])


def searched(candidates: Floats, masses: Ints, k: int, seed: int, units: Units, dtype: str = "float64") -> Floats:
    """(k, p) centres among the candidates, whose values `dtype` holds exactly."""
    (m, p), t, mass = candidates.shape, trials(k), masses.astype(np.float64)
    squares = kernels.point_squares(candidates) if m <= KEPT else None
    count = SEARCHES if squares is not None else max(1, min(SEARCHES, PRODUCTS // (m * p * k * t)))
    ids = np.arange(t * k, dtype=np.int64)
    rows = candidates.astype(dtype)
    begun = []
    for search in range(count):
        draws = kernels.uniform(seed, rng.Purpose.SEEDING, ids, STREAM + search).reshape(k, t)
        chosen = kernels.spread(candidates, mass, draws, squares)
        begun.append(settled(rows, masses, candidates[chosen], units, BEGIN))
    left = [potential(rows, mass, centers) for centers in begun] if count > 1 else [0.0]
    return settled(rows, masses, begun[int(np.argmin(left))], units, STEPS)


def potential(rows: Array, mass: Floats, centers: Floats) -> float:
    """sum_i mass_i min_j |x_i - c_j|^2"""
    square = kernels.nearest(rows, kernels.Points.of(centers), squares=True).square
    assert square is not None
    return kernels.dot(square, mass)


def settled(rows: Array, masses: Ints, centers: Floats, units: Units, steps: int) -> Floats:
    """(k, p) centres after some of Lloyd's iterations on the candidates, each as heavy as its mass."""
    k, p = centers.shape
    sums = np.zeros((units.scale.limbs, k, p), np.int64)
    weights, before = np.zeros(k, np.int64), None
    for _ in range(steps):
        label = kernels.nearest(rows, kernels.Points.of(centers)).label
        if not kernels.cluster_sums(rows, kernels.Moves(label, before, masses), units.scale, sums, weights):
            break
        centers, before = kernels.cluster_means(sums, weights, centers, units.scale), label
    return centers
