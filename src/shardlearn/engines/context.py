"""Which engine a fit uses: what was asked for, by whom, and the one engine of this process that answers to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache
from threading import Lock
from time import monotonic

from shardlearn import config
from shardlearn.core.engine import Engine
from shardlearn.core.errors import ParameterError

from .machine import cpus, free_memory
from .pool import PoolEngine
from .room import Room
from .serial import SerialEngine
from .threads import ThreadPool

KINDS = ("threads", "serial")


@dataclass(frozen=True, slots=True)
class Wish:
    """What one place asks for; None: nothing. Each with who asked, in words."""

    kind: str | None = None
    workers: int | None = None
    memory: int | None = None
    kind_from: str = ""
    workers_from: str = ""
    memory_from: str = ""

    def over(self, other: Wish) -> Wish:
        """This wish, and the other's where this one has none."""
        out = other
        if self.kind is not None:
            # Workers that came with another engine's name don't count for this one.
            out = replace(out, kind=self.kind, kind_from=self.kind_from)
            if self.kind != other.kind:
                out = replace(out, workers=None, workers_from="")
        if self.workers is not None:
            out = replace(out, workers=self.workers, workers_from=self.workers_from)
        if self.memory is not None:
            out = replace(out, memory=self.memory, memory_from=self.memory_from)
        return out


_NOTHING = Wish()
_HERE: ContextVar[Wish] = ContextVar("shardlearn_engine", default=_NOTHING)
_engines: dict[tuple[str, int, int | None], PoolEngine | SerialEngine] = {}
_lock = Lock()
_process = Wish()


@contextmanager
def engine(kind: str | None = None, *, workers: int | None = None, memory: int | str | None = None) -> Iterator[Engine]:
    """Use this engine for all fits, predictions and scores inside the `with` block.

    Parameters
    ----------
    kind : {"threads", "serial"}, default=None
        Who computes; "threads:4" is short for `workers=4`. None leaves it as it is outside.
    workers : int, default=None
        Number of threads. The model does not depend on it.
    memory : int or str, default=None
        Bytes that a fit may add, as a number or as "200MB", "1GB", "1GiB". The model does not depend on it.

    Yields
    ------
    Engine
        The engine, with `name`, `workers` and `memory`.
    """
    wish = asked(kind, workers, memory, "with shardlearn.engine(...)").over(_HERE.get())
    token = _HERE.set(wish)
    try:
        yield current()
    finally:
        _HERE.reset(token)


def set_engine(kind: str | None = None, *, workers: int | None = None, memory: int | str | None = None) -> None:
    """Use this engine in the whole process, wherever no `with shardlearn.engine(...)` says otherwise.

    Parameters
    ----------
    kind : {"threads", "serial"}, default=None
        Who computes; "threads:4" is short for `workers=4`. None goes back to settings and default.
    workers : int, default=None
        Number of threads; None goes back to settings and default.
    memory : int or str, default=None
        Bytes that a fit may add; None goes back to settings and default.
    """
    global _process
    _process = asked(kind, workers, memory, "shardlearn.set_engine(...)")


def current() -> PoolEngine | SerialEngine:
    """The engine that a fit uses here and now."""
    wish = _HERE.get().over(_process.over(_settings()))
    kind = wish.kind or "threads"
    if kind == "serial":
        workers, workers_from = 1, wish.kind_from
    elif wish.workers is not None:
        workers, workers_from = wish.workers, wish.workers_from
    elif config.inside_joblib_worker():
        workers, workers_from = 1, "one, inside a worker process of joblib or multiprocessing"
    else:
        workers, workers_from = _cpus(int(monotonic()))
    with _lock:
        found = _engines.get((kind, workers, wish.memory))
        if found is None:
            found = _engines[kind, workers, wish.memory] = _made(kind, workers, wish)
        found.workers_from = workers_from
        _limited(found, wish)
    return found


def asked(kind: str | None, workers: int | str | None, memory: int | str | None, origin: str) -> Wish:
    """What somebody asks for, checked."""
    if kind is not None:
        kind, colon, number = kind.partition(":")
        if kind not in KINDS:
            raise _no_such(kind, origin)
        if colon and workers is None:
            workers = number
    return Wish(
        kind,
        None if workers is None else config.count(workers, "workers", origin),
        None if memory is None else config.nbytes(memory, "memory", origin),
        *(origin,) * 3,
    )


def _settings() -> Wish:
    wish = Wish()
    for name in ("workers", "engine", "memory"):
        found = config.setting(name)
        if found.value is not None:
            arguments = {"engine": None, "workers": None, "memory": None} | {name: found.value}
            wish = asked(arguments["engine"], arguments["workers"], arguments["memory"], found.origin).over(wish)
    return wish


def _made(kind: str, workers: int, wish: Wish) -> PoolEngine | SerialEngine:
    room = Room(wish.memory)
    if kind == "serial":
        return SerialEngine(room)
    return PoolEngine(kind, ThreadPool(workers, room), room)


def _limited(found: PoolEngine | SerialEngine, wish: Wish) -> None:
    """With no limit asked for, a fit may add half of what is free when nothing is in use."""
    if wish.memory is not None:
        found.memory_from = wish.memory_from
    elif found.room.idle or found.room.limit is None:
        free, who = _free(int(monotonic()))
        found.room.limit = max(free // 2, 1)
        found.memory_from = f"half of the {free / 1e9:.1f} GB that {who} has free"


@lru_cache(maxsize=1)  # looking takes a millisecond, and fits of small data come by the thousand
def _free(_second: int) -> tuple[int, str]:
    return free_memory()


@lru_cache(maxsize=1)
def _cpus(_second: int) -> tuple[int, str]:
    return cpus()


def _no_such(kind: str, origin: str) -> ParameterError:
    ray = kind == "ray"
    return ParameterError(
        "The engine 'ray' is not there yet." if ray else f"There is no engine {kind!r}.",
        code="SL1004",
        where=origin,
        needed="one of " + ", ".join(repr(name) for name in KINDS),
        fix='engine("threads") computes the same model, bit for bit, on one machine' if ray else "",
    )
