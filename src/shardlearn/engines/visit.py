"""One visit to a block, the same in every engine: rewritten, carried forward, cut to the rows that a query asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar, cast

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.engine import Sharded
from shardlearn.core.events import CarryBuilt, Emit
from shardlearn.core.grid import Grid
from shardlearn.core.matrix import Array, Ints
from shardlearn.core.query import Carry, Query, Transform
from shardlearn.core.rows import Rows, chosen, positions
from shardlearn.core.statistic import Running, Statistic, is_running, is_spread

A = TypeVar("A")

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
        before = kept.get((carry.name, number))
        if before is not None and before[0] == carry.version - 1:
            columns = carry.step(block.with_extra(carry.name, before[1]))
            emit(CarryBuilt(carry.name, number, rebuilt=False))
        else:
            columns = carry.rebuild(block)
            emit(CarryBuilt(carry.name, number, rebuilt=True))
        kept[carry.name, number] = carry.version, columns
        out = out.with_extra(carry.name, columns)
    return out


@dataclass(frozen=True, slots=True)
class Wanted:
    """Blocks that hold a row that is asked for, ascending, and which of their rows; None: all."""

    numbers: Sequence[int]
    ids: Mapping[int, Ints | None]


def wanted(rows: Rows, grid: Grid, numbers: Sequence[int]) -> Wanted:
    """Which of these blocks a query visits; the others are not read."""
    ids = {number: chosen(rows, grid, number, kernels.philox) for number in numbers}
    return Wanted([n for n, some in ids.items() if some is None or len(some)], ids)


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


def nothing(data: Sharded, query: Query[A]) -> A:
    """The answer when no block has one: the identity of the statistic's merge."""
    empty = rewritten(data.blocks.empty(), data.through)
    bare = empty
    for carry in query.carry:
        empty = empty.with_extra(carry.name, carry.rebuild(bare))
    return query.measure.of(empty)


def walker(statistic: Statistic[A]) -> Running[A]:
    """The statistic as one that walks; runs of blocks ask for it."""
    if not is_running(statistic):
        raise TypeError(f"Query.runs needs a statistic with `add`; {type(statistic).__name__} has none")
    return statistic


def run_span(grid: Grid, runs: int, run: int) -> range:
    """Blocks of one of so many contiguous runs; with more runs than blocks some are empty."""
    first, count = grid.first_block, len(grid.blocks)
    return range(first + run * count // runs, first + (run + 1) * count // runs)


def concluded(statistic: Statistic[A], answer: A) -> A:
    """The answer as the solver is told it: a spread one is finished part by part, then joined."""
    if not is_spread(statistic):
        return answer
    parts = [statistic.finish(i, statistic.part(answer, i)) for i in range(statistic.parts)]
    return cast(A, statistic.join(parts))  # what the solver is told is what `join` makes
