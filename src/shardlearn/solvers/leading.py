"""Directions that hold most of what lies between centres: along them, most centres are ruled out for a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shardlearn import kernels
from shardlearn.core.matrix import Floats

WIDE, FEW, STEP = 64, 8, 8  # features or centres at least; directions for each FEW of them at most, by STEPs
HELD, ENOUGH = 0.999, 0.975  # of the sum of squares: what is aimed at, and what will do
LEAST = 1e-9  # of the largest sum of squares along one: others are lost in rounding
SAMPLE = 256  # centres that are looked at


@dataclass(frozen=True, slots=True)
class Leading:
    """Orthonormal to rounding, about a point."""

    directions: Floats  # (q, p)
    pivot: Floats  # (p,)


def led(centers: Floats, along: Leading | None, points: kernels.Points) -> kernels.Points | kernels.Led:
    """Centres as rows are compared with them, along directions first where there are any."""
    if along is None:
        return points
    return kernels.Led.of(centers, kernels.Directions.of(along.directions, along.pivot))


def leading(centers: Floats) -> Leading | None:
    """Principal directions of the centres about a median; None where many would be needed.

    A centre counts at most as much as one at the median distance, so that one far away is not all there is.
    """
    k, p = centers.shape
    if min(k, p) < WIDE:
        return None
    m, pivot = min(k, SAMPLE), np.partition(centers, k // 2, axis=0)[k // 2]
    apart = centers[np.arange(m) * k // m] - pivot
    size = np.sqrt(kernels.row_squares(apart))
    apart *= np.minimum(1.0, np.partition(size, m // 2)[m // 2] / np.where(size > 0.0, size, 1.0))[:, None]
    other = np.ascontiguousarray(apart.T)
    gram = kernels.matmul(apart, other) if m < p else kernels.matmul(other, apart)
    if not np.isfinite(gram).all() or not gram.any():
        return None
    values, vectors = kernels.symmetric_eigen(gram)
    held = np.cumsum(values)
    needed = int(np.searchsorted(held, HELD * held[-1])) + 1
    there = int(np.count_nonzero(values > LEAST * values[0]))
    q = min(-(-needed // STEP) * STEP, p // FEW // STEP * STEP, there)
    if held[q - 1] < ENOUGH * held[-1]:
        return None
    found = kernels.matmul(vectors[:q], apart) if m < p else vectors[:q]
    return Leading(found / np.sqrt(kernels.row_squares(found))[:, None], pivot)
