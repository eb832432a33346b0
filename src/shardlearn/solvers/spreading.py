"""k of many weighted candidates, on the driver: greedy k-means++, then Lloyd's iterations on the candidates alone."""

from __future__ import annotations

import numpy as np

from shardlearn import kernels
from shardlearn.core import rng
from shardlearn.core.matrix import Floats, Ints

from .clusters import Units
from .lloyd import means

STREAM = 1 << 30  # of draws among candidates: far from those of rounds
STEPS = 20
SEARCHES, PRODUCTS = 8, 1 << 30  # at most, and multiplications of all searches together


def trials(k: int) -> int:
    """Rows that are tried for each next centre."""
    return 2 + int(kernels.log(np.array([float(k)]))[0])


def searched(candidates: Floats, masses: Ints, k: int, seed: int, units: Units) -> Floats:
    """(k, p) the best of some searches among the candidates: there are few of them beside the rows."""
    m, p = candidates.shape
    count = max(1, min(SEARCHES, PRODUCTS // max(m * p * k * trials(k), 1)))
    found = [settled(candidates, masses, spread(candidates, masses, k, seed, s), units) for s in range(count)]
    return found[int(np.argmin([potential(candidates, masses, centers) for centers in found]))]


def potential(candidates: Floats, masses: Ints, centers: Floats) -> float:
    """sum_i mass_i min_j |x_i - c_j|^2"""
    square = kernels.nearest(candidates, kernels.Points.of(centers), squares=True).square
    assert square is not None
    return kernels.dot(square, masses.astype(np.float64))


def spread(candidates: Floats, masses: Ints, k: int, seed: int, search: int = 0) -> Ints:
    """(k,) which of the (m, p) candidates; repeated where fewer than k lie apart."""
    m, t = len(candidates), trials(k)
    apart = candidates - candidates[0]
    across, norm = np.ascontiguousarray(apart.T), np.array([kernels.dot(row, row) for row in apart])
    mass, ids = masses.astype(np.float64), np.arange(t * k, dtype=np.int64)
    draws = rng.uniform(kernels.philox(seed, rng.Purpose.SEEDING, ids, STREAM + search, 0)).reshape(k, t)
    chosen, left = np.zeros(k, np.int64), np.ones(m)
    for step in range(k):
        upto = np.cumsum(mass * left)
        if not upto[-1] > 0.0:  # all lie on a centre
            chosen[step:] = chosen[np.arange(k - step) % max(step, 1)]
            break
        tried = np.minimum(np.searchsorted(upto, draws[step, : t if step else 1] * upto[-1], side="right"), m - 1)
        product = kernels.matmul(np.ascontiguousarray(apart[tried]), across)
        square = np.maximum(norm[tried][:, None] + norm - 2.0 * product, 0.0)
        square[np.arange(len(tried)), tried] = 0.0
        if step:
            square = np.minimum(square, left)
        best = int(np.argmin(kernels.gemv(square, mass)))
        chosen[step], left = tried[best], square[best]
    return chosen


def settled(candidates: Floats, masses: Ints, chosen: Ints, units: Units) -> Floats:
    """(k, p) centres after some of Lloyd's iterations on the candidates, each as heavy as its mass."""
    centers, k = candidates[chosen], len(chosen)
    sums = np.zeros((units.scale.limbs, k, candidates.shape[1]), np.int64)
    weights, before = np.zeros(k, np.int64), None
    for _ in range(STEPS):
        label = kernels.nearest(candidates, kernels.Points.of(centers)).label
        if not kernels.cluster_sums(candidates, kernels.Moves(label, before, masses), units.scale, sums, weights):
            break
        centers, before = means(sums, weights, centers, units.scale), label
    return centers
