"""Sums in fixed point: integers, so the same bits in any order of adding.

A value v with |v| < 2**top is taken apart at 2**room a time: rint(v * 2**(room - top)) is the first limb, what rounding
leaves the next, each at most 2**room in size. With count * 2**room <= 2**62 no sum of `count` terms overflows; they may
be repeated by whole weights, which `count` is then the sum of. Room for 51 bits is all that is used: then adding
3 * 2**51 to a float64 rounds it to a whole number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .matrix import Array, Floats, Ints

MOST_ROOM = 51
LARGEST = 1000  # exponent: beyond, powers of two are no float64
ENOUGH = {4: 32, 8: 64}  # bits that all limbs hold together, by the size of the data's items


@dataclass(frozen=True, slots=True)
class Scale:
    """Powers of two, a column each, and how many limbs of how many bits."""

    exponent: Ints  # (p,)
    room: int
    limbs: int


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights as whole numbers below 2**bits in layers, the first ones worth most.

    The first layer is what w 2**exponent has before its point, the next ones the next `bits` each; the last is rounded.
    """

    exponent: int = 0
    bits: int = 1
    layers: int = 1

    def whole(self, weight: Floats) -> Ints:
        """(layers, n)"""
        rest, out = np.ldexp(weight, self.exponent), []
        for _ in range(self.layers - 1):
            layer = np.floor(rest)
            out.append(layer)
            rest = np.ldexp(rest - layer, self.bits)
        return np.stack([*out, np.rint(rest)]).astype(np.int64)

    def total(self, whole: Ints) -> Floats:
        """(layers, ...) sums of whole weights as (...) float64."""
        out = np.zeros(whole.shape[1:])
        for layer in whole[::-1]:
            out = layer.astype(np.float64) + np.ldexp(out, -self.bits)
        back: Floats = np.ldexp(out, -self.exponent)
        return back


def scale(largest: Floats, count: int, limbs: int | None = None, itemsize: int = 8) -> Scale:
    """For columns whose largest absolute values are given (an exact maximum), and sums of at most `count` terms."""
    _, exponent = np.frexp(largest)  # largest < 2**exponent
    room = min(62 - max(count - 1, 0).bit_length(), MOST_ROOM)
    up = np.minimum(room - exponent.astype(np.int64), LARGEST)
    return Scale(np.where(largest > 0, up, 0), room, -(-ENOUGH[itemsize] // room) if limbs is None else limbs)


def limbs(values: Array, scale: Scale) -> Ints:
    """(n, p) floats as (limbs, n, p) integers, the first ones worth most."""
    rest, out = np.ldexp(values.astype(np.float64), scale.exponent), []
    for _ in range(scale.limbs):
        whole = np.rint(rest)
        out.append(whole)
        rest = np.ldexp(rest - whole, scale.room)
    return np.stack(out).astype(np.int64)


def total(limbs_: Ints, scale: Scale) -> Floats:
    """(limbs, ...) sums of limbs as float64, the least ones first."""
    out = np.zeros(limbs_.shape[1:])
    for limb in limbs_[::-1]:
        out = limb.astype(np.float64) + np.ldexp(out, -scale.room)
    back: Floats = np.ldexp(out, -scale.exponent)
    return back


def unit(scale: Scale) -> Floats:
    """(p,) what one is worth in the last limb: values are kept to half of it."""
    out: Floats = np.ldexp(1.0, -scale.exponent - (scale.limbs - 1) * scale.room)
    return out


def means(limbs_: Ints, counts: Ints, scale: Scale) -> Floats:
    """(k, p) sums (limbs, k, p) over counts (k,) above zero, to the last bit: the mean of equal values is the value."""
    first = limbs(total(limbs_, scale) / counts[:, None], scale)
    rest = limbs_ - first * counts[:, None]
    out: Floats = total(first, scale) + total(rest, scale) / counts[:, None]
    return out
