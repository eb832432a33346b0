"""Ctrl-C and SIGTERM during a fit: once, the round ends and the model is saved; twice, exit at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from shardlearn.observe import stop
from shardlearn.observe.progress import live_block

NOTE = b"\nstopping at the end of this round; Ctrl-C again to exit at once\n"


@dataclass(slots=True)
class Signals:
    """How often somebody asked to stop."""

    times: int = 0

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The handler: a wish first, then an order."""
        self.times += 1
        if self.times == 1:
            stop.request()
            if not live_block():  # which says so itself
                os.write(sys.stderr.fileno(), NOTE)  # no buffer, no lock: a handler may run in the middle of a print
            return
        signal.default_int_handler(number, frame)

    @property
    def at_once(self) -> bool:
        """Whether nothing may be written any more."""
        return self.times > 1


@contextmanager
def stoppable() -> Iterator[Signals]:
    """Handlers for a fit; those of before are back at the end."""
    signals = Signals()
    stop.clear()
    before = {number: signal.signal(number, signals.handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.clear()
