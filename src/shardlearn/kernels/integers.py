"""Distinct values, class codes and counter-based random words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shardlearn import _native
from shardlearn.core.matrix import Floats, Ints


def distinct_i64(y: Ints, limit: int) -> tuple[Ints, Ints] | None:
    """(values, counts), ascending; None where there are more than `limit`."""
    room = max(min(limit, len(y)), 0)
    values, counts = np.empty(room, np.int64), np.empty(room, np.int64)
    found = _native.distinct_i64(y, values, counts)
    return None if found < 0 else (values[:found].copy(), counts[:found].copy())


def encode_i64(y: Ints, classes: Ints) -> Floats:
    """Each value's position among the ascending `classes`, as a float; -1 where it is none of them."""
    codes = np.empty(len(y))
    _native.encode_i64(y, classes, codes)
    return codes


def philox(seed: int, purpose: int, ids: Ints, stream: int, draw_block: int) -> NDArray[np.uint32]:
    """(n, 4) words of Philox4x32-10: key (seed, purpose), counter (row id, stream, draw_block)."""
    out = np.empty((len(ids), 4), np.uint32)
    _native.philox(seed, purpose, ids, stream, draw_block, out)
    return out


def uniform(seed: int, purpose: int, ids: Ints, stream: int) -> Floats:
    """(n,) numbers in [0, 1): 53 bits of the first two words, as `core.rng.uniform` makes of them."""
    out = np.empty(len(ids))
    _native.uniform(seed, purpose, ids, stream, out)
    return out
