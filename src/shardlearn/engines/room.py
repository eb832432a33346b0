"""One memory limit for all that goes on in a process: what passes need is reserved, what is left holds caches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, RLock
from time import monotonic
from typing import Any, Protocol, TypeVar

from shardlearn.core.errors import EngineError, MemoryLimitError

from .machine import trim


class Needing(Protocol):
    """A plan that knows how many bytes it needs."""

    @property
    def need(self) -> int: ...


N = TypeVar("N", bound=Needing)
LARGE = 64_000_000  # bytes of a pass whose memory goes back to the system at last
TIMES = 4  # and at once where the limit has no room for so many; else the next pass would only ask for it again


@dataclass(slots=True)
class Room:
    """Bytes that may be added. `limit` None: no limit, and caches hold all."""

    limit: int | None = None
    patience: float = 600.0  # seconds that a pass waits for others to end
    kept: int = 0
    evict: Callable[[int], None] = field(default=lambda _: None)  # asks caches to give back so many bytes
    trim: Callable[[], None] = trim  # gives what is free back to the system
    _large: bool = False
    _held: dict[object, int] = field(default_factory=dict)  # what each pass has reserved
    _lock: Any = field(default_factory=RLock)  # not by `Condition.__enter__`, which Ctrl-C may leave locked
    _changed: Condition = field(init=False)

    def __post_init__(self) -> None:
        self._changed = Condition(self._lock)

    @property
    def reserved(self) -> int:
        return sum(list(self._held.values()))

    @property
    def free(self) -> int | None:
        """What a new pass may plan with: caches give way, other passes don't."""
        return None if self.limit is None else self.limit - self.reserved

    @property
    def idle(self) -> bool:
        """Whether nothing is held."""
        return not (self.reserved or self.kept)

    @contextmanager
    def reserve(self, make: Callable[[int | None], N]) -> Iterator[N]:
        """Hold what a plan needs; waits while other passes hold too much.

        `make(free)` gives a plan that needs at most `free` bytes, or raises MemoryLimitError.
        """
        mine = object()
        try:
            yield self._taken(make, mine)
        finally:  # also where Ctrl-C came before there was anything to yield
            with self._lock:
                need = self._held.pop(mine, 0)  # none in a forked child
                self._changed.notify_all()
            if need >= LARGE:
                self._large = True
                if self.limit is not None and self.reserved + self.kept + TIMES * need > self.limit:
                    self.settle()

    def keep(self, nbytes: int) -> bool:
        """Whether a cache may hold so many bytes more; they count from now on."""
        with self._lock:
            if self.limit is not None and self.reserved + self.kept + nbytes > self.limit:
                return False
            self.kept += nbytes
            return True

    def give_back(self, nbytes: int) -> None:
        """A cache holds so many bytes less."""
        with self._lock:
            self.kept -= nbytes
            self._changed.notify_all()

    def settle(self) -> None:
        """What large passes took goes back to the system: the allocator keeps much of what is freed."""
        large, self._large = self._large, False
        if large:
            self.trim()

    def reset(self) -> None:
        """Nothing is held: the passes and caches were another process's."""
        self.kept, self._held = 0, {}
        self._lock = RLock()
        self._changed = Condition(self._lock)

    def _taken(self, make: Callable[[int | None], N], mine: object) -> N:
        until = monotonic() + self.patience
        with self._lock:
            plan = self._planned(make)
            while plan is None:
                if monotonic() >= until:
                    raise self._nothing_given_back()
                self._changed.wait(min(until - monotonic(), 1.0))
                plan = self._planned(make)
            self._held[mine] = plan.need
            over = 0 if self.limit is None else self.reserved + self.kept - self.limit
        if over > 0:
            self.evict(over)
        return plan

    def _planned(self, make: Callable[[int | None], N]) -> N | None:
        try:
            return make(self.free)
        except MemoryLimitError:
            if not self.reserved:
                raise
            make(self.limit)  # raises where it could not be done alone either
            return None

    def _nothing_given_back(self) -> EngineError:
        return EngineError(
            "The other fits of this process did not give back memory.",
            code="SL4003",
            found=f"{self.reserved:,} of {self.limit or 0:,} bytes in use, for {self.patience:g} s",
            fix="a larger memory=, or close prediction streams that are not read to their end",
        )
