"""The pool of the engine on Ray: workers of a crew, and which share of the blocks each of them has."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from shardlearn.core.errors import EngineError, InputError
from shardlearn.core.events import ignore

from .pool import Inbox
from .ray import Crew
from .ray_job import Job
from .room import Room
from .rounds import Done, Failed, Ticket
from .scatter import MergeTask
from .shares import Clocked, Deal, Shares, equal_deal
from .work import FoldTask, RunTask, Task


@dataclass(slots=True)
class RayPool:
    """The first so many workers of a crew: at most, where fewer are enough."""

    crew: Crew
    most: int
    room: Room  # its limit is that of each worker too
    least: int | None = None  # None: as many as at most
    epoch: int = 0
    shares: Shares = field(init=False)
    _clocked: deque[Clocked] = field(default_factory=deque)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.shares = Shares(equal_deal((self._there() or [0]) if self.elastic else range(self.most)))

    @property
    def elastic(self) -> bool:
        """Whether workers may join and leave."""
        return self.least is not None and self.least < self.most

    @property
    def workers(self) -> int:
        return max(len(self._there()), 1) if self.elastic else self.most

    def _there(self) -> list[int]:
        return self.crew.there(self.most)

    def deal(self) -> Deal:
        """Who is to have which share now, after what has been clocked."""
        with self._lock:
            news = [self._clocked.popleft() for _ in range(len(self._clocked))]
            return self.shares.after(self._there(), news)

    def start(self, ticket: Ticket, task: Task, inbox: Inbox, /) -> None:
        if self.crew.pid != os.getpid():
            raise EngineError(
                "A forked process can't use the Ray connection of the one that it was forked from.",
                code="SL4017",
                fix='processes that are spawned, as joblib\'s "loky" does it',
            )

        def clocked(worker: int, seconds: float, read: bool) -> None:
            if not task.held:  # what is merged is not measured in blocks
                self._clocked.append(Clocked(worker, ticket.range, seconds, kind_of(task), read))

        def told(end: Done | Failed) -> Done | Failed:
            """Of a part a worker can't say where in the whole its rows lie: who has it all looks again."""
            if not isinstance(end, Failed) or not isinstance(end.error, InputError) or not parcel.parted:
                return end
            return replace(end, error=_as_of_the_whole(task) or end.error)

        parcel, limit = self.crew.shipper.parcel(task), self.room.limit
        job = Job(ticket, parcel, inbox, limit, self.most, self._home(task), clocked, told, task.portions, task.held)
        self.crew.start(job)

    def _home(self, task: Task) -> int:
        """Who ought to do it, as he has read these blocks before; of what is merged, each has as much."""
        if not isinstance(task, MergeTask):
            return self.shares.now.home(middle(task))
        workers = self.shares.now.workers
        return workers[int(task.place * len(workers))]

    def cancel(self, ticket: Ticket, /) -> None:
        self.crew.cancel(ticket)

    def settle(self, tickets: Sequence[Ticket], timeout: float, /) -> None:
        self.crew.settle(tickets, timeout)

    def hand_over(self, old: int, new: int, /) -> None:
        self.crew.hand_over(old, new)

    def forget(self, key: int, /) -> None:
        self.crew.forget(key)


def _as_of_the_whole(task: Task) -> InputError | None:
    """What is wrong with the rows of this piece, if they are read here."""
    try:
        deque(task.data.blocks.read(task.blocks, emit=ignore), maxlen=0)
    except InputError as error:
        return error
    return None


def middle(task: Task) -> float:
    """Where the task lies among all blocks, from 0 to 1."""
    everything, blocks = task.data.grid.blocks, task.blocks
    return ((blocks.start + blocks.stop) / 2 - everything.start) / max(len(everything), 1)


def kind_of(task: Task) -> type | None:
    """Of question, as a plan's demand has it."""
    return type(task.query.measure) if isinstance(task, FoldTask | RunTask) else None
