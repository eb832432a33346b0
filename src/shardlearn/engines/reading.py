"""How a piece gets its blocks: from the cache, by a reader of its own, or by a reader that goes from hand to hand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, Lock
from time import perf_counter
from typing import Any, TypeAlias

from shardlearn.core.block import Block
from shardlearn.core.engine import Sharded
from shardlearn.core.events import Emit, Event, Timed, ignore
from shardlearn.core.query import Query
from shardlearn.core.rows import Rows

from .room import Room
from .shelf import Shelf
from .stopping import Stop, Stopped
from .visit import Wanted, carried, rewritten, selected, wanted

Fetch: TypeAlias = Callable[[Any], Any]
Rest: TypeAlias = Callable[[int], list[int]]  # numbers of the blocks from one on to the end of a lane


@dataclass(frozen=True, slots=True)
class Lane:
    """Pieces that share one reader, which goes from worker to worker: one reads on while others compute."""

    number: int
    stop: int  # end of the range of blocks that the reader reads
    hold: bool = False  # read block by block to the end of the piece; else all of its blocks, and hand the reader on


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who is at it, with which reader, whom it tells, and whether it is to stop."""

    who: object
    lane: Lane | None
    emit: Emit
    stop: Stop
    fetch: Fetch = lambda held: held  # gets what a worker keeps


@dataclass(slots=True)
class Reader:
    """An open iterator over blocks that is handed from attempt to attempt, and who is next."""

    _changed: Condition = field(default_factory=Condition)
    _turns: deque[object] = field(default_factory=deque)
    _ahead: Sequence[int] = ()  # numbers that the iterator gives
    _done: int = 0  # how many of them it has given
    _blocks: Iterator[tuple[int, Block]] | None = None
    _told: Emit = ignore  # by the one whose turn it is

    def enter(self, who: object) -> None:
        """Get into line."""
        with self._changed:
            if who not in self._turns:
                self._turns.append(who)

    def leave(self, who: object) -> None:
        """Make way for the next one."""
        with self._changed:
            if who in self._turns:
                self._turns.remove(who)
            self._changed.notify_all()

    @contextmanager
    def turn(self, who: object, stop: Stop) -> Iterator[None]:
        """Wait for those that entered before."""
        self.enter(who)
        try:
            with self._changed:
                while self._turns[0] != who:
                    if stop():
                        raise Stopped
                    self._changed.wait(0.2)
            yield
        finally:
            self.leave(who)

    def take(self, at: Attempt, data: Sharded, numbers: Sequence[int], rest: Rest) -> list[tuple[int, Block]]:
        """These blocks: read on where that is where the reader stands, else open it anew for all the rest.

        The iterator is put back only by the one whose turn it is: one that hangs here may have been given up.
        """
        with self._changed:
            if at.who not in self._turns:
                raise Stopped  # given up while it was elsewhere
            blocks, ahead, done = self._blocks, self._ahead, self._done
            self._blocks, self._told = None, at.emit
        if blocks is None or list(ahead[done : done + len(numbers)]) != list(numbers):
            blocks = None  # closed before the next one opens
            ahead, done = rest(numbers[0]), 0
            blocks = data.blocks.read(ahead, emit=self._say)
        out = [next(blocks) for _ in numbers]
        done += len(numbers)
        with self._changed:
            if done < len(ahead) and self._turns and self._turns[0] == at.who:
                self._blocks, self._ahead, self._done = blocks, ahead, done
        return out

    def _say(self, event: Event) -> None:
        self._told(event)


