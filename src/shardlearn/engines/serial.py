"""The reference: every block in order, one after the other, in the caller's thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count, pairwise
from typing import Any, TypeVar

from shardlearn.core.block import Block
from shardlearn.core.engine import Blocks, Sharded
from shardlearn.core.events import Emit, PassFinished, PassStarted, PieceFinished
from shardlearn.core.grid import Grid
from shardlearn.core.query import Query, Transform
from shardlearn.core.statistic import gathers
from shardlearn.core.tree import Counter, Tree

from .plan import Demand, must_fit, plan_fold, plan_runs
from .room import Room
from .shelf import Shelf
from .visit import concluded, nothing, quiet, rewritten, run_spans, timed, visits, walked, walked_in_runs, walks

A = TypeVar("A")


@dataclass(slots=True)
class SerialEngine:
    """One worker; what the other engines are compared with."""

    room: Room = field(default_factory=Room)
    workers_from: str = "serial"
    memory_from: str = "argument"
    _carried: dict[int, Shelf] = field(default_factory=dict)
    _keys: Iterator[int] = field(default_factory=count)

    @property
    def name(self) -> str:
        return "serial"

    @property
    def workers(self) -> int:
        return 1

    @property
    def memory(self) -> int | None:
        return self.room.limit

    def open(self, blocks: Blocks, /) -> Sharded:
        return self._opened(Sharded(next(self._keys), blocks))

    def refine(self, data: Sharded, rewrite: Transform, /) -> Sharded:
        self.close(data)
        return self._opened(Sharded(next(self._keys), data.blocks, (*data.through, rewrite)))

    def close(self, data: Sharded, /) -> None:
        self._carried.pop(data.key, Shelf(self.room)).forget()
        self.room.settle()

    def fold(self, data: Mapping[str, Sharded], query: Query[A], /, *, emit: Emit) -> A:
        at = data[query.data]
        emit(PassStarted(len(at.grid.blocks), at.grid.count, query.data))
        demand, runs = _asked(at, query)
        make = partial(plan_fold, demand) if runs is None else partial(plan_runs, demand, runs)
        with self.room.reserve(make) as plan:
            emit(plan.told())
            root = self._answer(at, query, emit)
        emit(PassFinished(query.data))
        return concluded(query.measure, nothing(at, query) if root is None else root)

    def must_fit(self, data: Sharded, queries: Iterable[Query[Any]], /) -> None:
        """Refuse queries for which the memory limit is too small."""
        must_fit((_asked(data, query) for query in queries), self.room.limit)

    def stream(self, data: Sharded, rows: Transform, /, *, emit: Emit) -> Iterator[Block]:
        emit(PassStarted(len(data.grid.blocks), data.grid.count, "stream"))
        for _, block in data.blocks.read(data.grid.blocks, emit=emit):
            yield rows(rewritten(block, data.through))
        emit(PassFinished("stream"))

    def _opened(self, data: Sharded) -> Sharded:
        self._carried[data.key] = Shelf(self.room)
        return data

    @quiet
    def _answer(self, at: Sharded, query: Query[A], emit: Emit) -> A | None:
        measure, grid, visits = query.measure, at.grid, self._visits(at, query, emit)
        if walks(query):
            return walked(query, visits)
        if query.runs is not None:
            tree = Tree(measure.merge, 0, query.runs)
            tree.add(walked_in_runs(query, run_spans(grid, query.runs), 0, visits))
            return tree.root()
        counter = Counter(measure.merge, grid.first_block)
        for number, block in visits:
            counter.push(number, measure.of(block))
        tree = Tree(measure.merge, grid.first_block, grid.stop_block)
        tree.add(counter.finish(grid.stop_block))
        return tree.root()

    def _visits(self, at: Sharded, query: Query[A], emit: Emit) -> Iterator[tuple[int, Block]]:
        for span in spans(at):
            yield from timed(visits(at, query, span, self._carried[at.key], emit), emit)
            if span:
                emit(finished(at.grid, span))


def _asked(at: Sharded, query: Query[Any]) -> tuple[Demand, list[range] | None]:
    answer, rows = query.measure.bytes(), gathers(query.measure)
    foot, walking = at.blocks.footprint(), walks(query)
    demand = Demand(at.grid.blocks, at.blocks.cuts(), foot, 1, answer, query.beside, rows, walking)
    return demand, None if query.runs is None else run_spans(at.grid, query.runs)


def spans(at: Sharded) -> Iterator[range]:
    """The blocks between one cut and the next: what one reader reads on its own."""
    for first, stop in pairwise([*at.blocks.cuts(), at.grid.stop_block]):
        yield range(first, stop)


def finished(grid: Grid, blocks: range) -> PieceFinished:
    """Say that these blocks have their answer."""
    return PieceFinished(blocks.start, blocks.stop, grid.span(blocks.stop - 1)[1] - grid.span(blocks.start)[0])
