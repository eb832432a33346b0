"""Normal equations on the driver: factors, ranks, shortest solutions, and solutions without negative coefficients."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from shardlearn import kernels
from shardlearn.core.matrix import Floats, Ints

DEPENDENT = 1e-13  # a squared distance to the span of other columns, relative to its own, that rounding explains
ITERATIONS = 6  # of the power method
EXCHANGES = 3  # full exchanges without progress before single ones (Kim & Park 2011)


@dataclass(frozen=True, slots=True)
class System:
    """(C + alpha I) w = h restricted to the columns `kept`, as scale^-1 L L' scale^-1.

    Columns outside are combinations of the kept ones, x_out = x_kept Z, or their coefficients are held at zero.
    """

    alpha: float
    kept: Ints  # (r,)
    L: Floats  # (r, r)
    scale: Floats  # (r,)
    out: Ints  # (m,)
    out_scale: Floats  # (m,)
    Z: Floats  # (r, m); zero where coefficients are held at zero
    gauge: Floats  # factor of I + Z Z' or of I + Z' Z, whichever is smaller, equilibrated by `gauge_scale`
    gauge_scale: Floats
    kappa: float  # estimate of the condition number of the equilibrated columns


def system(C: Floats, alpha: float) -> System:
    """Factor C + alpha I; the rank is decided on columns of length 1."""
    p = len(C)
    diagonal = C.diagonal() + alpha
    scale = np.where(diagonal > 0.0, 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0)), 0.0)
    A = scaled(C, alpha, scale)
    L, failed = kernels.cholesky(A) if bool((diagonal > 0.0).all()) else (A, 0)
    if failed < 0 and float(L.diagonal().min(initial=1.0)) ** 2 > tolerance(p):
        return _whole(alpha, np.arange(p), L, scale, np.zeros(0, np.int64))
    L, order, rank = kernels.pivoted_cholesky(A, tolerance(p))
    kept, out = order[:rank], order[rank:]
    top, bottom = np.ascontiguousarray(L[:rank, :rank]), L[rank:, :rank]
    T = kernels.solve_lower_t(top, np.ascontiguousarray(bottom.T))
    length = np.where(scale[out] > 0.0, 1.0 / np.where(scale[out] > 0.0, scale[out], 1.0), 0.0)
    Z = scale[kept][:, None] * T * length
    part = _whole(alpha, kept, top, scale[kept], out)
    return gauged(replace(part, out_scale=scale[out], Z=Z))


def restricted(C: Floats, alpha: float, kept: Ints) -> System:
    """C + alpha I with the coefficients of other columns held at zero; nudged where it is not positive definite."""
    inside = np.ascontiguousarray(C[np.ix_(kept, kept)])
    diagonal = inside.diagonal() + alpha
    scale = 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
    A = scaled(inside, alpha, scale)
    at, nudge = np.arange(len(A)), DEPENDENT
    L, failed = kernels.cholesky(A)
    while failed >= 0:
        A[at, at] += nudge
        nudge *= 10.0
        L, failed = kernels.cholesky(A)
    out = np.setdiff1d(np.arange(len(C)), kept)
    return _whole(alpha, kept, L, scale, out)


def solved(system_: System, h: Floats) -> Floats:
    """The shortest w (p,) for a right-hand side (p,)."""
    w = np.zeros(len(system_.kept) + len(system_.out))
    inside = kernels.solve_lower(system_.L, system_.scale * h[system_.kept])
    w[system_.kept] = system_.scale * kernels.solve_lower_t(system_.L, inside)
    return shortest(system_, w)


def shortest(system_: System, w: Floats) -> Floats:
    """w less its part in the null space, whose members are v_kept = -Z v_out; thrice, to be rid of rounding."""
    if not system_.Z.shape[1]:
        return w
    for _ in range(3):
        w = _projected(system_, w)
    return w


def size(system_: System, w: Floats) -> float:
    """|X w| as the factor sees it: of the coefficients that the kept columns need for the same predictions."""
    u = w[system_.kept]
    if system_.Z.shape[1]:
        u = u + kernels.gemv(system_.Z, np.ascontiguousarray(w[system_.out]))
    inside = kernels.gemv_t(system_.L, u / system_.scale)
    return float(np.sqrt(kernels.dot(inside, inside)))


def nonnegative(C: Floats, h: Floats, alpha: float) -> tuple[Floats, System]:
    """The w >= 0 that minimises w'(C + alpha I) w / 2 - h'w, and the system of its positive coefficients.

    Block principal pivoting (Portugal, Judice & Vicente 1994): coefficients and slopes that are negative change sides,
    all at once while that makes progress, one at a time when it doesn't, which always ends.
    """
    p = len(h)
    free, best, chances = np.zeros(p, bool), p + 1, EXCHANGES
    while True:
        part = restricted(C, alpha, np.flatnonzero(free))
        w = solved(part, h)
        slope = kernels.gemv(C, w) + alpha * w - h
        floor = 1e-12 * np.abs(h).max(initial=0.0)
        wrong = np.where(free, w < 0.0, slope < -floor)
        count = int(np.count_nonzero(wrong))
        if not count:
            return w, part
        if count < best:
            best, chances = count, EXCHANGES
        elif chances:
            chances -= 1
        else:
            wrong = np.arange(p) == np.flatnonzero(wrong)[-1]
        free = free ^ wrong


def condition(L: Floats) -> float:
    """sqrt(largest / smallest eigenvalue) of L L' by a few power steps: of the columns, not of their Gram."""
    if not len(L):
        return 1.0
    v = np.where(np.arange(len(L)) % 2 == 0, 1.0, -1.0) + 0.5 * (np.arange(len(L)) % 3)
    large, small, up, down = 1.0, 1.0, v, v
    for _ in range(ITERATIONS):
        up = kernels.gemv(L, kernels.gemv_t(L, up))
        large = float(np.sqrt(kernels.dot(up, up)))
        up = up / large
        down = kernels.solve_lower_t(L, kernels.solve_lower(L, down))
        small = float(np.sqrt(kernels.dot(down, down)))
        down = down / small
    return float(np.sqrt(large * small))


