"""Columns that lie so close to the span of others that a Gram matrix can't tell: asked about directly.

A Gram matrix sees squared distances, and so none below 1e-6 of a column's length. The second pass measures the residual
z = X v of each such column itself, to 1e-13, beside directions in which the others are orthonormal: its Gram matrix is
that of a second Cholesky QR (Yamamoto, Nakatsukasa, Yanagisawa & Fukaya 2015).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from shardlearn import kernels
from shardlearn.core.matrix import Floats

from .normal_equations import System, condition, gauged

SEEN = 1e-13  # of a column's length: a residual above this is no rounding


def directions(s: System) -> Floats:
    """(p, p) rows v: first orthonormal ones of the kept columns, then one for the residual of each other column."""
    M, scale = _basis(s), np.concatenate([s.scale, s.out_scale])
    rows = np.empty_like(M)
    rows[:, np.concatenate([s.kept, s.out])] = M.T * scale
    return rows


def resolved(s: System, G: Floats) -> System:
    """With the columns kept whose residuals are no rounding; G (p, p) are the sums of z z' over the directions."""
    r = len(s.kept)
    length = np.sqrt(np.maximum(G.diagonal(), 0.0))
    near = length[r:] > SEEN
    if not near.any():
        return s
    at = np.concatenate([np.arange(r), r + np.flatnonzero(near)])
    inside = G[np.ix_(at, at)] / (length[at][:, None] * length[at])
    L, failed = kernels.cholesky(inside)
    if failed >= 0:
        return s
    factor = length[at][:, None] * L  # of z z'; the columns themselves are z M^-1
    L = kernels.solve_lower(np.ascontiguousarray(_basis(s)[np.ix_(at, at)].T), factor)
    Z = np.zeros((len(at), int(np.count_nonzero(~near))))
    Z[:r] = s.Z[:, ~near]
    whole = replace(
        s,
        kept=np.concatenate([s.kept, s.out[near]]),
        scale=np.concatenate([s.scale, s.out_scale[near]]),
        L=L,
        out=s.out[~near],
        out_scale=s.out_scale[~near],
        Z=Z,
        kappa=condition(L),
    )
    return gauged(whole)


def _basis(s: System) -> Floats:
    """(p, p) upper triangle: the directions as combinations of columns of length 1, kept ones first."""
    r, m = s.Z.shape
    M = np.zeros((r + m, r + m))
    M[:r, :r] = kernels.solve_lower_t(s.L, np.eye(r))
    T = s.Z * s.out_scale / s.scale[:, None]
    size = np.sqrt(1.0 + kernels.weighted_rows_sum(T * T, np.ones((r, 1)))[0])
    M[:r, r:] = -T / size
    M[np.arange(r, r + m), np.arange(r, r + m)] = 1.0 / size
    return M
