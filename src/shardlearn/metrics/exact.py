"""Sums of floats without any rounding: integers by binary exponent, rounded once at the end.

A float64 is m * 2**(e - 53) with an integer |m| < 2**53. Two halves of m are added up in int64 for each e; Python's
integers put the rest together (cf. Kulisch 1971). So a sum depends on what was added, not on the order or the cuts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from shardlearn.core.matrix import Floats, Ints

LOWEST, EXPONENTS = -1074, 2100  # frexp's exponents of float64 lie in [-1073, 1024]
HALF = 27  # bits of the low half: 26 + sign in the high half
MOST = 1 << 24  # values at a time, so that the counts below stay whole numbers under 2**53


def _bins() -> Ints:
    return np.zeros((2, EXPONENTS), np.int64)


@dataclass(slots=True)
class ExactSum:
    """The sum of all floats added so far; for at most 2**36 of them."""

    bins: Ints = field(default_factory=_bins)
    odd: bool = False  # a NaN or an infinity came by

    def add(self, values: Floats) -> None:
        """Add every element."""
        for start in range(0, values.size, MOST):
            self._add(values.reshape(-1)[start : start + MOST])

    def _add(self, values: Floats) -> None:
        if not np.isfinite(values).all():
            self.odd = True
            return
        fraction, exponent = np.frexp(values)
        whole = np.ldexp(fraction, 53).astype(np.int64)
        low = whole & ((1 << HALF) - 1)
        slot = exponent.astype(np.int64) - LOWEST
        for row, part in enumerate((whole >> HALF, low)):
            counted = np.bincount(slot, weights=part.astype(np.float64), minlength=EXPONENTS)
            self.bins[row] += counted.astype(np.int64)

    def fraction(self) -> Fraction:
        """The sum as a rational number."""
        total = 0  # in units of 2**(LOWEST - 53)
        for slot in np.flatnonzero(self.bins.any(axis=0)):
            high, low = (int(part) for part in self.bins[:, slot])
            total += ((high << HALF) + low) << int(slot)
        return Fraction(total, 1 << (53 - LOWEST))

    def value(self) -> float:
        """The sum, rounded once."""
        return float("nan") if self.odd else as_float(self.fraction())


def as_float(ratio: Fraction) -> float:
    """The nearest float."""
    return ratio.numerator / ratio.denominator


def ratio(top: Fraction, bottom: Fraction) -> float:
    """`top / bottom`, rounded once; NaN for a bottom of 0."""
    return as_float(top / bottom) if bottom else float("nan")


def products(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """`a * b` as high + low, without rounding (Dekker 1971), while nothing over- or underflows."""
    with np.errstate(over="ignore", invalid="ignore"):  # then a sum of these says so
        high = a * b
        a1, a2 = _split(a)
        b1, b2 = _split(b)
        low = a2 * b2 - (((high - a1 * b1) - a2 * b1) - a1 * b2)
    return high, low


def _split(a: Floats) -> tuple[Floats, Floats]:
    scaled = a * 134217729.0  # 2**27 + 1 (Veltkamp 1968)
    high = scaled - (scaled - a)
    return high, a - high
