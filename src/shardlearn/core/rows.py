"""Which rows of the blocks a query visits; selected rows keep their block, and so their place in the tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from . import rng
from .grid import Grid
from .matrix import Ints
from .rng import Draw


@dataclass(frozen=True, slots=True)
class All:
    """Every row."""


@dataclass(frozen=True, slots=True)
class Range:
    """Row ids from `first` to `last` (excluded)."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Ids:
    """These row ids, ascending."""

    ids: Ints


@dataclass(frozen=True, slots=True)
class Hashed:
    """Each row by itself with probability below / 2**64: those whose hash is smaller. `outside` takes the others."""

    purpose: int
    below: int
    seed: int = 0
    stream: int = 0
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Shuffled:
    """The rows at positions `first` to `last` (excluded) of an epoch's permutation."""

    purpose: int
    epoch: int
    first: int
    last: int
    seed: int = 0


Rows: TypeAlias = All | Range | Ids | Hashed | Shuffled
ALL = All()


def share(k: int, n: int) -> int:
    """`below` of a Hashed draw that takes k of n rows on average."""
    return min((k << 64) // max(n, 1), 1 << 64)


def chosen(rows: Rows, grid: Grid, block: int, draw: Draw = rng.philox) -> Ints | None:
    """Ids that are visited in a block; None: all of them."""
    start, stop = grid.span(block)
    match rows:
        case All():
            return None
        case Range(first, last):
            if first <= start and stop <= last:
                return None
            return np.arange(max(start, first), max(min(stop, last), start, first), dtype=np.int64)
        case Ids(ids):
            left, right = np.searchsorted(ids, [start, stop])
            return ids[left:right]
        case Hashed(purpose, below, seed, stream, outside):
            if below >> 64:
                return np.empty(0, np.int64) if outside else None
            ids = np.arange(start, stop, dtype=np.int64)
            inside = rng.hash64(draw(seed, purpose, ids, stream, 0)) < np.uint64(below)
            return ids[~inside if outside else inside]
        case _:
            ids = np.arange(start, stop, dtype=np.int64)
            at = rng.permuted(ids - grid.first, grid.count, rows.seed, rows.purpose, rows.epoch, draw)
            return ids[(at >= rows.first) & (at < rows.last)]


def positions(ids: Ints, present: Ints) -> Ints:
    """Where the wanted ids stand among the (ascending) ids present; ids that were dropped are left out."""
    at = np.searchsorted(present, ids)
    inside = at < len(present)
    inside[inside] = present[at[inside]] == ids[inside]
    return at[inside]
