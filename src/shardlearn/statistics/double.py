"""Sums of scalars in twice the working precision, so that line searches see differences of a rounding unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shardlearn.core.matrix import Floats

LANES = 16


@dataclass(frozen=True, slots=True)
class Double:
    """The unevaluated sum high + low."""

    high: float
    low: float

    def __add__(self, other: Double) -> Double:
        return Double(*_renormed(*_two_sum(self.high, other.high), self.low + other.low))

    def __float__(self) -> float:
        return self.high + self.low


def total(values: Floats) -> Double:
    """The sum of (n,) values in 16 lanes of doubled precision, folded by halves, as the native passes do it."""
    padded = np.zeros(-(-len(values) // LANES) * LANES)
    padded[: len(values)] = values
    high, low = np.zeros(LANES), np.zeros(LANES)
    for x in padded.reshape(-1, LANES):
        s = high + x
        back = s - high
        low += (high - (s - back)) + (x - back)
        high = s
    lanes = [Double(float(h), float(e)) for h, e in zip(high, low, strict=True)]
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = [lanes[i] + lanes[i + half] for i in range(half)]
    return lanes[0]


def _two_sum(a: float, b: float) -> tuple[float, float]:
    """a + b rounded, and what rounding lost (Knuth)."""
    s = a + b
    back = s - a
    return s, (a - (s - back)) + (b - back)


def _renormed(s: float, error: float, rest: float) -> tuple[float, float]:
    error = error + rest
    if s - s != 0.0:  # infinite or not a number: there is nothing to keep beside it
        return s, 0.0
    high = s + error
    return high, error - (high - s)
