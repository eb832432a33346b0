"""One private Ray cluster for all tests that need one: starting it takes seconds."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

from shardlearn.engines.pool import PoolEngine
from shardlearn.engines.ray import Crew
from shardlearn.engines.ray_pool import RayPool
from shardlearn.engines.ray_session import SESSIONS, Wanted
from shardlearn.engines.room import Room
from shardlearn.engines.rounds import Policy
from shardlearn.engines.spread import Spread

WORKERS = 3


def crew(least: int = WORKERS) -> Crew:
    """The workers, of whom so many at least are there; while the session is held."""
    SESSIONS.engine(Wanted("local", WORKERS), None)
    assert SESSIONS.now is not None
    SESSIONS.now.crew.ready(WORKERS, least)
    return SESSIONS.now.crew


def ray_engine(workers: int = 2, memory: int | None = None, least: int = WORKERS, **policy: Any) -> PoolEngine:
    """An engine over some of them."""
    room = Room(memory)
    pool = RayPool(crew(least), workers, room)
    return PoolEngine("ray", pool, room, Policy(**policy), Spread(1, pool.deal), poll=0.01)


@contextmanager
def lent(count: int) -> Iterator[None]:
    """So many CPUs of the cluster are free in here: workers of ours have gone."""
    mine = crew()
    with mine._lock:
        slots = [mine.slots.pop() for _ in range(count)]
        actors = [slot.actor for slot in slots]
        for slot in slots:
            slot.actor = None  # what is heard of it is no news
    for actor in actors:
        mine.ray.kill(actor)
    try:
        yield
    finally:
        crew()


def pid(number: int) -> int:
    """Of a worker of ours that is there."""
    hello = crew().slots[number].hello
    assert hello is not None
    return hello.pid


def kill(number: int) -> None:
    """SIGKILL to a worker of ours, whatever it is doing; returns when that is known, and another is in its place."""
    before = pid(number)
    os.kill(before, signal.SIGKILL)
    until_replaced(number, before)


def until_replaced(number: int, before: int) -> None:
    """Wait for another process in a worker's place."""
    until = monotonic() + 30
    while not (slot := crew().slots[number]).hello or slot.hello.pid == before:
        assert monotonic() < until
        sleep(0.01)
