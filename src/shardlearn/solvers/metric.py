"""Metrics: cheap stand-ins for the Hessian, in which a problem looks round."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shardlearn import kernels
from shardlearn.core.matrix import Floats

FLAT = 1e-7  # square root of a pivot of an equilibrated matrix that rounding explains
NUDGE = 1e-10  # added to its diagonal then; more if that is not enough
CONSTANT = 1e-26  # variance over mean square below which a column is constant up to rounding


@dataclass(frozen=True, slots=True)
class Metric:
    """M = E^-1 L L' E^-1 with E = diag(scale): the same for each output, or one over all outputs."""

    scale: Floats  # (q,) or (kq,)
    factor: Floats | None  # (q, q) or (kq, kq) lower triangle; None: L = 1


def solve(metric: Metric, grad: Floats) -> Floats:
    """M^-1 grad for (k, q) gradients."""
    inside = metric.scale * grad.reshape(-1, len(metric.scale))
    if metric.factor is not None:
        half = kernels.solve_lower(metric.factor, np.ascontiguousarray(inside.T))
        inside = kernels.solve_lower_t(metric.factor, half).T
    return np.ascontiguousarray(metric.scale * inside).reshape(grad.shape)


def factored(M: Floats) -> Metric:
    """From a symmetric matrix, made positive definite where rounding left it short of that."""
    diagonal = M.diagonal()
    scale = 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
    equal = scale[:, None] * M * scale
    at, extra = np.arange(len(M)), NUDGE
    equal[at, at] = np.where(diagonal > 0.0, equal[at, at], 1.0)
    L, failed = kernels.cholesky(equal)
    while (failed >= 0 or float(L.diagonal().min()) < FLAT) and extra < 1.0:
        equal[at, at] += extra
        L, failed = kernels.cholesky(equal)
        extra *= 10.0
    return Metric(scale, L if failed < 0 else None)


def bounded(bound: float, second: Floats, ridge: float, intercept: bool) -> Metric:
    """Of bound * E[x x'] + ridge, from mean second moments (p, p), or (p,) for the diagonal alone; x is centred."""
    p = len(second)
    if second.ndim == 1:
        curvature = np.full(p + intercept, bound)
        curvature[:p] = bound * _known(second) + ridge
        return Metric(1.0 / np.sqrt(curvature), None)
    M = np.zeros((p + intercept, p + intercept))
    M[:p, :p] = bound * second
    at = np.arange(p)
    M[at, at] = bound * _known(second[at, at]) + ridge
    M[p:, p:] = bound
    return factored(M)


def unsteady(second: Floats, mean: Floats) -> Floats:
    """Variances (p,) with zero where a column is constant up to rounding."""
    return np.where(second <= CONSTANT * (second + mean * mean), 0.0, second)


def _known(variance: Floats) -> Floats:
    """Variances without zeros: a column that the sample holds constant may vary a little elsewhere."""
    top = float(variance.max(initial=0.0))
    return np.where(variance > 0.0, variance, 1e-4 * top if top > 0.0 else 1.0)
