"""The Ray cluster that this process is connected to, the workers that it has there, and engines over them."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import RLock

from shardlearn.config import Workers
from shardlearn.core.errors import EngineError

from .machine import cpus
from .pool import PoolEngine
from .ray import Crew, Patience
from .ray_apart import enter
from .ray_cluster import connected, ray_package
from .ray_pool import RayPool
from .ray_pulse import Pulse, vitals
from .room import Room
from .rounds import Policy
from .spread import Spread

PATIENCE = Patience()
PATIENT = Policy(backup_after=3.0)  # a range that takes three times as long as others is begun by a second worker too


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants of a cluster. `workers` None: one for every `threads` CPUs that are free, for good."""

    address: str = "auto"
    workers: Workers | None = None
    threads: int = 1  # of each worker
    insecure: bool = False
    isolate: bool = False  # in a network namespace of its own

    @property
    def way(self) -> str:
        return f"{self.address}{', isolate=True' if self.isolate else ''}, threads_per_worker={self.threads}"

    @property
    def least(self) -> int | None:
        return self.workers[0] if isinstance(self.workers, tuple) else self.workers

    @property
    def most(self) -> int | None:
        return self.workers[1] if isinstance(self.workers, tuple) else self.workers


@dataclass(slots=True)
class Session:
    """A connection, and what is on it."""

    asked: Wanted  # by who opened it
    at: str
    crew: Crew
    closing: ExitStack
    to_tell: list[str]  # one list for all engines: told once
    pid: int = field(default_factory=os.getpid)
    engines: dict[tuple[Workers, int | None], PoolEngine] = field(default_factory=dict)  # by workers and memory


class Sessions:
    """At most one, as Ray allows a process one connection. Closed when the last of those that hold it has left."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.now: Session | None = None
        self.holders = 0
        self.kept = False  # by the process's settings: to its end, or until they change
        atexit.register(self.close)

    def engine(self, wanted: Wanted, memory: int | None) -> PoolEngine:
        """The engine that answers to this; connects, and waits for workers, where that has to be."""
        with self.lock:
            session = self.now or self._opened(wanted)
            try:
                return _engine(session, wanted, memory)
            except BaseException:
                if not session.engines:
                    self.close()
                raise

    def keep(self) -> None:
        self.kept = True

    def release(self) -> None:
        """The process's settings ask for another engine."""
        with self.lock:
            self.kept = False
            if not self.holders:
                self.close()

    @contextmanager
    def held(self) -> Iterator[None]:
        """What is opened in here stays open in here."""
        with self.lock:
            self.holders += 1
        try:
            yield
        finally:
            with self.lock:
                self.holders -= 1
                if not self.holders and not self.kept:
                    self.close()

    def close(self) -> None:
        with self.lock:
            session, self.now = self.now, None
            if session is not None and session.pid == os.getpid():  # a forked child leaves its parent's alone
                session.closing.close()

    def _opened(self, wanted: Wanted) -> Session:
        with ExitStack() as closing:
            least = (wanted.most or 1) * wanted.threads
            way = connected(wanted.address, max(cpus()[0], least), wanted.insecure, wanted.isolate)
            at, said = closing.enter_context(way)
            ray = ray_package()
            crew = Crew(ray, wanted.threads, PATIENCE)
            closing.callback(crew.close)
            pulse = Pulse(
                vitals(ray, wanted.address == "local"),
                lambda error: self._lost(crew, error),
                begin=enter if wanted.isolate else None,
            )
            closing.callback(pulse.stop)
            self.now = Session(wanted, at, crew, closing.pop_all(), [said] if said else [])
        return self.now

    def _lost(self, crew: Crew, error: EngineError) -> None:
        """The cluster is gone: tell who waits for it, and leave it before Ray ends the program for it."""
        crew.give_up(error)
        while self._is(crew):  # else somebody closes it, and waits for this thread
            if self.lock.acquire(timeout=0.1):
                try:
                    if self._is(crew):
                        self.close()
                finally:
                    self.lock.release()

    def _is(self, crew: Crew) -> bool:
        return self.now is not None and self.now.crew is crew


SESSIONS = Sessions()


def _engine(session: Session, wanted: Wanted, memory: int | None) -> PoolEngine:
    crew = session.crew
    asked = session.asked
    same = wanted.address in (asked.address, session.at) and wanted.isolate == asked.isolate
    if not same or wanted.threads != crew.threads:
        raise EngineError(
            "This process uses Ray in another way already, and can use one cluster and one kind of workers at a time.",
            code="SL4011",
            found=asked.way,
            needed=wanted.way,
            fix='leave the `with shardlearn.engine("ray", ...)` block first, or shardlearn.set_engine()',
        )
    most = wanted.most or len(crew.slots) or max(int(crew.cpus()[0]) // wanted.threads, 1)
    least = wanted.least or len(crew.there(most)) or most
    key = wanted.workers or most, memory
    crew.ready(most, least=1 if key in session.engines else least)  # who was there once may be on the way again
    if key not in session.engines:
        room = Room(memory)
        pool = RayPool(crew, most, room, wanted.least)
        plans = Spread(wanted.threads, pool.deal)
        session.engines[key] = PoolEngine("ray", pool, room, PATIENT, plans, to_tell=session.to_tell)
    engine = session.engines[key]
    engine.workers_from = f"the free CPUs of the Ray cluster {session.at}"
    if memory is None:
        engine.room.limit, who = crew.share()
        engine.memory_from = f"half of {who}, each worker's share"
    return engine
