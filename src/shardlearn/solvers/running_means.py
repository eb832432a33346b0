"""Means of rows that come one batch after the other: sums in twice the working precision, rounded once.

A centre is the mean of all rows that ever went to it: c = S / N. Adding a batch moves it by (mean of the batch - c)
times the batch's share of N, the learning rate of Sculley (2010), Web-scale k-means clustering. Kept as S and N nothing
is lost on the way: the sums of a batch are whole numbers, S is an unevaluated sum of two float64 (Dekker 1971), and c
is within a unit in the last place of what exact arithmetic gives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from shardlearn.core.fixed import Scale
from shardlearn.core.matrix import Array, Floats, Ints

Pair = tuple[Floats, Floats]  # the unevaluated sum of two
SPLITTER = 134217729.0  # 2**27 + 1


@dataclass(frozen=True, slots=True)
class Running:
    """Of the rows that went to each of k centres."""

    high: Floats  # (k, p) sums of rows times weights
    low: Floats  # (k, p) what `high` misses
    counts: Floats  # (k,) weights

    @classmethod
    def none(cls, k: int, features: int) -> Running:
        return cls(np.zeros((k, features)), np.zeros((k, features)), np.zeros(k))

    def added(self, sums: Ints, weights: Ints, scale: Scale, exponent: int) -> Running:
        """With sums (limbs, k, p) and weights (k,) in fixed point, both times 2**exponent."""
        hit = np.flatnonzero(weights)
        high, low, counts = self.high.copy(), self.low.copy(), self.counts.copy()
        more = _of_limbs(sums[:, hit], scale, exponent)
        high[hit], low[hit] = _plus((high[hit], low[hit]), more)
        counts[hit] += np.ldexp(weights[hit].astype(np.float64), -exponent)
        return replace(self, high=high, low=low, counts=counts)

    def placed(self, which: Ints, rows: Floats, count: float) -> Running:
        """With some centres at these rows, as if each had come there `count` times."""
        high, low, counts = self.high.copy(), self.low.copy(), self.counts.copy()
        high[which], low[which] = _times(rows, np.full(1, count))
        counts[which] = count
        return replace(self, high=high, low=low, counts=counts)

    def means(self, which: Ints) -> Floats:
        """(m, p) centres of these clusters, which rows went to."""
        counts = self.counts[which][:, None]
        first = self.high[which] / counts
        back, error = _times(first, counts)
        rest = ((self.high[which] - back) - error + self.low[which]) / counts
        return first + np.where(np.isfinite(rest), rest, 0.0)


def _of_limbs(limbs: Ints, scale: Scale, exponent: int) -> Pair:
    """Sums of limbs as two float64, the least limbs first."""
    shape = limbs.shape[1:]
    out: Pair = np.zeros(shape), np.zeros(shape)
    for limb in limbs[::-1]:
        high = limb.astype(np.float64)
        low = (limb - high.astype(np.int64)).astype(np.float64)
        out = _plus((high, low), (np.ldexp(out[0], -scale.room), np.ldexp(out[1], -scale.room)))
    return np.ldexp(out[0], -scale.exponent - exponent), np.ldexp(out[1], -scale.exponent - exponent)


def _plus(a: Pair, b: Pair) -> Pair:
    total, error = _two_sum(a[0], b[0])
    return _two_sum(total, error + (a[1] + b[1]))


def _two_sum(a: Floats, b: Floats) -> Pair:
    """a + b rounded, and what rounding lost (Knuth)."""
    total = a + b
    back = total - a
    return total, (a - (total - back)) + (b - back)


def _times(a: Floats, b: Floats) -> Pair:
    """a b rounded, and what rounding lost (Dekker, Veltkamp); not for numbers beyond 1e300."""
    product = a * b
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    return product, a2 * b2 - (((product - a1 * b1) - a2 * b1) - a1 * b2)


def _halves(a: Array) -> Pair:
    """The upper and the lower half of the digits."""
    wide = SPLITTER * a
    high = wide - (wide - a)
    return high, a - high
