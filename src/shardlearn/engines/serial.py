"""The reference: every block in order, one after the other, in the caller's thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count, pairwise
from time import perf_counter
from typing import TypeVar

from shardlearn.core.block import Block
from shardlearn.core.engine import Blocks, Sharded
from shardlearn.core.events import Emit, PassFinished, PassStarted, PieceFinished, Timed
from shardlearn.core.grid import Grid
from shardlearn.core.query import Query, Transform
from shardlearn.core.statistic import is_running
from shardlearn.core.tree import Counter, Tree

from .plan import Demand, plan_fold
from .room import Room
from .shelf import Shelf
from .visit import concluded, nothing, rewritten, run_span, visits, walker

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

    def fold(self, data: Mapping[str, Sharded], query: Query[A], /, *, emit: Emit) -> A:
        at = data[query.data]
        emit(PassStarted(len(at.grid.blocks), at.grid.count, query.data))
        demand = Demand(at.grid.blocks, at.blocks.cuts(), at.blocks.footprint(), 1, query.measure.bytes())
        with self.room.reserve(lambda free: plan_fold(demand, free)):
            root = self._in_order(at, query, emit) if query.runs is None else self._along_runs(at, query, emit)
        emit(PassFinished(query.data))
        return concluded(query.measure, nothing(at, query) if root is None else root)

    def stream(self, data: Sharded, rows: Transform, /, *, emit: Emit) -> Iterator[Block]:
        emit(PassStarted(len(data.grid.blocks), data.grid.count, "stream"))
        for _, block in data.blocks.read(data.grid.blocks, emit=emit):
            yield rows(rewritten(block, data.through))
        emit(PassFinished("stream"))

    def _opened(self, data: Sharded) -> Sharded:
        self._carried[data.key] = Shelf(self.room)
        return data

    def _in_order(self, at: Sharded, query: Query[A], emit: Emit) -> A | None:
        measure, grid, kept = query.measure, at.grid, self._carried[at.key]
        if measure.exact and is_running(measure):
            into: A | None = None
            for span in spans(at):
                into = self._walk(at, query, span, into, emit)
            return into
        counter = Counter(measure.merge, grid.first_block)
        for span in spans(at):
            seconds = 0.0
            for number, block in visits(at, query, span, kept, emit):
                began = perf_counter()
                counter.push(number, measure.of(block))
                seconds += perf_counter() - began
            told(grid, span, seconds, emit)
        tree = Tree(measure.merge, grid.first_block, grid.stop_block)
        tree.add(counter.finish(grid.stop_block))
        return tree.root()

    def _along_runs(self, at: Sharded, query: Query[A], emit: Emit) -> A | None:
        runs = query.runs or 0
        counter = Counter(query.measure.merge, 0)
        for run in range(runs):
            counter.push(run, self._walk(at, query, run_span(at.grid, runs, run), None, emit))
        tree = Tree(query.measure.merge, 0, runs)
        tree.add(counter.finish(runs))
        return tree.root()

    def _walk(self, at: Sharded, query: Query[A], span: range, into: A | None, emit: Emit) -> A | None:
        measure, seconds = walker(query.measure), 0.0
        for _, block in visits(at, query, span, self._carried[at.key], emit):
            began = perf_counter()
            into = measure.of(block) if into is None else measure.add(into, block)
            seconds += perf_counter() - began
        told(at.grid, span, seconds, emit)
        return into


def spans(at: Sharded) -> Iterator[range]:
    """The blocks between one cut and the next: what one reader reads on its own."""
    for first, stop in pairwise([*at.blocks.cuts(), at.grid.stop_block]):
        yield range(first, stop)


def told(grid: Grid, span: range, seconds: float, emit: Emit) -> None:
    """Say that a span of blocks has its answer."""
    if span:
        emit(Timed("compute", seconds))
        emit(PieceFinished(span.start, span.stop, grid.span(span.stop - 1)[1] - grid.span(span.start)[0]))
