"""Memory that this process has taken beyond what it held when a fit began, by looking now and then."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from time import monotonic

EVERY = 0.02  # seconds between looks


def anonymous() -> int | None:
    """Bytes of this process that no file backs (Linux); None where that can't be told."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            resident, shared = file.read().split()[1:3]
    except (OSError, ValueError):
        return None
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True)
class Peak:
    """The most that was seen."""

    start: int | None = field(default_factory=anonymous)
    now: int | None = None
    most: int | None = None
    _looked: float = 0.0

    def look(self, *, at_once: bool = False) -> None:
        """Look again, unless that was done a moment ago."""
        time = monotonic()
        if not at_once and time - self._looked < EVERY:
            return
        self._looked, self.now = time, anonymous()
        if self.now is not None:
            self.most = max(self.most or 0, self.now)

    @property
    def added(self) -> int | None:
        """Bytes beyond the start, at most."""
        return None if self.start is None or self.most is None else max(self.most - self.start, 0)

    @property
    def added_now(self) -> int | None:
        """Bytes beyond the start at the last look."""
        return None if self.start is None or self.now is None else max(self.now - self.start, 0)
