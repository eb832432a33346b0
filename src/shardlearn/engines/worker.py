"""A worker in a process of its own: the engine of threads, asked for one piece after another."""

from __future__ import annotations

import os
import pickle
import platform
import socket
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from threading import Event as Flag
from typing import Any

from shardlearn import __version__
from shardlearn.core.engine import Sharded
from shardlearn.core.events import Event, PassPlanned, PieceFinished, Timed
from shardlearn.core.fingerprint import NUMERICS

from .machine import free_memory
from .parts import Parted
from .pool import PoolEngine
from .room import Room
from .rounds import Done, Failed, Piece, Policy, Ticket
from .scatter import parted
from .shipping import Unpickler
from .threads import ThreadPool
from .work import FoldTask, RunTask, Task, worth_another_try

ONCE = Policy(attempts=1, deadline=inf)  # who asks tries again, here or elsewhere


@dataclass(frozen=True, slots=True)
class Hello:
    """Who a worker is, and what it runs."""

    pid: int
    host: str
    node: str
    free: int  # bytes
    versions: Mapping[str, str]


def versions() -> Mapping[str, str]:
    """What has to be the same on all workers for the same bits, and for messages to be understood."""
    return {"shardlearn": __version__, "numerics": str(NUMERICS), "Python": platform.python_version()}


@dataclass(slots=True)
class Log:
    """Events of one piece: times added up by phase, and nothing that the driver says itself."""

    events: list[Event] = field(default_factory=list)
    phases: dict[str, tuple[float, int]] = field(default_factory=dict)

    def __call__(self, event: Event, /) -> None:
        match event:
            case Timed(phase, seconds, nbytes):
                before = self.phases.get(phase, (0.0, 0))
                self.phases[phase] = before[0] + seconds, before[1] + nbytes
            case PieceFinished() | PassPlanned():
                pass
            case _:
                self.events.append(event)

    def told(self) -> list[Event]:
        return [*self.events, *(Timed(phase, *both) for phase, both in self.phases.items())]


class Worker:
    """Knows nothing that can't be had again.

    `fetch` gets what a name in a task stands for; `expect` says which of them will be fetched next.
    """

    def __init__(
        self,
        threads: int,
        node: str,
        fetch: Callable[[Any], Any],
        expect: Callable[[Sequence[Any]], None] = lambda names: None,
    ):
        self.node, self.fetch, self.expect = node, fetch, expect
        room = Room()
        self.pool = ThreadPool(threads, room)
        self.engine = PoolEngine("worker", self.pool, room, ONCE, grace=0.5)
        self.data: dict[str, Any] = {}  # opened sources, by name
        self.arrays: dict[str, Any] = {}  # that the last task named
        self.stopped: set[Ticket] = set()

    def stay(self) -> None:
        """Never returns: a call that fails is how one learns of a death between two pieces."""
        Flag().wait()

    def hello(self) -> Hello:
        return Hello(os.getpid(), socket.gethostname(), self.node, free_memory()[0], versions())

    def do(
        self, ticket: Ticket, body: bytes, refs: Mapping[str, Any], limit: int | None, held: tuple[Any, ...] = ()
    ) -> bytes:
        """The piece's answer or error, and what happened meanwhile, as bytes: so the driver's arrays are its own.

        `held`: by what it gets the parts of answers that it is to merge.
        """
        if held:
            self.expect(held)
        return self._said(ticket, limit, lambda: self._task(body, refs, ticket.range, held))[0]

    def leave(
        self, ticket: Ticket, body: bytes, refs: Mapping[str, Any], limit: int | None, portions: tuple[Piece, ...]
    ) -> tuple[bytes, ...]:
        """The same, but of the answer only whether there is one; then the answer itself, by portions."""
        said, kept = self._said(ticket, limit, lambda: self._task(body, refs, ticket.range), portions)
        return said, *kept

    def _said(
        self, ticket: Ticket, limit: int | None, task: Callable[[], Task], portions: tuple[Piece, ...] = ()
    ) -> tuple[bytes, list[bytes]]:
        self.engine.room.limit = limit
        log, kept = Log(), [b""] * len(portions)
        try:
            mine = task()
            self.pool.place.only(mine.data.key if isinstance(mine, FoldTask | RunTask) and mine.ends else None)
            answer = self.engine.answer(mine, log, lambda: ticket in self.stopped, self.fetch)
            if portions:
                of: Any = mine
                answer, kept = parted(of.query, answer, portions)
            return pickle.dumps((log.told(), Done(ticket, answer)), 5), kept
        except BaseException as error:
            return pickle.dumps((log.told(), Failed(ticket, sendable(error), worth_another_try(error))), 5), kept
        finally:
            self.stopped.clear()  # what comes too late is not for the next one

    def stop(self, ticket: Ticket) -> None:
        """End this attempt soon."""
        self.stopped.add(ticket)

    def hand_over(self, old: int, new: int) -> None:
        self.pool.hand_over(old, new)
        if f"blocks {old}" in self.data:
            self.data[f"blocks {new}"] = self.data[f"blocks {old}"]
        self.forget(old)

    def forget(self, key: int) -> None:
        blocks = self.data.pop(f"blocks {key}", None)
        self.engine.close(Sharded(key, blocks))
        self.arrays = {}

    def _task(self, body: bytes, refs: Mapping[str, Any], piece: Piece, held: tuple[Any, ...] = ()) -> Task:
        def named(name: str) -> Any:
            held = self.data if name.startswith("blocks ") else self.arrays
            if name not in held:
                held[name] = self.fetch(refs[name])
            return held[name]

        template: Any = Unpickler(body, named).load()
        blocks = template.data.blocks
        if isinstance(blocks, Parted):
            for name in (name for name in refs if name.startswith("part ")):
                blocks.offered[int(name.split()[-1])] = partial(self.fetch, refs[name])
        self.arrays = {name: array for name, array in self.arrays.items() if name in refs}
        task: Task = replace(template, piece=piece, held=held) if held else replace(template, piece=piece)
        return task


def sendable(error: BaseException) -> BaseException:
    """The error as it was raised, with where it was raised as a note, or its words if it can't be sent."""
    where = "".join(traceback.format_exception(error))
    error.__traceback__ = error.__cause__ = error.__context__ = None
    error.add_note(f"On a worker:\n{where}")
    try:
        pickle.loads(pickle.dumps(error, 5))  # noqa: S301 - what was written here
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
