"""One visit to a block, the same in every engine: rewritten, carried forward, cut to the rows that a query asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from time import perf_counter
from typing import Any, Protocol, TypeAlias, TypeVar, cast

import numpy as np

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.engine import Sharded
from shardlearn.core.events import CarryBuilt, Emit, Timed
from shardlearn.core.grid import Grid
from shardlearn.core.matrix import Array, Csr, Ints
from shardlearn.core.query import Carry, Query, Transform
from shardlearn.core.rows import Rows, chosen, positions
from shardlearn.core.statistic import Running, Statistic, is_running, is_spread
from shardlearn.core.tree import Counter, Node

A = TypeVar("A")
T = TypeVar("T")

# Sums that overflow, or meet values that are not finite, are answers as others are: who asked looks at them.
quiet = np.errstate(over="ignore", invalid="ignore")

ID, OBJECT = 8, 64  # bytes that a row's id takes where rows were dropped, and that a short string takes

Versioned: TypeAlias = tuple[int, Mapping[str, Array]]  # carried columns, and the version that they are at


class Carried(Protocol):
    """Columns by (name of the carry, block): a cache, any part of which may vanish."""

    def get(self, key: tuple[str, int], /) -> Versioned | None: ...
    def __setitem__(self, key: tuple[str, int], value: Versioned, /) -> None: ...


def rewritten(block: Block, through: Sequence[Transform]) -> Block:
    """The block after row-wise rewrites, in order."""
    for transform in through:
        block = transform(block)
    return block


def carried(block: Block, number: int, carries: Sequence[Carry], kept: Carried, emit: Emit) -> Block:
    """The block with the columns of each carry at its version: stepped where the last version is kept, else rebuilt."""
    out = block
    for carry in carries:
        before, began = kept.get((carry.name, number)), perf_counter()
        steps = before is not None and before[0] == carry.version - 1
        if before is not None and steps:
            columns = carry.step(block.with_extra(carry.name, before[1]))
        else:
            columns = carry.rebuild(block)
        emit(CarryBuilt(carry.name, number, not steps, perf_counter() - began))
        kept[carry.name, number] = carry.version, columns
        out = out.with_extra(carry.name, columns)
    return out


@dataclass(frozen=True, slots=True)
class Wanted:
    """Blocks that hold a row that is asked for, ascending, and which of their rows; None: all."""

    rows: Rows
    numbers: Sequence[int]
    ids: Mapping[int, Ints | None]


def wanted(rows: Rows, grid: Grid, numbers: Sequence[int]) -> Wanted:
    """Which of these blocks a query visits; the others are not read."""
    ids = {number: chosen(rows, grid, number, kernels.philox) for number in numbers}
    return Wanted(rows, [n for n, some in ids.items() if some is None or len(some)], ids)


def selected(block: Block, ids: Ints | None) -> Block:
    """The rows with these ids; those that were dropped stay away."""
    if ids is None:
        return block
    if block.ids is None:
        where = ids - block.start
        return block.take(where[(where >= 0) & (where < block.n)])
    return block.take(positions(ids, block.ids))


def visits(
    data: Sharded, query: Query[Any], numbers: Sequence[int], kept: Carried, emit: Emit
) -> Iterator[tuple[int, Block]]:
    """Blocks as a statistic sees them, in order, read from the source."""
    want = wanted(query.rows, data.grid, numbers)
    for number, block in data.blocks.read(want.numbers, emit=emit):
        whole = carried(rewritten(block, data.through), number, query.carry, kept, emit)
        yield number, selected(whole, want.ids[number])


def timed(visits: Iterable[T], emit: Emit) -> Iterator[T]:
    """The same visits; what is done with them is the time to compute."""
    seconds = 0.0
    for visit in visits:
        began = perf_counter()
        yield visit
        seconds += perf_counter() - began
    emit(Timed("compute", seconds))


def walked_in_runs(
    query: Query[A], spans: Sequence[range], first: int, visits: Iterable[tuple[int, Block]]
) -> list[Node[A]]:
    """The canonical nodes over runs of blocks, each walked with one accumulator; `first`: number of the first run."""
    measure, run = walker(query.measure), 0
    counter: Counter[A] = Counter(measure.merge, first)
    into: A | None = None
    for number, block in visits:
        while number >= spans[run].stop:
            counter.push(first + run, into)
            run, into = run + 1, None
        into = measure.of(block) if into is None else measure.add(into, block)
    if spans:
        counter.push(first + run, into)
    return counter.finish(first + len(spans))


def walked(query: Query[A], visits: Iterable[tuple[int, Block]]) -> A | None:
    """One accumulator over all visits; None when there are none."""
    measure = walker(query.measure)
    into: A | None = None
    for _, block in visits:
        into = measure.of(block) if into is None else measure.add(into, block)
    return into


def walks(query: Query[A]) -> bool:
    """Whether answers are accumulated in place, in any order."""
    return query.runs is None and query.measure.exact and is_running(query.measure)


def nothing(data: Sharded, query: Query[A]) -> A:
    """The answer when no block has one: the identity of the statistic's merge."""
    empty = rewritten(data.blocks.empty(), data.through)
    bare = empty
    for carry in query.carry:
        empty = empty.with_extra(carry.name, carry.rebuild(bare))
    return query.measure.of(empty)


def rewritten_bytes(data: Sharded, rows: Transform) -> int:
    """Bytes of a block that a stream hands on, at most: as wide as what becomes of a block without rows."""
    made, count = rows(rewritten(data.blocks.empty(), data.through)), min(data.grid.rows, max(data.grid.count, 1))
    columns = [column for column in (made.y, made.weight, *made.extra.values()) if column is not None]
    if isinstance(made.X, Csr):
        return count * (ID + sum(map(width, columns))) + data.blocks.footprint().block
    return count * (ID + sum(map(width, (made.X, *columns))))


def width(column: Array) -> int:
    """Bytes of a row; of Python objects an estimate."""
    one = OBJECT if column.dtype.kind == "O" else column.itemsize
    return one * prod(column.shape[1:])


def walker(statistic: Statistic[A]) -> Running[A]:
    """The statistic as one that walks; runs of blocks ask for it."""
    if not is_running(statistic):
        raise TypeError(f"Query.runs needs a statistic with `add`; {type(statistic).__name__} has none")
    return statistic


def run_spans(grid: Grid, runs: int, first: int = 0, stop: int | None = None) -> list[range]:
    """Blocks of each of so many contiguous runs, or of those from `first` to `stop`; some may be empty."""
    at, count = grid.first_block, len(grid.blocks)
    edges = [at + run * count // runs for run in range(first, (runs if stop is None else stop) + 1)]
    return [range(low, high) for low, high in pairwise(edges)]


def concluded(statistic: Statistic[A], answer: A) -> A:
    """The answer as the solver is told it: a spread one is finished part by part, then joined."""
    if not is_spread(statistic):
        return answer
    parts = [statistic.finish(i, statistic.part(answer, i)) for i in range(statistic.parts)]
    return cast(A, statistic.join(parts))  # what the solver is told is what `join` makes
