"""Work that kills the worker that does it, once, at a chosen phase: SIGKILL, with who it was left behind in a file."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from shardlearn.core.block import Block
from shardlearn.engines.pool import Inbox, Pool
from shardlearn.engines.reading import Attempt, Place
from shardlearn.engines.rounds import Ticket

PHASES = ("before read", "in compute", "in merge", "before reply")


def die(mark: str) -> None:
    """Once: who finds the mark lives on."""
    with suppress(FileExistsError):
        file = os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        os.write(file, str(os.getpid()).encode())
        os.close(file)
        os.kill(os.getpid(), signal.SIGKILL)


class Deadly:
    """A statistic like the inner one, in which to die."""

    def __init__(self, inner: Any, phase: str, mark: str):
        self.inner, self.phase, self.mark = inner, phase, mark

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    def of(self, block: Block, /) -> Any:
        answer = self.inner.of(block)
        if self.phase == "in compute":
            die(self.mark)
        return answer

    def merge(self, left: Any, right: Any, /) -> Any:
        if self.phase == "in merge":
            die(self.mark)
        return self.inner.merge(left, right)


@dataclass(frozen=True)
class DoomedTask:
    """Another task, done to the phase in which the worker dies."""

    inner: Any
    phase: str
    mark: str
    piece: tuple[int, int] = (0, 0)
    lane: None = None

    @property
    def data(self) -> Any:
        return self.inner.data

    @property
    def asked(self) -> object:
        return self

    @property
    def blocks(self) -> range:
        return self.inner.blocks  # type: ignore[no-any-return]

    def do(self, place: Place, attempt: Attempt, /) -> object:
        task = replace(self.inner, piece=self.piece)
        if self.phase == "before read":
            die(self.mark)
        if hasattr(task, "query"):
            task = replace(task, query=replace(task.query, measure=Deadly(task.query.measure, self.phase, self.mark)))
        answer = task.do(place, attempt)
        die(self.mark)  # before the reply; where no block is measured and none merged, in the other phases too
        return answer


@dataclass
class DoomedPool:
    """A pool whose workers die at chosen pieces, counted from the first round on: number -> (phase, mark)."""

    pool: Pool
    schedule: Mapping[int, tuple[str, Path]]
    _pieces: Iterator[int] = field(default_factory=count)

    @property
    def workers(self) -> int:
        return self.pool.workers

    @property
    def epoch(self) -> int:
        return self.pool.epoch

    def start(self, ticket: Ticket, task: Any, inbox: Inbox, /) -> None:
        doom = self.schedule.get(next(self._pieces)) if ticket.attempt == 1 else None
        if doom is not None:
            task = DoomedTask(task, doom[0], str(doom[1]), ticket.range)
        self.pool.start(ticket, task, inbox)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pool, name)
