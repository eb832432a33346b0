"""The Hessian of a generalised linear model in the frame, from weighted second moments."""

from __future__ import annotations

import numpy as np

from shardlearn.core.matrix import Floats
from shardlearn.statistics.curvature import CurvatureSums, pairs_of
from shardlearn.statistics.gram import symmetric

from .problem import Glm


def hessian(problem: Glm, center: Floats | None, sums: CurvatureSums, ridge: float) -> Floats:
    """(kq, kq) of F, all outputs; regular where adding one number to all outputs changes nothing."""
    k, p, s = problem.outputs, problem.shape.features, sums.sums.weight
    q = p + problem.intercept
    H = np.zeros((k, q, k, q))
    for c, (a, b) in enumerate(pairs_of(k)):
        H[a, :, b] = (1.0 if a == b else -1.0) / s * block(problem, center, sums, c)
        H[b, :, a] = H[a, :, b]
    outs, at = np.arange(k), np.arange(q)
    for a in range(k):
        H[a, at[:p], a, at[:p]] += ridge
    if problem.loss.shiftable:
        for j in at if ridge == 0.0 else at[p:]:
            H[:, j, :, j] += H[outs, j, outs, j].max() / k
    return H.reshape(k * q, k * q)


def block(problem: Glm, center: Floats | None, sums: CurvatureSums, c: int) -> Floats:
    """(q, q) sums of one pair of outputs; sparse data are centred here."""
    p = problem.shape.features
    G, first, whole = symmetric(sums.G[c]), sums.sum_x[c], sums.weight[c]
    if problem.shape.sparse and center is not None:
        across = first[:, None] * center
        G = G - across - across.T + whole * (center[:, None] * center)
        first = first - whole * center
    if not problem.intercept:
        return G
    out = np.empty((p + 1, p + 1))
    out[:p, :p], out[:p, p], out[p, :p], out[p, p] = G, first, first, whole
    return out
