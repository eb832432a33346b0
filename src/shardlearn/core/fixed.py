"""Sums in fixed point: integers, so the same bits in any order of adding.

With max |v| known exactly, choose e with max|v| * 2**e <= 2**(62 - ceil(log2 n)) and add rint(v * 2**e) as int64:
no sum of n terms overflows. One limb keeps each term to 2**-(e+1); the second keeps the remainder, for float64 data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .matrix import Floats, Ints


@dataclass(frozen=True, slots=True)
class Scale:
    """Powers of two, a column each, for sums of at most `count` terms."""

    exponent: Ints  # (p,)
    count: int


def scale(largest: Floats, count: int) -> Scale:
    """The scale for columns whose largest absolute values are given (an exact maximum)."""
    _, exponent = np.frexp(largest)  # largest < 2**exponent
    room = 62 - max(count - 1, 0).bit_length()
    return Scale(np.where(largest > 0, room - exponent.astype(np.int64), 0), count)


def limbs(values: Floats, scale: Scale) -> Ints:
    """(n, p) floats as (2, n, p) integers: the value is (high + low * 2**-room) / 2**exponent, to half a low unit."""
    scaled = np.ldexp(values, scale.exponent)
    high = np.rint(scaled)
    low = np.rint(np.ldexp(scaled - high, _low_bits(scale)))
    return np.stack([high, low]).astype(np.int64)


def total(limbs_: Ints, scale: Scale) -> Floats:
    """(2, ...) sums of limbs as float64, rounded once from each limb."""
    low = np.ldexp(limbs_[1].astype(np.float64), -_low_bits(scale))
    out: Floats = np.ldexp(limbs_[0].astype(np.float64) + low, -scale.exponent)
    return out


def _low_bits(scale: Scale) -> int:
    return 62 - max(scale.count - 1, 0).bit_length()