@dataclass(slots=True)
class Place:
    """What one process of workers remembers: for each open handle its shelf and its readers."""

    room: Room = field(default_factory=Room)
    _shelves: dict[int, Shelf] = field(default_factory=dict)
    _readers: dict[tuple[int, int], Reader] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def shelf(self, data: Sharded) -> Shelf:
        with self._lock:
            return self._shelves.setdefault(data.key, Shelf(self.room))

    def reader(self, data: Sharded, lane: Lane) -> Reader:
        with self._lock:
            return self._readers.setdefault((data.key, lane.number), Reader())

    def leave(self, data: Sharded, lane: Lane, who: object) -> None:
        """Make way for the next one at a reader, if it is still there."""
        with self._lock:
            reader = self._readers.get((data.key, lane.number))
        if reader is not None:
            reader.leave(who)

    def hand_over(self, old: int, new: int) -> None:
        """Blocks cached under one key are now cached under another; nothing else is."""
        with self._lock:
            shelf = self._shelves.pop(old, None)
            if shelf is not None:
                shelf.forget_columns()
                self._shelves[new] = shelf
        self.forget(old)

    def forget(self, key: int) -> None:
        """Drop all that is kept of a handle."""
        with self._lock:
            shelf = self._shelves.pop(key, None)
            for at in [at for at in self._readers if at[0] == key]:
                del self._readers[at]
        if shelf is not None:
            shelf.forget()

    def only(self, key: int | None) -> None:
        """Close what was left open to read on, but for one handle."""
        with self._lock:
            for at in [at for at in self._readers if at[0] != key]:
                del self._readers[at]

    def evict(self, nbytes: int) -> None:
        """Give back so many bytes of caches, if they hold as many."""
        with self._lock:
            shelves = list(self._shelves.values())
        for shelf in shelves:
            nbytes -= shelf.give_back(nbytes)


def blocks_of(
    data: Sharded, want: Wanted, span: range, place: Place, attempt: Attempt, keep: bool = True
) -> Iterator[tuple[int, Block]]:
    """The blocks of a span with rows that are asked for, in order, rewritten; `keep`: cached where there is room."""
    shelf, numbers = place.shelf(data), want.numbers
    held = {number: shelf.held(number) for number in numbers}
    raw = _raw(data, want.rows, [n for n in numbers if held[n] is None], span, place, attempt)
    for number in numbers:
        if attempt.stop():
            raise Stopped
        cached = held.pop(number)
        if cached is not None:
            yield number, shelf.refreshed(number, cached, data)
            continue
        _, before = next(raw)
        block = rewritten(before, data.through)
        if keep:
            shelf.put(number, before, block, data)
        yield number, block


def visited(
    data: Sharded, query: Query[Any], span: range, place: Place, attempt: Attempt
) -> Iterator[tuple[int, Block]]:
    """Blocks as a statistic sees them, in order."""
    shelf, want = place.shelf(data), wanted(query.rows, data.grid, span)
    for number, block in blocks_of(data, want, span, place, attempt):
        whole = carried(block, number, query.carry, shelf, attempt.emit)
        yield number, selected(whole, want.ids[number])


def _raw(
    data: Sharded, rows: Rows, numbers: list[int], span: range, place: Place, attempt: Attempt
) -> Iterator[tuple[int, Block]]:
    lane = attempt.lane
    if lane is None:
        if numbers:
            yield from data.blocks.read(numbers, emit=attempt.emit)
        return
    reader = place.reader(data, lane)
    if not numbers:
        reader.leave(attempt.who)
        return

    def rest(first: int) -> list[int]:
        shelf, beyond = place.shelf(data), wanted(rows, data.grid, range(span.stop, lane.stop)).numbers
        return [n for n in numbers if n >= first] + [n for n in beyond if shelf.held(n) is None]

    began = perf_counter()
    with reader.turn(attempt.who, attempt.stop):
        attempt.emit(Timed("waiting", perf_counter() - began))
        if lane.hold:
            for number in numbers:
                yield from reader.take(attempt, data, [number], rest)
            return
        batch = reader.take(attempt, data, numbers, rest)
    yield from reversed_away(batch)


def reversed_away(batch: list[tuple[int, Block]]) -> Iterator[tuple[int, Block]]:
    """Each of the batch, which does not hold on to what it has given."""
    batch.reverse()
    while batch:
        yield batch.pop()
