"""Work that strikes the worker that does it, once, at a chosen phase: it dies (SIGKILL), or waits for a word.

Who it was is left behind in a file, the mark. What strikes is in this module, as workers import it then: one that takes
seconds to import would be time that the round counts.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from shardlearn.core.block import Block
from shardlearn.engines.pool import Inbox, Pool
from shardlearn.engines.reading import Attempt, Place
from shardlearn.engines.rounds import Ticket

PHASES = ("before read", "in compute", "in merge", "before reply")
WAITS = 200.0  # seconds at most for the word to go on


def die(mark: str, phase: str) -> None:
    """Once: who finds the mark lives on."""
    if marked(mark, phase):
        os.kill(os.getpid(), signal.SIGKILL)


def wait(mark: str, phase: str) -> None:
    """Until somebody says go, in every attempt; the first one is marked."""
    marked(mark, phase)
    until = monotonic() + WAITS
    while not os.path.exists(mark + ".go") and monotonic() < until:
        sleep(0.01)


def stand(mark: str, phase: str) -> None:
    """Once: stop, until somebody sends SIGCONT."""
    if marked(mark, phase):
        os.kill(os.getpid(), signal.SIGSTOP)


def go(mark: str) -> None:
    """What whoever waits there waits for."""
    Path(mark + ".go").touch()


def marked(mark: str, phase: str) -> bool:
    """Whether the first to come here has come here; in the mark is who that was, and in which phase."""
    with suppress(FileExistsError):
        part = f"{mark}.{os.getpid()}"
        Path(part).write_text(f"{os.getpid()} {phase}")
        try:
            os.link(part, mark)  # all at once, and once only
        finally:
            os.unlink(part)
        return True
    return False


def who(mark: str) -> tuple[str, int]:
    """The phase and the process that a mark tells of."""
    pid, _, phase = Path(mark).read_text().partition(" ")
    return phase, int(pid)


@dataclass(frozen=True)
class Blow:
    """What strikes a worker, and when."""

    phase: str
    mark: str
    what: Callable[[str, str], None] = die

    def __call__(self, phase: str) -> None:
        """It is this phase's turn."""
        if phase == self.phase:
            self.what(self.mark, phase)

    def last(self) -> None:
        """Before the reply, the blow comes in any case: a piece may be without blocks, or without merges."""
        self.what(self.mark, "before reply")


class Deadly:
    """A statistic like the inner one, in which to be struck."""

    def __init__(self, inner: Any, blow: Blow):
        self.inner, self.blow = inner, blow

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    def of(self, block: Block, /) -> Any:
        answer = self.inner.of(block)
        self.blow("in compute")
        return answer

    def merge(self, left: Any, right: Any, /) -> Any:
        self.blow("in merge")
        return self.inner.merge(left, right)


def deadly(query: Any, blow: Blow) -> Any:
    return replace(query, measure=Deadly(query.measure, blow))


@dataclass(frozen=True)
class DoomedTask:
    """Another task, done to the phase in which the worker is struck."""

    inner: Any
    blow: Blow
    piece: tuple[int, int] = (0, 0)
    held: tuple[Any, ...] = ()
    lane: None = None

    @property
    def data(self) -> Any:
        return self.inner.data

    @property
    def portions(self) -> tuple[tuple[int, int], ...]:
        return self.inner.portions  # type: ignore[no-any-return]

    @property
    def query(self) -> Any:
        return self.inner.query

    @property
    def asked(self) -> object:
        return self

    def bare(self) -> DoomedTask:
        return replace(self, inner=self.inner.bare(), piece=(0, 0), held=())

    @property
    def blocks(self) -> range:
        return self.inner.blocks  # type: ignore[no-any-return]

    def do(self, place: Place, attempt: Attempt, /) -> object:
        task = replace(self.inner, piece=self.piece, **({"held": self.held} if self.held else {}))
        self.blow("before read")
        if hasattr(task, "query"):
            task = replace(task, query=deadly(task.query, self.blow))
        elif hasattr(task, "what"):
            task = replace(task, what=replace(task.what, query=deadly(task.what.query, self.blow)))
        answer = task.do(place, attempt)
        self.blow.last()
        return answer


@dataclass
class DoomedPool:
    """A pool whose workers are struck at pieces that `doom` chooses."""

    pool: Pool
    doom: Callable[[Ticket], Blow | None]

    @property
    def workers(self) -> int:
        return self.pool.workers

    @property
    def epoch(self) -> int:
        return self.pool.epoch

    def start(self, ticket: Ticket, task: Any, inbox: Inbox, /) -> None:
        blow = self.doom(ticket)
        if blow is not None:
            task = DoomedTask(task, blow, ticket.range, task.held)
        self.pool.start(ticket, task, inbox)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pool, name)
