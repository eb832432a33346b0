"""Directions in which X is small: cut off, as scipy.linalg.lstsq does with `cond`.

Singular values of X at or below `cut` times the largest count as zero, and the shortest solution over the other
directions is the answer. A Gram matrix holds their squares, so that rounding hides what lies below a relative 3e-7.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from shardlearn import kernels
from shardlearn.core.matrix import Floats

from .normal_equations import DEPENDENT, System, restricted, scaled


def cuts(cut: float) -> bool:
    """Whether anything is cut at all: LAPACK, too, takes 1 and more for nothing."""
    return DEPENDENT <= cut * cut < 1.0


def none_small(C: Floats, s: System, cut: float) -> bool:
    """Whether all singular values of the kept columns surely exceed `cut` times the largest one of all columns.

    Where columns outside are combinations of the kept ones, the singular values of all columns that aren't zero are no
    smaller (Cauchy's interlacing). Eigenvalues of C exceed sigma where C - sigma I has a Cholesky factor, and the
    largest is at most |C| in Frobenius' norm.
    """
    flat = C.reshape(-1)
    sigma = cut * cut * float(np.sqrt(kernels.dot(flat, flat)))
    _, failed = kernels.cholesky(scaled(np.ascontiguousarray(C[np.ix_(s.kept, s.kept)]), -sigma, s.scale))
    return failed < 0


def large(C: Floats, cut: float) -> tuple[System, Floats]:
    """The normal equations in coordinates u of the directions that are left, w = basis' u, and their basis (r, p)."""
    values, vectors = kernels.symmetric_eigen(C)
    values = values[values > cut * cut * values[0]]
    part = restricted(np.diag(values), 0.0, np.arange(len(values)))
    kappa = float(np.sqrt(values[0] / values[-1]))
    return replace(part, kappa=kappa), np.ascontiguousarray(vectors[: len(values)])


def inside(basis: Floats | None, v: Floats) -> Floats:
    """Coordinates in the basis of what stands in all features'."""
    return v if basis is None else kernels.gemv(basis, v)


def outside(basis: Floats | None, u: Floats) -> Floats:
    """Back again."""
    return u if basis is None else kernels.gemv_t(basis, u)
