"""Which engine a fit uses: what was asked for, by whom, and the one engine of this process that answers to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from threading import Lock
from time import monotonic
from typing import Any

from shardlearn import config
from shardlearn.config import Workers
from shardlearn.core.engine import Engine
from shardlearn.core.errors import ParameterError

from .machine import cpus, free_memory
from .pool import PoolEngine
from .room import Room
from .serial import SerialEngine
from .threads import ThreadPool

KINDS = ("threads", "serial", "ray")


@dataclass(frozen=True, slots=True)
class Wish:
    """What one place asks for; None: nothing. Each with who asked, in words."""

    kind: str | None = None
    workers: Workers | None = None
    memory: int | None = None
    address: str | None = None  # of a Ray cluster; the next two are of Ray's engine too
    threads: int | None = None  # of each worker
    insecure: bool = False
    isolate: bool = False
    kind_from: str = ""
    workers_from: str = ""
    memory_from: str = ""

    def over(self, other: Wish) -> Wish:
        """This wish, and the other's where this one has none."""
        out = other
        if self.kind is not None:
            # What came with another engine's name doesn't count for this one.
            out = replace(out, kind=self.kind, kind_from=self.kind_from)
            if other.kind not in (None, self.kind):
                out = replace(
                    out, workers=None, workers_from="", address=None, threads=None, insecure=False, isolate=False
                )
        if self.workers is not None:
            out = replace(out, workers=self.workers, workers_from=self.workers_from)
        if self.memory is not None:
            out = replace(out, memory=self.memory, memory_from=self.memory_from)
        return replace(
            out,
            address=self.address or out.address,
            threads=self.threads or out.threads,
            insecure=self.insecure or out.insecure,
            isolate=self.isolate or out.isolate,
        )


_NOTHING = Wish()
_HERE: ContextVar[Wish] = ContextVar("shardlearn_engine", default=_NOTHING)
_engines: dict[tuple[str, int, int | None], PoolEngine | SerialEngine] = {}
_lock = Lock()
_process = Wish()


@contextmanager
def engine(
    kind: str | None = None,
    *,
    workers: Workers | str | None = None,
    memory: int | str | None = None,
    address: str | None = None,
    threads_per_worker: int | None = None,
    allow_insecure: bool = False,
    isolate: bool = False,
) -> Iterator[Engine]:
    """Use this engine for all fits, predictions and scores inside the `with` block.

    Parameters
    ----------
    kind : {"threads", "serial", "ray"}, default=None
        Who computes; "threads:4" is short for `workers=4`, "ray:auto" for `address="auto"`. None leaves it as it is
        outside.
    workers : int or (int, int), default=None
        Number of threads, or of Ray's worker processes: by default as many as there are CPUs. With Ray also the fewest
        and the most, as (2, 8) or "2-8": a fit begins with the fewest, and others join and leave while it runs. The
        model does not depend on it.
    memory : int or str, default=None
        Bytes that a fit may add, as a number or as "200MB", "1GB", "1GiB"; with Ray, to each worker and to this
        process. The model does not depend on it.
    address : {"auto", "local"} or str, default=None
        Of a Ray cluster: "auto" finds the one that this machine belongs to, "host:port" names its head, "local" starts
        a private one on this machine and stops it afterwards. None is "auto".
    threads_per_worker : int, default=None
        Threads, and CPUs, of each of Ray's workers; None is 1.
    allow_insecure : bool, default=False
        Join a Ray cluster that asks for no token: whoever reaches it can run programs on it.
    isolate : bool, default=False
        Start the private cluster of `address="local"` in a network namespace of its own, where nobody else reaches it.
        Needs root or CAP_SYS_ADMIN; workers reach no network then, and read local files only.

    Yields
    ------
    Engine
        The engine, with `name`, `workers` and `memory`.
    """
    wish = asked(kind, workers, memory, "with shardlearn.engine(...)")
    wish = of_ray(wish, address, threads_per_worker, allow_insecure, isolate).over(_HERE.get())
    token = _HERE.set(wish)
    try:
        with _held(wish):
            yield current()
    finally:
        _HERE.reset(token)


