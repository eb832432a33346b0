"""How large answers are cut into parts: by what is asked alone, so that it is the same for any number of workers."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from shardlearn.core.matrix import Floats
from shardlearn.kernels import add_upper

T = TypeVar("T", bound=np.generic)

BYTES = 1 << 18  # of an answer in each part, about
MOST = 256


def parts_of(nbytes: int) -> int:
    """Parts of an answer of so many bytes."""
    return min(-(-max(nbytes, 1) // BYTES), MOST)


def stretch(values: NDArray[T], i: int, parts: int) -> NDArray[T]:
    """Part i of an array in the order of its memory, without a copy."""
    flat = values.reshape(-1)
    return flat[len(flat) * i // parts : len(flat) * (i + 1) // parts]


def together(stretches: Sequence[NDArray[T]], shape: tuple[int, ...]) -> NDArray[T]:
    """The array of which these are the parts."""
    return np.concatenate(stretches).reshape(shape)


def band(p: int, i: int, parts: int) -> slice:
    """Rows of the part i of an upper triangle; all parts have about as many numbers."""
    first, stop = (p - isqrt(p * p * (parts - at) // parts) for at in (i, i + 1))
    return slice(first, stop)


def upper_band(G: Floats, i: int, parts: int) -> Floats:
    """Part i of upper triangles (..., p, p): a band of rows, from the column on where its triangle begins."""
    rows = band(G.shape[-1], i, parts)
    return np.ascontiguousarray(G[..., rows, rows.start :])


def add_band(other: Floats, mine: Floats) -> None:
    """Add a band of (p, p), or all of it, in place."""
    if mine.shape[0] == mine.shape[1]:
        add_upper(other, mine)
    else:
        mine += other


def upper_of(bands: Sequence[Floats]) -> Floats:
    """The upper triangles of which these are the bands, with zeros below."""
    p = sum(one.shape[-2] for one in bands)
    out: Floats = np.zeros((*bands[0].shape[:-2], p, p))
    first = 0
    for one in bands:
        stop = first + one.shape[-2]
        out[..., first:stop, first:] = one
        first = stop
    return out
