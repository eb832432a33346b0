"""Shows where a fit stands: one live block on a terminal, plain lines elsewhere, nothing for short fits."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import IO, Protocol

from shardlearn.core.events import Event, FitFinished, Notice, PieceRetried, RoundFinished

from . import stop
from .memory import Peak
from .picture import Picture
from .report import Report

QUIET = 2.0  # seconds that a fit may take without a word
FRAME = 0.1  # seconds between two pictures of a live block
LINE_SHARE, LINE_SECONDS = 0.1, 30.0  # a plain line each so much

_MAIN = os.getpid()
_slot = Lock()  # held by the one fit that may show something
_live = threading.Event()  # a live block is on the screen


class Screen(Protocol):
    """Where a picture goes."""

    def draw(self, picture: Picture, now: float, added: int | None, /) -> None: ...
    def say(self, text: str, /) -> None: ...
    def close(self) -> None: ...


@dataclass(slots=True)
class Lines:
    """For files and pipes: a plain line every 10 % or 30 seconds; `every_round`: each round too.

    One for each of the first few pieces that are tried again; then their number stands in the other lines.
    """

    stream: IO[str]
    every_round: bool = False
    _tenth: int = -1
    _time: float = -1e9
    _round: int = -1
    _headed: bool = False
    _told: int = 0  # retries

    def draw(self, picture: Picture, now: float, added: int | None, /) -> None:
        self._tell(picture)
        share = picture.fraction()
        a_round = self.every_round and picture.rounds != self._round
        if not a_round and int(share / LINE_SHARE) <= self._tenth and now < self._time + LINE_SECONDS:
            return
        self._tenth, self._time, self._round = int(share / LINE_SHARE), now, picture.rounds
        self._head(picture)
        parts = [*picture.details(now, added), *picture.retries.counted()]
        self.say("  ".join([f"{picture.estimator}:", picture.where(), *parts]))

    def close(self) -> None:
        """Nothing is left on the screen to take away."""

    def say(self, text: str, /) -> None:
        """One line."""
        self.stream.write(text + "\n")
        self.stream.flush()

    def _head(self, picture: Picture) -> None:
        if picture.started and not self._headed:
            self._headed = True
            self.say(picture.header())

    def _tell(self, picture: Picture) -> None:
        first = picture.retries.first
        for text in first[self._told :]:
            self._head(picture)
            self.say(f"{picture.estimator}: {text}")
        self._told = len(first)


@dataclass(slots=True)
class Progress:
    """An observer of one fit; silent until the fit has taken two seconds."""

    picture: Picture
    peak: Peak
    screen: Callable[[], Screen]
    quiet: float = QUIET
    clock: Callable[[], float] = monotonic
    _open: Screen | None = None
    _drawn: float = -1e9

    def __call__(self, event: Event, /) -> None:
        now = self.clock()
        self.picture.take(event, now)
        if isinstance(event, Notice):  # something that people should know however short the fit
            self._open = self._open or self.screen()
            self._open.say(event.text)
        if isinstance(event, FitFinished | Notice) or now - self.picture.began < self.quiet:
            return
        if now - self._drawn < FRAME and not isinstance(event, RoundFinished | PieceRetried):
            return
        self._drawn = now
        if self._open is None:
            self._open = self.screen()
        self.picture.stopping = stop.requested()
        self._open.draw(self.picture, now, self.peak.added_now)

    @property
    def shown(self) -> bool:
        """Whether people saw something."""
        return self._drawn >= 0

    def close(self) -> None:
        """Take the live block away."""
        if self._open is not None:
            self._open.close()
            _live.clear()


def summary(report: Report) -> str:
    """One line at the end, with the sentence on the bottleneck."""
    facts = dict(report.lines())
    trouble = f"; {facts['trouble']}" if "trouble" in facts else ""
    sentence = f". {report.bottleneck}" if report.bottleneck else ""
    return f"{report.estimator}: {facts.get('status', 'done')}; {facts.get('time', '')}{trouble}{sentence}."


def in_main_process() -> bool:
    """Not in a worker of joblib or multiprocessing, not in a forked child."""
    return os.getpid() == _MAIN and multiprocessing.current_process().name == "MainProcess"


def live_block() -> bool:
    """Whether a live block is on the screen, which other lines would tear."""
    return _live.is_set()


def take_slot() -> bool:
    """Be the one fit that shows something; False when another one does, or should not."""
    return in_main_process() and _slot.acquire(blocking=False)


def free_slot() -> None:
    """Let the next fit show something."""
    _slot.release()


def to_stderr(every_round: bool) -> Screen:
    """A live block on a terminal, else lines."""
    if not every_round and sys.stderr.isatty():
        from .live import Live, able

        if able():
            _live.set()
            return Live()
    return Lines(sys.stderr, every_round)
