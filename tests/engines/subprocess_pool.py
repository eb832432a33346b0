"""For tests only: a pool of child processes. Tasks and answers travel as bytes; a child may be killed at any time.

`python -m tests.engines.subprocess_pool` is the child.
"""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Condition, Thread
from time import monotonic
from typing import IO, Any

from shardlearn.core.events import Event
from shardlearn.engines.plan import Here, Plans
from shardlearn.engines.pool import Inbox, PoolEngine
from shardlearn.engines.reading import Attempt, Place
from shardlearn.engines.room import Room
from shardlearn.engines.rounds import Began, Done, Failed, Lost, Policy, Ticket
from shardlearn.engines.scatter import Left, MergeTask, parted
from shardlearn.engines.work import Task, worth_another_try

ROOT = Path(__file__).parents[2]


def send(pipe: IO[bytes], message: object) -> None:
    data = pickle.dumps(message)
    pipe.write(struct.pack("<q", len(data)) + data)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Any:
    head = pipe.read(8)
    if len(head) < 8:
        raise EOFError
    (length,) = struct.unpack("<q", head)
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return pickle.loads(data)


def child() -> None:
    """Do one task after the other until the pipe closes."""
    inbox, out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a task prints must not get among the answers
    place = Place()
    send(out, "ready")
    while True:
        try:
            message = receive(inbox)
        except EOFError:
            return
        match message:
            case ("forget", key):
                place.forget(key)
            case ("hand over", old, new):
                place.hand_over(old, new)
            case (Ticket() as ticket, task):
                events: list[Event] = []
                kept: list[bytes] = []
                try:
                    answer = task.do(place, Attempt(ticket, task.lane, events.append, lambda: False, fetched))
                    if task.portions:
                        answer, kept = parted(task.asked, answer, task.portions)
                    end: Done | Failed = Done(ticket, answer)
                except BaseException as error:
                    end = Failed(ticket, error, worth_another_try(error))
                send(out, (events, end, kept))


def fetched(held: bytes | None) -> bytes:
    """What a worker keeps comes with the task, if it is still there."""
    if held is None:
        raise ConnectionError("it went with its worker")
    return held


@dataclass(eq=False)
class Child:
    process: subprocess.Popen[bytes]
    ready: bool = False
    dead: bool = False
    job: tuple[Ticket, Task, Inbox] | None = None

    def say(self, message: object) -> None:
        with suppress(BrokenPipeError, ValueError):  # it just died
            assert self.process.stdin is not None
            send(self.process.stdin, message)


class SubprocessPool:
    """Children that are replaced when they die. `kill_on` names attempts whose child is shot at once."""

    epoch = 0

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._changed = Condition()
        self._queue: deque[tuple[Ticket, Task, Inbox]] = deque()
        self._closed = False
        self.killed = 0
        self.kill_on: set[tuple[int, int, int]] = set()  # round, first of the piece, attempt
        self.kept: dict[int, tuple[Child, bytes]] = {}  # parts of answers, which go with the child that made them
        self.after_kept: Callable[[Ticket, int], None] = lambda ticket, child: None
        self._children = [self._born() for _ in range(workers)]

    @property
    def workers(self) -> int:
        return self._workers

    def start(self, ticket: Ticket, task: Task, inbox: Inbox, /) -> None:
        with self._changed:
            self._queue.append((ticket, task, inbox))
            self._deal()

    def cancel(self, ticket: Ticket, /) -> None:
        with self._changed:
            self._queue = deque(job for job in self._queue if job[0] != ticket)
            for one in self._children:
                if one.job is not None and one.job[0] == ticket:
                    one.process.kill()

    def settle(self, tickets: Sequence[Ticket], timeout: float, /) -> None:
        until = monotonic() + timeout
        with self._changed:
            while any(c.job is not None and c.job[0] in tickets for c in self._children) and monotonic() < until:
                self._changed.wait(until - monotonic())

    def hand_over(self, old: int, new: int, /) -> None:
        self._all(("hand over", old, new))

    def forget(self, key: int, /) -> None:
        self._all(("forget", key))

    def kill(self, which: int) -> None:
        """SIGKILL, whatever that child is doing."""
        with self._changed:
            self._children[which % self.workers].process.kill()
            self._children[which % self.workers].dead = True
            self.killed += 1

    def close(self) -> None:
        with self._changed:
            self._closed = True
            for one in self._children:
                one.process.kill()
        for one in self._children:
            one.process.wait()

    def __enter__(self) -> SubprocessPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _kept(self, number: int) -> bytes | None:
        child, data = self.kept[number]
        return None if child.dead else data

    def _all(self, message: object) -> None:
        with self._changed:
            for one in self._children:
                one.say(message)

    def _born(self) -> Child:
        command = [sys.executable, "-m", "tests.engines.subprocess_pool"]
        pipe = subprocess.PIPE
        one = Child(subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT))
        Thread(target=self._listen, args=(one,), daemon=True).start()
        return one

    def _deal(self) -> None:
        for one in self._children:
            if one.ready and one.job is None and self._queue:
                one.job = self._queue.popleft()
                ticket, task, _ = one.job
                if isinstance(task, MergeTask):
                    task = replace(task, held=tuple(self._kept(number) for number in task.held))
                if (ticket.round, ticket.range[0], ticket.attempt) in self.kill_on:  # before it can answer
                    one.process.kill()
                    one.dead = True
                    self.killed += 1
                one.say((ticket, task))
                one.job[2].stimuli.put(Began(ticket))

    def _listen(self, one: Child) -> None:
        assert one.process.stdout is not None
        try:
            while True:
                message = receive(one.process.stdout)
                with self._changed:
                    if message == "ready":
                        one.ready = True
                    else:
                        assert one.job is not None
                        events, end, kept = message
                        if kept and isinstance(end, Done):
                            first = len(self.kept)
                            self.kept |= {first + i: (one, data) for i, data in enumerate(kept)}
                            end = Done(end.ticket, Left(end.answer, tuple(range(first, len(self.kept)))))
                            self.after_kept(end.ticket, self._children.index(one))
                        one.job[2].events.extend(events)
                        one.job[2].stimuli.put(end)
                        one.job = None
                    self._changed.notify_all()
                    self._deal()
        except (EOFError, pickle.UnpicklingError):
            self._bury(one)

    def _bury(self, one: Child) -> None:
        one.process.wait()
        one.dead = True
        for pipe in (one.process.stdin, one.process.stdout):
            with suppress(BrokenPipeError):
                assert pipe is not None
                pipe.close()
        with self._changed:
            if self._closed:
                return
            self._children[self._children.index(one)] = self._born()
            if one.job is not None:
                ticket, _, inbox = one.job
                inbox.stimuli.put(Lost((ticket,), f"the worker died (exit code {one.process.returncode})"))
            self._changed.notify_all()


def subprocess_engine(pool: SubprocessPool, plans: Plans | None = None, **policy: Any) -> PoolEngine:
    """An engine over child processes."""
    return PoolEngine("subprocess", pool, Room(), Policy(**policy), plans or Here())


if __name__ == "__main__":
    child()
