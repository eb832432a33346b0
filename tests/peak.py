"""Memory that a process holds, sampled while something runs; programs of the memory tests import this."""

from __future__ import annotations

import gc
import threading
from types import TracebackType


def held() -> int:
    """Bytes that are this process's own; not pages of files."""
    with open("/proc/self/status") as status:
        return sum(int(line.split()[1]) for line in status if line.startswith(("RssAnon", "RssShmem"))) * 1024


class Peak:
    """`added`: bytes at most beyond what was held before; `kept()`: what is left of them now."""

    def __enter__(self) -> Peak:
        gc.collect()
        self.before, self.added, self._stop = held(), 0, threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._sampler.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._sampler.join()

    def kept(self) -> int:
        gc.collect()
        return held() - self.before

    def _sample(self) -> None:
        while not self._stop.wait(0.005):
            self.added = max(self.added, held() - self.before)
