"""A pool of threads in this process: native code releases the interpreter's lock, so they compute at once."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context, copy_context
from dataclasses import dataclass
from threading import Condition, Lock, Thread, current_thread
from time import monotonic
from typing import Any
from weakref import WeakSet

from .pool import Inbox
from .reading import Attempt, Place
from .room import Room
from .rounds import Began, Done, Failed, Stimulus, Ticket
from .work import Task, worth_another_try

IDLE = 5.0  # seconds after which a thread without work ends


@dataclass(slots=True, eq=False)
class Job:
    """A task in the hands of this pool, with the context of the thread that asked for it."""

    ticket: Ticket
    task: Task
    inbox: Inbox
    context: Context
    settings: Callable[[], AbstractContextManager[Any]]
    thread: Thread | None = None  # that does it
    stopped: bool = False

    def run(self, place: Place) -> Stimulus:
        try:
            return Done(self.ticket, self.context.run(self._do, place))
        except BaseException as error:
            return Failed(self.ticket, error, worth_another_try(error))

    def _do(self, place: Place) -> object:
        attempt = Attempt(self.ticket, self.task.lane, self.inbox.events.append, lambda: self.stopped)
        with self.settings():
            return self.task.do(place, attempt)


class ThreadPool:
    """Threads start when there is work and end when there is none for a while; none outlives the process."""

    place: Place
    _lock: Lock
    _work: Condition  # a job came
    _ended: Condition  # a job ended
    _queue: deque[Job]
    _running: dict[Ticket, Job]
    _idle: int  # threads that wait for a job
    threads: set[Thread]  # that may take work; not those that hang and were given up

    def __init__(self, workers: int, room: Room):
        self._workers, self.room, self.epoch = workers, room, 0
        self._begin()
        _POOLS.add(self)

    @property
    def workers(self) -> int:
        return self._workers

    @property
    def busy(self) -> bool:
        """Whether a thread is at work."""
        return bool(self._running)

    def start(self, ticket: Ticket, task: Task, inbox: Inbox, /) -> None:
        job = Job(ticket, task, inbox, copy_context(), sklearn_settings())
        with self._lock:
            self._queue.append(job)
            self._call_threads()

    def cancel(self, ticket: Ticket, /) -> None:
        """A thread that hangs can't be stopped: another takes its place, and its late answer is dropped."""
        with self._lock:
            self._queue = deque(job for job in self._queue if job.ticket != ticket)
            job = self._running.get(ticket)
            if job is not None and not job.stopped:
                job.stopped = True
                self._leave(job)
                self.threads -= {job.thread}
                self._call_threads()

    def settle(self, tickets: Sequence[Ticket], timeout: float, /) -> None:
        until = monotonic() + timeout
        with self._lock:
            while any(ticket in self._running for ticket in tickets) and monotonic() < until:
                self._ended.wait(until - monotonic())

    def hand_over(self, old: int, new: int, /) -> None:
        self.place.hand_over(old, new)

    def forget(self, key: int, /) -> None:
        self.place.forget(key)

    def begin_again(self) -> None:
        """In a forked child: the threads and what they held were the parent's."""
        self.epoch += 1
        self.room.reset()
        self._begin()

    def _begin(self) -> None:
        self.place = Place(self.room)
        self.room.evict = self.place.evict
        self._lock = Lock()
        self._work, self._ended = Condition(self._lock), Condition(self._lock)
        self._queue, self._running = deque(), {}
        self._idle, self.threads = 0, set()

    def _leave(self, job: Job) -> None:
        """A job that is over, or given up, keeps nobody from the reader that it shares."""
        if job.task.lane is not None:
            self.place.leave(job.task.data, job.task.lane, job.ticket)

    def _call_threads(self) -> None:
        if self._idle >= len(self._queue):
            self._work.notify()
            return
        if len(self.threads) >= self._workers:  # Ctrl-C may have come before one of them began to live
            self.threads = {thread for thread in self.threads if thread.is_alive()}
        if len(self.threads) < self._workers:
            thread = Thread(target=self._loop, name=f"shardlearn-{len(self.threads) + 1}", daemon=True)
            self.threads.add(thread)
            thread.start()

    def _loop(self) -> None:
        while True:
            job = self._next()
            if job is None:
                return
            stimulus = job.run(self.place)
            self._leave(job)
            with self._lock:
                del self._running[job.ticket]
                self._ended.notify_all()
                if len(self.threads) < self._workers:
                    self.threads.add(current_thread())
                gone = current_thread() not in self.threads  # given up, and another has taken its place
            job.inbox.stimuli.put(stimulus)
            if gone:
                return
            del job, stimulus  # an idle thread holds no answer

    def _next(self) -> Job | None:
        """The next job; None: there was none for a while, and this thread is no longer counted."""
        with self._lock:
            self._idle += 1
            try:
                until = monotonic() + IDLE
                while not self._queue:
                    if monotonic() >= until:
                        self.threads.discard(current_thread())
                        return None
                    self._work.wait(until - monotonic())
                job = self._queue.popleft()
            finally:
                self._idle -= 1
            job.thread = current_thread()
            self._running[job.ticket] = job
            job.inbox.stimuli.put(Began(job.ticket))
            if job.task.lane is not None:  # in line in the order of the queue
                self.place.reader(job.task.data, job.task.lane).enter(job.ticket)
            return job


def sklearn_settings() -> Callable[[], AbstractContextManager[Any]]:
    """scikit-learn's configuration belongs to a thread: how to make it this thread's own in another one."""
    sklearn = sys.modules.get("sklearn")
    if sklearn is None:
        return nullcontext
    settings = sklearn.get_config()
    context: Callable[..., AbstractContextManager[Any]] = sklearn.config_context
    return lambda: context(**settings)


_POOLS: WeakSet[ThreadPool] = WeakSet()


def _after_fork() -> None:
    for pool in _POOLS:
        pool.begin_again()


os.register_at_fork(after_in_child=_after_fork)
