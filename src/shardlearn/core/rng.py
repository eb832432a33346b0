"""Random numbers keyed by name: Philox4x32-10 of (seed, purpose) and (row id, stream, draw).

Never keyed by worker, block, thread, arrival or time. Source: Salmon, Moraes, Dror & Shaw (2011), "Parallel random
numbers: as easy as 1, 2, 3". This NumPy version is the definition; `kernels.philox` gives the same words faster.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum, unique
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .matrix import Ints

Words = NDArray[np.uint32]


@unique
class Purpose(IntEnum):
    """What numbers are drawn for. Append only: a number once given is never used again."""

    METRIC = 1  # sampled rows of a preconditioner
    HOLDOUT = 2  # rows kept aside for evaluation
    SEEDING = 3  # k-means|| and k-means++ draws
    EPOCH = 4  # order of rows in an epoch
    TEST = 5  # probes and law tests
    BATCH = 6  # rows of a mini-batch


M0, M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
W0, W1 = 0x9E3779B9, 0xBB67AE85
LOW, SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox4x32(counter: NDArray[np.uint32], key: tuple[int, int]) -> Words:
    """Ten rounds over counters (n, 4) with one key (two 32-bit words); returns (n, 4) words."""
    c = [counter[:, i].astype(np.uint64) for i in range(4)]
    k0, k1 = key
    for _ in range(10):
        a, b = c[0] * M0, c[2] * M1
        c = [
            (b >> SHIFT) ^ c[1] ^ np.uint64(k0),
            b & LOW,
            (a >> SHIFT) ^ c[3] ^ np.uint64(k1),
            a & LOW,
        ]
        k0, k1 = (k0 + W0) & 0xFFFFFFFF, (k1 + W1) & 0xFFFFFFFF
    return np.stack(c, axis=1).astype(np.uint32)


def philox(seed: int, purpose: int, ids: Ints, stream: int = 0, draw: int = 0) -> Words:
    """Four words for each row id: key (seed low, seed high ^ purpose), counter (id low, id high, stream, draw)."""
    wide = ids.astype(np.uint64)
    counter = np.empty((len(ids), 4), np.uint32)
    counter[:, 0], counter[:, 1] = wide & LOW, wide >> SHIFT
    counter[:, 2], counter[:, 3] = stream, draw
    return philox4x32(counter, (seed & 0xFFFFFFFF, ((seed >> 32) & 0xFFFFFFFF) ^ purpose))


def hash64(words: Words) -> NDArray[np.uint64]:
    """The first two words of each row as one 64-bit number."""
    high: NDArray[np.uint64] = words[:, 1].astype(np.uint64) << SHIFT
    return high | words[:, 0].astype(np.uint64)


def uniform(words: Words) -> NDArray[np.float64]:
    """53 bits of the first two words, in [0, 1)."""
    return (hash64(words) >> np.uint64(11)).astype(np.float64) * 2.0**-53


Draw: TypeAlias = Callable[[int, int, Ints, int, int], Words]  # seed, purpose, ids, stream, draw


def permuted(ids: Ints, n: int, seed: int, purpose: int, epoch: int, draw: Draw = philox) -> Ints:
    """Position of each id in the epoch's permutation of 0 .. n - 1, without storing it; `draw` has philox's words.

    Four Feistel rounds of Philox over the next even number of bits, walked again while outside (Black & Rogaway 2002).
    """
    half = max(((n - 1).bit_length() + 1) // 2, 1)
    mask = np.int64((1 << half) - 1)
    out = np.array(ids, dtype=np.int64)
    todo = np.arange(len(out))
    while len(todo):
        left, right = out[todo] >> half, out[todo] & mask
        for round_ in range(4):
            drawn = draw(seed, purpose, right, epoch & 0xFFFFFFFF, round_)[:, 0].astype(np.int64) & mask
            left, right = right, left ^ drawn
        out[todo] = (left << half) | right
        todo = todo[out[todo] >= n]
    return out
