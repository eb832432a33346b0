"""Which rows make up the batches of an epoch: a shuffled order of all rows that few blocks at a time are read for.

An epoch takes the blocks in a shuffled order, lays WINDOW of them at a time side by side, and shuffles the rows of each
window. So a row is in one batch of an epoch at most, and a batch comes from two windows at most, however many rows
there are. With up to WINDOW blocks that is a shuffle of all rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shardlearn import kernels
from shardlearn.core import rng
from shardlearn.core.grid import Grid
from shardlearn.core.matrix import Ints

WINDOW = 16  # blocks, of 4 MiB or less
SAMPLE = 1 << 20  # number of a draw: far from those of a shuffle


@dataclass(frozen=True, slots=True)
class Batches:
    """Batches of `size` rows each, counted through all epochs. Rows that are left over sit an epoch out."""

    grid: Grid
    size: int  # at most the number of rows
    seed: int

    @property
    def in_epoch(self) -> int:
        """Batches of one epoch."""
        return self.grid.count // self.size

    def ids(self, first: int, stop: int) -> Ints:
        """(stop - first, size) row ids of some batches, those of each ascending."""
        out = []
        while first < stop:
            epoch, number = divmod(first, self.in_epoch)
            count = min(stop - first, self.in_epoch - number)
            out.extend(self._rows(epoch, number * self.size, (number + count) * self.size))
            first += count
        return np.sort(np.concatenate(out).reshape(-1, self.size), axis=1)

    def _rows(self, epoch: int, at: int, last: int) -> list[Ints]:
        """The rows at positions `at` to `last` (excluded) of an epoch's order, by window."""
        ranks = np.arange(len(self.grid.blocks), dtype=np.int64)
        blocks = self.grid.first_block + self._shuffled(ranks, len(ranks), rng.Purpose.EPOCH, epoch)
        first, stop = _spans(self.grid, blocks)
        edges = np.concatenate([np.zeros(1, np.int64), np.cumsum(stop - first)])  # positions where blocks begin
        ends = np.append(edges[:-1:WINDOW], edges[-1])  # and windows
        out = []
        while at < last:
            window = int(np.searchsorted(ends, at, side="right")) - 1
            begin, end = int(ends[window]), int(ends[window + 1])
            upto, stream = min(last, end), epoch * (len(ends) - 1) + window
            places = np.arange(at - begin, upto - begin, dtype=np.int64)
            drawn = begin + self._shuffled(places, end - begin, rng.Purpose.BATCH, stream)
            block = np.searchsorted(edges, drawn, side="right") - 1
            out.append(first[block] + drawn - edges[block])
            at = upto
        return out

    def _shuffled(self, places: Ints, n: int, purpose: int, stream: int) -> Ints:
        return rng.permuted(places, n, self.seed, purpose, stream, kernels.philox)


def sampled(grid: Grid, m: int, seed: int, stream: int) -> Ints:
    """One row, drawn at random, of each of m stretches of the data: ids, ascending."""
    n, j = grid.count, np.arange(m, dtype=np.int64)
    first = j * n // m
    drawn = kernels.philox(seed, rng.Purpose.BATCH, j, stream, SAMPLE)[:, 0].astype(np.int64)
    return grid.first + first + (drawn * ((j + 1) * n // m - first) >> 32)


def _spans(grid: Grid, blocks: Ints) -> tuple[Ints, Ints]:
    """First and last (excluded) row id of blocks."""
    return np.maximum(blocks * grid.rows, grid.first), np.minimum((blocks + 1) * grid.rows, grid.stop)
