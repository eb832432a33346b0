"""Rows in the driver's memory go to workers in parts: each gets those of its ranges, and begins with the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from shardlearn.core.block import Block
from shardlearn.core.engine import Blocks, Footprint, Held
from shardlearn.core.events import Emit
from shardlearn.core.grid import Grid

from .plan import power_below

PART = 32 * 1024 * 1024  # bytes of a part
MOST = 256  # parts of one source: each has a name that travels with every piece


def part_size(blocks: Blocks) -> int | None:
    """Blocks of a part; None: all in one."""
    if not isinstance(blocks, Held) or (nbytes := blocks.held()) < 2 * PART:
        return None
    return power_below(int(max(PART, nbytes / MOST) * len(blocks.grid.blocks) / nbytes))


def parts_of(span: range, size: int) -> range:
    """Numbers of the parts in which these blocks lie."""
    return range(span.start // size, -(-span.stop // size)) if span else range(0)


def part(blocks: Held, number: int, size: int) -> Blocks:
    every = blocks.grid.blocks
    return blocks.part(range(max(number * size, every.start), min((number + 1) * size, every.stop)))


@dataclass
class Parted:
    """A worker's side: what is known of the whole, and the parts that it was told of, fetched when they are read."""

    grid: Grid
    size: int  # blocks of a part
    _cuts: Sequence[int]
    _empty: Block
    _footprint: Footprint
    _stamp: str
    offered: dict[int, Callable[[], Blocks]] = field(default_factory=dict)
    here: dict[int, Blocks] = field(default_factory=dict)

    @classmethod
    def of(cls, blocks: Blocks, size: int) -> Parted:
        return cls(blocks.grid, size, blocks.cuts(), blocks.empty(), blocks.footprint(), blocks.stamp())

    def read(self, numbers: Sequence[int], /, *, emit: Emit) -> Iterator[tuple[int, Block]]:
        for at, group in groupby(numbers, lambda number: number // self.size):
            if at not in self.here:
                self.here[at] = self.offered[at]()
            yield from self.here[at].read(list(group), emit=emit)

    def cuts(self) -> Sequence[int]:
        return self._cuts

    def empty(self) -> Block:
        return self._empty

    def footprint(self) -> Footprint:
        return self._footprint

    def place(self, first: int, stop: int, /) -> str:
        return ""

    def stamp(self) -> str:
        return self._stamp
