"""An engine: where blocks live, and how a query is answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from .block import Block
from .events import Emit
from .grid import Grid
from .query import Query, Transform

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes that reading takes, for the planning of memory."""

    block: int  # one block, packed, at most
    reader: int  # what one reader holds beside the block that it is filling
    resident: bool  # blocks are views of arrays that the caller holds: they cost nothing and are never cached


class Blocks(Protocol):
    """A source cut on its grid. Immutable, and can be sent to another process."""

    @property
    def grid(self) -> Grid: ...

    def read(self, numbers: Sequence[int], /, *, emit: Emit) -> Iterator[tuple[int, Block]]:
        """The blocks of these ascending numbers, in order: the same bits every time."""
        ...

    def cuts(self) -> Sequence[int]:
        """Ascending block numbers, from the first block on, where a reader starts without reading what another reads.

        A row group is decoded by the one reader in whose range its first whole block lies.
        """
        ...

    def empty(self) -> Block:
        """A block without rows, of the right width, dtype and kind."""
        ...

    def footprint(self) -> Footprint: ...

    def place(self, first: int, stop: int, /) -> str:
        """Where the rows with these ids (`stop` excluded) lie, for people: file and rows; "" where there is no file."""
        ...

    def stamp(self) -> str:
        """Changes when the data changed."""
        ...


@runtime_checkable
class Held(Blocks, Protocol):
    """Blocks whose rows lie in this process's memory, and can be sent elsewhere in parts."""

    def held(self) -> int:
        """Bytes that would be sent."""
        ...

    def part(self, span: range, /) -> Blocks:
        """The blocks of a range alone, under their numbers, with no more rows than they have."""
        ...


@dataclass(frozen=True, slots=True)
class Sharded:
    """A handle on data that an engine has opened."""

    key: int  # names the handle inside its engine
    blocks: Blocks
    through: tuple[Transform, ...] = ()  # row-wise rewrites of each block after it is read

    @property
    def grid(self) -> Grid:
        return self.blocks.grid


class Engine(Protocol):
    """Opens data, answers queries, streams rows; keeps carried columns and cached blocks."""

    @property
    def name(self) -> str: ...

    @property
    def workers(self) -> int: ...

    @property
    def memory(self) -> int | None:
        """Bytes that a fit may add, or None for no limit."""
        ...

    def open(self, blocks: Blocks, /) -> Sharded: ...
    def refine(self, data: Sharded, rewrite: Transform, /) -> Sharded:
        """The same rows, rewritten one by one; takes over what is cached of `data`, which is closed."""
        ...

    def fold(self, data: Mapping[str, Sharded], query: Query[A], /, *, emit: Emit) -> A: ...
    def stream(self, data: Sharded, rows: Transform, /, *, emit: Emit) -> Iterator[Block]:
        """Row-wise answers in row order, in a bounded window."""
        ...

    def close(self, data: Sharded, /) -> None: ...
