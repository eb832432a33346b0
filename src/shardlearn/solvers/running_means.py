"""Means of rows that come one batch after the other: sums in twice the working precision, rounded once.

A centre is the mean of all rows that ever went to it: c = S / N. Adding a batch moves it by (mean of the batch - c)
times the batch's share of N, the learning rate of Sculley (2010), Web-scale k-means clustering. Kept as S and N nothing
is lost on the way: the sums of a batch are whole numbers, S is an unevaluated sum of two float64 (Dekker 1971), and c
is within a unit in the last place of what exact arithmetic gives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from shardlearn.core.fixed import Weights
from shardlearn.core.matrix import Array, Floats, Ints

from .clusters import Units

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

    def added(self, sums: Ints, weights: Ints, units: Units) -> Running:
        """With sums (layers, limbs, k, p) of rows times whole weights, and these weights (layers, k)."""
        hit = np.flatnonzero(weights.any(axis=0))
        high, low, counts = self.high.copy(), self.low.copy(), self.counts.copy()
        high[hit], low[hit] = _plus((high[hit], low[hit]), _of_layers(sums[:, :, hit], units))
        counts[hit] += units.weighing(weights[:, hit])
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


def _of_layers(layers: Ints, units: Units) -> Pair:
    """Sums as two float64, the least layers and limbs first."""
    scale, weights, shape = units.scale, units.weights or Weights(), layers.shape[2:]
    out: Pair = np.zeros(shape), np.zeros(shape)
    for limbs in layers[::-1]:
        part: Pair = np.zeros(shape), np.zeros(shape)
        for limb in limbs[::-1]:
            high = limb.astype(np.float64)
            low = (limb - high.astype(np.int64)).astype(np.float64)
            part = _plus((high, low), _shifted(part, -scale.room))
        out = _plus(part, _shifted(out, -weights.bits))
    return _shifted(out, -scale.exponent - weights.exponent)


def _shifted(a: Pair, by: Ints | int) -> Pair:
    """Times 2**by."""
    return np.ldexp(a[0], by), np.ldexp(a[1], by)


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
