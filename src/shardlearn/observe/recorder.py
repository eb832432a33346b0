"""Builds a report from events."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from time import monotonic

from shardlearn import __version__
from shardlearn.core import events as ev
from shardlearn.core.events import Event

from .memory import Peak
from .report import PHASES, Report
from .retries import Retries

LIBRARIES = (("numpy", "numpy"), ("scikit-learn", "sklearn"), ("pyarrow", "pyarrow"))


@dataclass(slots=True)
class Recorder:
    """An observer that counts; not thread-safe by itself (see `Watch`)."""

    estimator: str
    engine: str = ""
    workers: int = 1
    memory: int | None = None
    threads: str = ""
    memory_from: str = ""
    _facts: dict[str, object] = field(default_factory=dict)
    _phases: dict[str, float] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    clock: Callable[[], float] = monotonic
    _retries: Retries = field(default_factory=Retries)
    _begin: float = field(init=False)
    _end: float | None = None
    _most: int = 0  # bytes planned for a pass
    _fewest: int = 0  # workers
    _started: str = field(default_factory=lambda: _now())
    peak: Peak = field(default_factory=Peak)

    def __post_init__(self) -> None:
        self._begin = self.clock()

    def __call__(self, event: Event, /) -> None:
        match event:
            case ev.Timed(phase, seconds, n_bytes):
                self._phases[phase] = self._phases.get(phase, 0.0) + seconds
                if phase == "read":
                    self._count("bytes_read", n_bytes)
            case ev.CarryBuilt(seconds=seconds):
                self._phases["compute"] = self._phases.get("compute", 0.0) + seconds
            case ev.PieceFinished(_, _, rows):
                self._count("rows_visited", rows)
                self.peak.look()
            case ev.PassFinished():
                self._count("passes")
                self.peak.look()
            case ev.RoundFinished(_, status, figures):
                self._count("rounds")
                self._facts |= {
                    "status": status.value,
                    "figures": {name: float(value) for name, value in figures.items()},
                }
            case ev.PieceRetried():
                self._retries.take(event)
            case ev.AnswerDropped():
                self._count("late_answers")
            case ev.Sent(down, up):
                self._count("bytes_down", down)
                self._count("bytes_up", up)
            case _:
                self._rare(event)

    def _rare(self, event: Event) -> None:
        match event:
            case ev.FitStarted():
                self.engine, self.workers, self.memory = event.engine, event.workers, event.memory
                self._fewest = event.workers
                self._facts |= {"rows": event.rows, "features": event.features, "bytes": event.data_bytes}
                self._facts["source"] = event.source
                self.threads = event.threads or self.threads
                self.memory_from = event.memory_from or self.memory_from
            case ev.PassPlanned():
                self._plan(event)
            case ev.Staffed(workers):
                self.workers, self._fewest = max(self.workers, workers), min(self._fewest, workers)
            case ev.SolverChosen(solver, seed, _):
                self._facts |= {"solver": solver, "seed": seed}
            case ev.RowsDropped(rows, columns, why):
                self._facts |= {"dropped_rows": rows, "dropped": dict(columns), "dropped_why": why}
            case ev.ColumnsIgnored(names):
                self._facts["ignored_columns"] = names
            case ev.FitResumed(where, status, figures):
                self._facts |= {
                    "resumed": where,
                    "status": status.value,
                    "figures": {name: float(value) for name, value in figures.items()},
                }
            case ev.FitFinished(_, interrupted):
                self._end = self.clock()
                if interrupted:
                    self._facts["status"] = "interrupted"

    def report(self) -> Report:
        """What is known now; the clock stops at `FitFinished`."""
        self.peak.look(at_once=True)
        seconds = (self.clock() if self._end is None else self._end) - self._begin
        values: dict[str, object] = {
            **self._facts,
            **self._counts,
            "engine": self.engine,
            "workers": self.workers,
            "fewest_workers": self._fewest or self.workers,
            "threads": self.threads,
            "memory_limit": self.memory,
            "memory_from": self.memory_from,
            "memory_peak": self.peak.added,
            "retries": self._retries.attempts,
            "retried_pieces": self._retries.pieces,
            "retried_why": dict(self._retries.kinds),
            "seconds": seconds,
            "phases": self._by_phase(seconds),
            "versions": versions(),
            "started": self._started,
            "finished": _now(),
        }
        return Report.from_dict({"estimator": self.estimator, **values})

    def _by_phase(self, seconds: float) -> dict[str, float]:
        """Phases in their order; what the workers' time leaves over was waiting."""
        phases = {name: self._phases[name] for name in PHASES if name in self._phases}
        idle = self.workers * seconds - sum(phases.values())
        if phases and idle > 0:
            phases["waiting"] = phases.get("waiting", 0.0) + idle
        return phases

    def _plan(self, event: ev.PassPlanned) -> None:
        need = event.reading + event.blocks + event.answers
        if need >= self._most:
            self._most, facts = need, asdict(event)
            self._facts["planned"] = {name: value for name, value in facts.items() if value is not None}
        one = event.reading // max(event.readers, 1)  # what one reader more would take
        self._count("tight", event.room is not None and event.readers < self.workers and event.room < one)

    def _count(self, name: str, n: int = 1) -> None:
        self._counts[name] = self._counts.get(name, 0) + n


def versions() -> dict[str, str]:
    """Of Python and the libraries that decide what a fit does."""
    found = {"shardlearn": __version__, "python": platform.python_version()}
    for name, module in LIBRARIES:
        loaded = sys.modules.get(module)
        found[name] = getattr(loaded, "__version__", "") or metadata.version(name)
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