def tolerance(p: int) -> float:
    """Pivots up to this of columns of length 1 are rounding."""
    return max(p * 2.0**-53, DEPENDENT)


def scaled(C: Floats, alpha: float, scale: Floats) -> Floats:
    """scale (C + alpha I) scale, with ones on the diagonal where there is anything."""
    A = scale[:, None] * C * scale
    at = np.arange(len(A))
    A[at, at] = np.where(scale > 0.0, scale * (C.diagonal() + alpha) * scale, 0.0)
    return A


def _whole(alpha: float, kept: Ints, L: Floats, scale: Floats, out: Ints) -> System:
    """Without combinations: coefficients outside stay where they are."""
    none = np.zeros(0)
    return System(alpha, kept, L, scale, out, none, np.zeros((len(kept), 0)), np.zeros((0, 0)), none, condition(L))


def gauged(s: System) -> System:
    """With what the projection on the row space needs for its Z."""
    Z = s.Z
    small = Z if Z.shape[0] <= Z.shape[1] else np.ascontiguousarray(Z.T)
    G = kernels.matmul(small, np.ascontiguousarray(small.T))
    at = np.arange(len(G))
    G[at, at] += 1.0
    scale = 1.0 / np.sqrt(G.diagonal())
    L, _ = kernels.cholesky(scale[:, None] * G * scale)
    return replace(s, gauge=L, gauge_scale=scale)


def _projected(s: System, w: Floats) -> Floats:
    """One projection on the row space, which is spanned by [I Z]."""
    Z, Zt = s.Z, np.ascontiguousarray(s.Z.T)
    kept, out = w[s.kept], w[s.out]
    w = w.copy()
    if Z.shape[0] <= Z.shape[1]:  # [I Z]' (I + Z Z')^-1 [I Z] w
        u = _through(s, kept + kernels.gemv(Z, out))
        w[s.kept], w[s.out] = u, kernels.gemv(Zt, u)
    else:  # w - [-Z; I] (I + Z'Z)^-1 (w_out - Z' w_kept)
        v = _through(s, out - kernels.gemv(Zt, kept))
        w[s.kept], w[s.out] = kept + kernels.gemv(Z, v), out - v
    return w


def _through(s: System, v: Floats) -> Floats:
    inside = kernels.solve_lower(s.gauge, s.gauge_scale * v)
    return s.gauge_scale * kernels.solve_lower_t(s.gauge, inside)
