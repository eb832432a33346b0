"""What a worker does with one piece: a task is data, so it can be sent elsewhere and tried again."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

from shardlearn.core.block import Block
from shardlearn.core.engine import Sharded
from shardlearn.core.events import Timed
from shardlearn.core.query import Query, Transform
from shardlearn.core.rows import ALL
from shardlearn.core.statistic import is_running
from shardlearn.core.tree import Counter

from .reading import Attempt, Lane, Place, blocks_of, visited
from .rounds import Piece
from .visit import run_span, walker

# Errors of the file system that another attempt can't mend; other OSErrors are tried again.
LASTING = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


class Task(Protocol):
    """One piece of work, answered by any worker from the source alone; what the place remembers only saves time."""

    @property
    def data(self) -> Sharded: ...
    @property
    def lane(self) -> Lane | None: ...
    @property
    def blocks(self) -> range:
        """The blocks that are visited."""
        ...

    def do(self, place: Place, attempt: Attempt, /) -> object: ...


@dataclass(frozen=True, slots=True)
class FoldTask:
    """The canonical nodes of a range of blocks; of an exact statistic that walks, one answer."""

    data: Sharded
    query: Query[Any]
    piece: Piece
    lane: Lane | None = None

    @property
    def blocks(self) -> range:
        return range(*self.piece)

    def do(self, place: Place, attempt: Attempt, /) -> object:
        measure, span = self.query.measure, self.blocks
        if walks(self.query):
            return walked(self.data, self.query, span, place, attempt)
        counter: Counter[Any] = Counter(measure.merge, span.start)
        seconds = 0.0
        for number, block in visited(self.data, self.query, span, place, attempt):
            began = perf_counter()
            counter.push(number, measure.of(block))
            seconds += perf_counter() - began
        attempt.emit(Timed("compute", seconds))
        return counter.finish(span.stop)


@dataclass(frozen=True, slots=True)
class RunTask:
    """The canonical nodes of a range of runs, each a contiguous range of blocks that is walked in order."""

    data: Sharded
    query: Query[Any]
    piece: Piece
    lane: Lane | None = None

    @property
    def blocks(self) -> range:
        """All blocks of these runs."""
        return blocks_of_runs(self.data, self.query, self.piece)

    def do(self, place: Place, attempt: Attempt, /) -> object:
        measure, seconds = walker(self.query.measure), 0.0
        counter: Counter[Any] = Counter(measure.merge, self.piece[0])
        spans = (blocks_of_runs(self.data, self.query, (run, run + 1)) for run in range(*self.piece))
        run, span, into = self.piece[0], next(spans), None
        for number, block in visited(self.data, self.query, self.blocks, place, attempt):
            began = perf_counter()
            while number >= span.stop:
                counter.push(run, into)
                run, span, into = run + 1, next(spans), None
            into = measure.of(block) if into is None else measure.add(into, block)
            seconds += perf_counter() - began
        counter.push(run, into)
        attempt.emit(Timed("compute", seconds))
        return counter.finish(self.piece[1])


@dataclass(frozen=True, slots=True)
class StreamTask:
    """The rewritten blocks of a range, in order."""

    data: Sharded
    rows: Transform
    piece: Piece
    lane: Lane | None = None

    @property
    def blocks(self) -> range:
        return range(*self.piece)

    def do(self, place: Place, attempt: Attempt, /) -> object:
        seconds, out = 0.0, list[Block]()
        for _, block in blocks_of(self.data, ALL, self.blocks, place, attempt, keep=False):
            began = perf_counter()
            out.append(self.rows(block))
            seconds += perf_counter() - began
        attempt.emit(Timed("compute", seconds))
        return out


def blocks_of_runs(data: Sharded, query: Query[Any], piece: Piece) -> range:
    """The blocks of a range of runs."""
    runs = query.runs or 0
    return range(run_span(data.grid, runs, piece[0]).start, run_span(data.grid, runs, piece[1] - 1).stop)


def walks(query: Query[Any]) -> bool:
    """Whether answers are accumulated in place, in any order."""
    return query.runs is None and query.measure.exact and is_running(query.measure)


def walked(data: Sharded, query: Query[Any], span: range, place: Place, attempt: Attempt) -> Any:
    """One accumulator over the blocks of a span; None when none of them is visited."""
    measure, seconds = walker(query.measure), 0.0
    into: Any = None
    for _, block in visited(data, query, span, place, attempt):
        began = perf_counter()
        into = measure.of(block) if into is None else measure.add(into, block)
        seconds += perf_counter() - began
    attempt.emit(Timed("compute", seconds))
    return into


def worth_another_try(error: BaseException) -> bool:
    """Reading may fail once and work the next time; what is a function of data or code fails every time."""
    return isinstance(error, OSError) and not isinstance(error, LASTING)
