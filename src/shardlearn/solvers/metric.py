"""Metrics: cheap stand-ins for the Hessian, in which a problem looks round."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shardlearn import kernels
from shardlearn.core.matrix import Floats

CONSTANT = 1e-26  # variance over mean square below which a column is constant up to rounding


@dataclass(frozen=True, slots=True)
class Metric:
    """M = E^-1 L L' E^-1 with E = diag(scale) for each output, or for all outputs at once (g = 1)."""

    scale: Floats  # (g, q)
    factor: Floats | None  # (g, q, q) lower triangles; None: L = 1


def solve(metric: Metric, grad: Floats) -> Floats:
    """M^-1 grad for (k, q) gradients."""
    scaled = metric.scale * grad
    if metric.factor is None:
        return metric.scale * scaled
    if len(metric.factor) == 1:
        inside = _solve(metric.factor[0], np.ascontiguousarray(scaled.T)).T
    else:
        inside = np.stack([_solve(L, g) for L, g in zip(metric.factor, scaled, strict=True)])
    return np.ascontiguousarray(metric.scale * inside)


def diagonal(curvature: Floats) -> Metric:
    """From (g, q) positive curvatures."""
    return Metric(1.0 / np.sqrt(curvature), None)


def factored(M: Floats) -> Metric:
    """From (g, q, q) symmetric matrices, made positive definite where rounding left them short of it."""
    scales, factors = [], []
    for one in M:
        scale, L = _factor(one)
        scales.append(scale)
        factors.append(L)
    return Metric(np.stack(scales), np.stack(factors))


def bounded(bound: float, second: Floats, ridge: float, intercept: bool) -> Metric:
    """Of bound * E[x x'] + ridge, from mean second moments (p, p), or (p,) for the diagonal alone; x is centred."""
    p = len(second)
    q = p + intercept
    if second.ndim == 1:
        curvature = np.full((1, q), bound)
        curvature[0, :p] = bound * _known(second) + ridge
        return diagonal(curvature)
    M = np.zeros((1, q, q))
    M[0, :p, :p] = bound * second
    at = np.arange(p)
    M[0, at, at] = bound * _known(second[at, at]) + ridge
    M[0, p:, p:] = bound
    return factored(M)


def unsteady(second: Floats, mean: Floats) -> Floats:
    """Variances (p,) with zero where a column is constant up to rounding."""
    return np.where(second <= CONSTANT * (second + mean * mean), 0.0, second)


def _known(variance: Floats) -> Floats:
    """Variances without zeros: a column that the sample holds constant may vary a little elsewhere."""
    top = float(variance.max(initial=0.0))
    return np.where(variance > 0.0, variance, 1e-4 * top if top > 0.0 else 1.0)


def _factor(M: Floats) -> tuple[Floats, Floats]:
    diagonal_ = M.diagonal()
    scale = 1.0 / np.sqrt(np.where(diagonal_ > 0.0, diagonal_, 1.0))
    equal = scale[:, None] * M * scale
    at, extra = np.arange(len(M)), 1e-13
    equal[at, at] = np.where(diagonal_ > 0.0, equal[at, at], 1.0)
    L, failed = kernels.cholesky(equal)
    while failed >= 0:
        equal[at, at] += extra
        L, failed = kernels.cholesky(equal)
        extra *= 10.0
    return scale, L


def _solve(L: Floats, B: Floats) -> Floats:
    return kernels.solve_lower_t(L, kernels.solve_lower(L, B))
