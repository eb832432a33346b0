"""Watches one fit: its events go to the report, the progress line and the log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from time import monotonic
from typing import Protocol

from shardlearn import config
from shardlearn.core.block import Block
from shardlearn.core.events import (
    CarryBuilt,
    Emit,
    Event,
    FitFinished,
    FitStarted,
    PassFinished,
    PassStarted,
    PieceFinished,
    SolverChosen,
    ignore,
)

from . import stop
from .logs import log
from .picture import Picture
from .progress import QUIET, Progress, free_slot, summary, take_slot, to_stderr
from .recorder import Recorder
from .report import Report


class Runs(Protocol):
    """What is asked of an engine."""

    @property
    def name(self) -> str: ...
    @property
    def workers(self) -> int: ...
    @property
    def memory(self) -> int | None: ...


class Watch:
    """Takes the events of one fit, from any thread."""

    def __init__(self, recorder: Recorder, show: Emit) -> None:
        self._recorder, self._show = recorder, show
        self._lock = Lock()
        self._finished = False

    def emit(self, event: Event, /) -> None:
        """The `Emit` to hand to `run` and to the engine; thread-safe."""
        log(event)
        with self._lock:
            self._finished |= isinstance(event, FitFinished)
            self._recorder(event)
            if isinstance(event, CarryBuilt):  # one for each block of a round: nobody watches these
                return
            try:
                self._show(event)
            except Exception:  # a closed stderr or a full disk behind it is no reason for a fit to fail
                self._show = ignore

    def after(self, _: object = None, /) -> bool:
        """For `run(after=...)`: stop at the end of this round because somebody asked for it (see `stop`)."""
        return stop.requested()

    def report(self) -> Report:
        """The report, as of now; the clock stops at `FitFinished`, or at the end of the `with` block."""
        with self._lock:
            return self._recorder.report()

    def finish(self, *, interrupted: bool = False) -> None:
        """The fit has ended, if it did not say so itself."""
        if not self._finished:
            self.emit(FitFinished(self._recorder.estimator, interrupted=interrupted))


@contextmanager
def watch(estimator: str, engine: Runs, verbose: int = 0) -> Iterator[Watch]:
    """Watch one fit: `with watch("Ridge", engine) as watched: run(..., emit=watched.emit)`.

    The progress line (for fits of more than 2 seconds; `verbose` > 0: at once, and a line each round) is gone at the
    end of the block. An interrupt that passes through is noted in the report.
    """
    threads, memory_from = _said(engine, "workers_from"), _said(engine, "memory_from")
    recorder = Recorder(estimator, engine.name, engine.workers, engine.memory, threads, memory_from)
    with showing(estimator, recorder, verbose) as show:
        watched = Watch(recorder, show)
        try:
            yield watched
        except KeyboardInterrupt:
            watched.finish(interrupted=True)
            raise
        watched.finish()


def _said(engine: Runs, what: str) -> str:
    """Who decided something, where the engine knows."""
    return str(getattr(engine, what, ""))


@contextmanager
def showing(estimator: str, recorder: Recorder, verbose: int) -> Iterator[Emit]:
    """The observer that draws, for the one fit that may; it looks away for all others."""
    if not config.progress() or not take_slot():
        yield ignore
        return
    progress = Progress(
        Picture(estimator, monotonic()), recorder.peak, lambda: to_stderr(verbose > 0), 0.0 if verbose > 0 else QUIET
    )
    try:
        yield progress
    finally:
        free_slot()
        with suppress(Exception):
            progress.close()
    if progress.shown:
        with suppress(Exception):
            sys.stderr.write(summary(recorder.report()) + "\n")


@contextmanager
def one_pass(what: str, engine: Runs, rows: int, source: str) -> Iterator[Watch]:
    """Watch one pass that is no fit, as a score."""
    with watch(what, engine) as watched:
        watched.emit(FitStarted(what, rows, 0, 0, engine.name, engine.workers, engine.memory, source))
        watched.emit(SolverChosen("", None, 1, 1))
        yield watched


@contextmanager
def counting(what: str, engine: Runs, rows: int, source: str) -> Iterator[Callable[[Iterator[Block]], Iterator[Block]]]:
    """The same for a stream, as a prediction: gives what hands blocks on and counts them when they are taken."""
    with one_pass(what, engine, rows, source) as watched:

        def through(blocks: Iterator[Block]) -> Iterator[Block]:
            watched.emit(PassStarted(1, rows, source))
            for block in blocks:
                yield block
                watched.emit(PieceFinished(0, 1, block.n))
            watched.emit(PassFinished(source))

        yield through
