"""What a worker does with one piece: a task is data, so it can be sent elsewhere and tried again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from shardlearn.core.engine import Sharded
from shardlearn.core.query import Query, Transform
from shardlearn.core.rows import ALL
from shardlearn.core.tree import Counter

from .reading import Attempt, Lane, Place, blocks_of, visited
from .rounds import Piece
from .stopping import stoppable
from .visit import quiet, run_spans, timed, walked, walked_in_runs, walks, wanted

# Errors of the file system that another attempt can't mend; other OSErrors are tried again.
LASTING = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


class Task(Protocol):
    """One piece of work, answered by any worker from the source alone; what the place remembers only saves time."""

    @property
    def data(self) -> Sharded: ...
    @property
    def lane(self) -> Lane | None: ...
    @property
    def asked(self) -> object:
        """What is the same for all pieces of a pass."""
        ...

    @property
    def blocks(self) -> range:
        """The blocks that are visited."""
        ...

    @property
    def portions(self) -> tuple[Piece, ...]:
        """Where there are any: the answer stays with the worker, cut into so many ranges of parts."""
        ...

    @property
    def held(self) -> tuple[Any, ...]:
        """By what the worker gets what others keep: parts that it is to merge."""
        ...

    def bare(self) -> Task:
        """Without what is of one piece only."""
        ...

    def do(self, place: Place, attempt: Attempt, /) -> object: ...


@dataclass(frozen=True, slots=True)
class FoldTask:
    """The canonical nodes of a range of blocks; of an exact statistic that walks, one answer."""

    data: Sharded
    query: Query[Any]
    piece: Piece
    lane: Lane | None = None
    portions: tuple[Piece, ...] = ()
    ends: tuple[int, ...] = ()  # of the shares of workers: one reads on from piece to piece up to there
    held: ClassVar[tuple[Any, ...]] = ()

    @property
    def asked(self) -> object:
        return self.query

    @property
    def blocks(self) -> range:
        return range(*self.piece)

    @property
    def until(self) -> int | None:
        return next((end for end in self.ends if end >= self.piece[1]), None)

    def bare(self) -> FoldTask:
        return replace(self, piece=(0, 0), lane=None, portions=())

    @quiet
    def do(self, place: Place, attempt: Attempt, /) -> object:
        measure, span = self.query.measure, self.blocks
        visits = timed(visited(self.data, self.query, span, place, attempt), attempt.emit)
        if walks(self.query):
            return walked(self.query, visits)
        counter: Counter[Any] = Counter(measure.merge, span.start)
        for number, block in visits:
            counter.push(number, measure.of(block))
        return counter.finish(span.stop)


@dataclass(frozen=True, slots=True)
class RunTask:
    """The canonical nodes of a range of runs, each a contiguous range of blocks that is walked in order."""

    data: Sharded
    query: Query[Any]
    piece: Piece
    lane: Lane | None = None
    portions: tuple[Piece, ...] = ()
    ends: tuple[int, ...] = ()  # as of a FoldTask, in runs
    held: ClassVar[tuple[Any, ...]] = ()

    @property
    def asked(self) -> object:
        return self.query

    @property
    def until(self) -> int | None:
        end = next((end for end in self.ends if end >= self.piece[1]), None)
        return None if end is None else run_spans(self.data.grid, self.query.runs or 0, end - 1, end)[0].stop

    @property
    def blocks(self) -> range:
        """All blocks of these runs."""
        spans = self._spans()
        return range(spans[0].start, spans[-1].stop)

    def bare(self) -> RunTask:
        return replace(self, piece=(0, 0), lane=None, portions=())

    @quiet
    def do(self, place: Place, attempt: Attempt, /) -> object:
        visits = timed(visited(self.data, self.query, self.blocks, place, attempt), attempt.emit)
        return walked_in_runs(self.query, self._spans(), self.piece[0], visits)

    def _spans(self) -> list[range]:
        return run_spans(self.data.grid, self.query.runs or 0, *self.piece)


@dataclass(frozen=True, slots=True)
class StreamTask:
    """The rewritten blocks of a range, in order."""

    data: Sharded
    rows: Transform
    piece: Piece
    lane: Lane | None = None
    portions: ClassVar[tuple[Piece, ...]] = ()
    held: ClassVar[tuple[Any, ...]] = ()

    @property
    def asked(self) -> object:
        return self.rows

    @property
    def blocks(self) -> range:
        return range(*self.piece)

    def bare(self) -> StreamTask:
        return replace(self, piece=(0, 0), lane=None)

    def do(self, place: Place, attempt: Attempt, /) -> object:
        every = wanted(ALL, self.data.grid, self.blocks)
        blocks = blocks_of(self.data, every, self.blocks, place, attempt, keep=False)
        with stoppable(attempt.stop):
            return [self.rows(block) for _, block in timed(blocks, attempt.emit)]


def rows_of(task: Task) -> tuple[int, int]:
    """First and last (excluded) row of a task."""
    grid, blocks = task.data.grid, task.blocks
    return grid.span(blocks.start)[0], grid.span(blocks.stop - 1)[1]


def worth_another_try(error: BaseException) -> bool:
    """Reading may fail once and work the next time; what is a function of data or code fails every time."""
    return isinstance(error, OSError) and not isinstance(error, LASTING)
