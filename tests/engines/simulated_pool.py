"""A pool that answers in a random order, late, and sometimes twice."""

from __future__ import annotations

import random
from collections.abc import Sequence
from threading import Condition, Thread
from typing import Any

from shardlearn.engines.pool import Inbox
from shardlearn.engines.reading import Attempt, Place
from shardlearn.engines.rounds import Began, Done, Ticket
from shardlearn.engines.scatter import Left, parted
from shardlearn.engines.work import Task


class SimulatedPool:
    """One thread that takes any of the tasks that wait, and hands any of the answers over."""

    epoch = 0

    def __init__(self, workers: int, seed: int) -> None:
        self.workers, self._draw = workers, random.Random(seed)
        self._place, self._changed = Place(), Condition()
        self._todo: list[tuple[Ticket, Task, Inbox]] = []
        self.repeated = 0
        self._busy = False

    def start(self, ticket: Ticket, task: Task, inbox: Inbox, /) -> None:
        with self._changed:
            self._todo.append((ticket, task, inbox))
            if not self._busy:
                self._busy = True
                Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        held: list[tuple[Inbox, Done]] = []
        while True:
            with self._changed:
                if not (self._todo or held):
                    self._busy = False
                    return
                job: Any = None
                if self._todo and (not held or self._draw.random() < 0.6):
                    job = self._todo.pop(self._draw.randrange(len(self._todo)))
            if job is not None:
                ticket, task, inbox = job
                inbox.stimuli.put(Began(ticket))
                attempt = Attempt(ticket, None, inbox.events.append, lambda: False)
                answer: Any = task.do(self._place, attempt)
                if task.portions:
                    there, kept = parted(task.asked, answer, task.portions)  # type: ignore[arg-type]  # a task with portions has a query
                    answer = Left(there, tuple(kept))
                held.append((inbox, Done(ticket, answer)))
            else:
                inbox, done = held.pop(self._draw.randrange(len(held)))
                inbox.stimuli.put(done)
                if self._draw.random() < 0.3:
                    self.repeated += 1
                    inbox.stimuli.put(done)

    def cancel(self, ticket: Ticket, /) -> None:
        raise AssertionError("nothing fails here")

    def settle(self, tickets: Sequence[Ticket], timeout: float, /) -> None:
        raise AssertionError("nothing fails here")

    def hand_over(self, old: int, new: int, /) -> None:
        self._place.hand_over(old, new)

    def forget(self, key: int, /) -> None:
        self._place.forget(key)