def set_engine(
    kind: str | None = None,
    *,
    workers: Workers | str | None = None,
    memory: int | str | None = None,
    address: str | None = None,
    threads_per_worker: int | None = None,
    allow_insecure: bool = False,
    isolate: bool = False,
) -> None:
    """Use this engine in the whole process, wherever no `with shardlearn.engine(...)` says otherwise.

    Parameters
    ----------
    kind : {"threads", "serial", "ray"}, default=None
        Who computes; "threads:4" is short for `workers=4`, "ray:auto" for `address="auto"`. None goes back to settings
        and default.
    workers : int or (int, int), default=None
        Number of threads, or of Ray's worker processes, as for `engine`; None goes back to settings and default.
    memory : int or str, default=None
        Bytes that a fit may add; None goes back to settings and default.
    address : {"auto", "local"} or str, default=None
        Of a Ray cluster, as for `engine`. One that is started here runs until the process ends or asks for another
        engine.
    threads_per_worker : int, default=None
        Threads of each of Ray's workers.
    allow_insecure : bool, default=False
        Join a Ray cluster that asks for no token.
    isolate : bool, default=False
        Start the private cluster in a network namespace of its own.
    """
    global _process
    before = _process
    wish = asked(kind, workers, memory, "shardlearn.set_engine(...)")
    _process = of_ray(wish, address, threads_per_worker, allow_insecure, isolate)
    if _process != before:
        _released()


def current() -> PoolEngine | SerialEngine:
    """The engine that a fit uses here and now."""
    wish = _HERE.get().over(_process.over(_settings()))
    kind = wish.kind or "threads"
    if kind == "ray":
        return _on_ray(wish)
    if isinstance(wish.workers, tuple):
        raise _only_on_ray(kind, wish)
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


def asked(kind: str | None, workers: Workers | str | None, memory: int | str | None, origin: str) -> Wish:
    """What somebody asks for, checked."""
    address = None
    if kind is not None:
        kind, colon, rest = kind.partition(":")
        if kind not in KINDS:
            raise _no_such(kind, origin)
        if kind == "ray":
            address = rest or None
        elif colon and workers is None:
            workers = rest
    return Wish(
        kind,
        None if workers is None else config.workers(workers, origin),
        None if memory is None else config.nbytes(memory, "memory", origin),
        address=address,
        kind_from=origin,
        workers_from=origin,
        memory_from=origin,
    )


def of_ray(wish: Wish, address: str | None, threads: int | None, insecure: bool, isolate: bool = False) -> Wish:
    """The wish with what is said of a Ray cluster."""
    if wish.kind not in (None, "ray") and (address is not None or threads is not None or insecure or isolate):
        raise ParameterError(
            "address, threads_per_worker, allow_insecure and isolate are for the engine 'ray'.",
            code="SL1004",
            where=wish.kind_from,
            found=f"the engine {wish.kind!r}",
            fix='engine("ray", address=...)',
        )
    if threads is not None:
        threads = config.count(threads, "threads_per_worker", wish.kind_from)
    if isolate and (address or wish.address) != "local":
        raise ParameterError(
            "Only a private cluster can be isolated.",
            code="SL1004",
            where=wish.kind_from,
            found=f"isolate=True with {address or wish.address or 'no address'}",
            fix='engine("ray", address="local", isolate=True)',
        )
    return replace(wish, address=address or wish.address, threads=threads, insecure=insecure, isolate=isolate)


def _held(wish: Wish) -> AbstractContextManager[Any]:
    """What a `with` block opens on a Ray cluster is closed when it ends."""
    return _ray().SESSIONS.held() if wish.kind == "ray" else nullcontext()


def _released() -> None:
    """The process uses no Ray cluster any more, if it ever did."""
    session = sys.modules.get(f"{__package__}.ray_session")
    if session is not None:
        session.SESSIONS.release()


def _on_ray(wish: Wish) -> PoolEngine:
    ray = _ray()
    if wish.workers is None and config.inside_joblib_worker():  # each of them would wait for all CPUs
        wish = replace(wish, workers=1, workers_from="one, inside a worker process of joblib or multiprocessing")
    wanted = ray.Wanted(wish.address or "auto", wish.workers, wish.threads or 1, wish.insecure, wish.isolate)
    found: PoolEngine = ray.SESSIONS.engine(wanted, wish.memory)
    if _HERE.get().kind != "ray":
        ray.SESSIONS.keep()
    if wish.workers is not None:
        found.workers_from = wish.workers_from
    if wish.memory is not None:
        found.memory_from = wish.memory_from
    return found


def _ray() -> Any:
    """Loaded when it is asked for, as Ray takes a third of a second."""
    import_module(".ray_cluster", __package__).ray_package()
    return import_module(".ray_session", __package__)


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


def _only_on_ray(kind: str, wish: Wish) -> ParameterError:
    return ParameterError(
        "Only on Ray do workers join and leave while a fit runs.",
        code="SL1002",
        where=wish.workers_from,
        found=f"workers={wish.workers}, and the engine {kind!r}",
        needed="one number",
        fix='engine("ray", workers=(2, 8))',
    )


def _no_such(kind: str, origin: str) -> ParameterError:
    return ParameterError(
        f"There is no engine {kind!r}.",
        code="SL1004",
        where=origin,
        needed="one of " + ", ".join(repr(name) for name in KINDS),
    )
