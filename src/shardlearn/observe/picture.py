"""Where a fit stands, from its events and a clock that is handed in: fraction done, rates, time to go."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field, replace

from shardlearn.core import events as ev
from shardlearn.core.events import Event
from shardlearn.core.solver import Status

from .retries import Retries
from .words import count, duration, figure, percent, plural, size, size_of

GUESS = 10  # rounds, until the fit says something better
FEW = 2  # rounds of a solver that has no limit of rounds, as normal equations
WINDOW = 5.0  # seconds over which rates are measured


@dataclass(slots=True)
class Picture:
    """Takes each event with its time; everything shown is computed from here."""

    estimator: str
    began: float
    started: ev.FitStarted | None = None
    solver: ev.SolverChosen | None = None
    rounds: int = 0
    passes: int = 0
    before: int = 0  # passes that came before the first round
    pass_rows: int = 0
    pass_done: int = 0
    visited: int = 0
    figures: dict[str, float] = field(default_factory=dict)
    first_gradient: float | None = None
    steps: int = 0  # rounds since that was known
    loss_change: float | None = None
    solved: bool = False
    retries: Retries = field(default_factory=Retries)
    stopping: bool = False  # somebody asked for the end after this round
    furthest: float = 0.0
    samples: deque[tuple[float, int]] = field(default_factory=deque)

    def take(self, event: Event, now: float) -> None:
        """An event at a time."""
        match event:
            case ev.PieceFinished(_, _, rows):
                self.pass_done += rows
                self.visited += rows
                self._sample(now)
            case ev.PassStarted():
                self.pass_rows, self.pass_done = event.rows, 0
            case ev.PassFinished():
                self.passes += 1
                self.before += self.rounds == 0
                self.pass_done = self.pass_rows = 0
            case ev.RoundFinished(_, status, figures):
                self._round(dict(figures))
                self.solved = status is not Status.RUNNING
            case ev.PieceRetried():
                self.retries.take(event)
            case ev.FitStarted():
                self.started = event
            case ev.Staffed(workers) if self.started:
                self.started = replace(self.started, workers=workers)
            case ev.SolverChosen():
                self.solver = event

    @property
    def expected(self) -> int:
        """Rounds in all, as far as can be told: by how fast the gradient fell so far."""
        if self.solved:
            return self.rounds
        solver = self.solver or ev.SolverChosen("", rounds=10**9)
        guess = max(solver.expected or (FEW if solver.rounds is None else GUESS), self.rounds + 1 + self.rounds // 5)
        gradient, goal = self.figures.get("gradient"), solver.goal or self.figures.get("goal")
        if self.steps > 0 and gradient and goal and self.first_gradient and gradient < self.first_gradient:
            fell = math.log(self.first_gradient / gradient) / self.steps
            guess = self.rounds + math.ceil(max(math.log(gradient / goal), 0.0) / fell - 0.01)
        return max(min(guess, solver.rounds or guess), self.rounds + 1)

    def fraction(self) -> float:
        """Of the whole fit, never going back, and never done before it is."""
        part = min(self.pass_done / self.pass_rows, 1.0) if self.pass_rows else 0.0
        # The pass of the first round is counted in `before` until that round is told.
        ahead = self.before if self.rounds == 0 else self.before - 1
        whole = max(ahead, 0) + self.expected
        self.furthest = max(self.furthest, min((self.passes + part) / max(whole, 1), 0.99))
        return self.furthest

    def rows_per_second(self) -> float:
        """Over the last few seconds."""
        if len(self.samples) < 2:
            return 0.0
        (first, before), (last, after) = self.samples[0], self.samples[-1]
        return (after - before) / (last - first) if last > first else 0.0

    def eta(self, now: float) -> float | None:
        """Seconds to go, if the rest takes as long as what was done so far."""
        done = self.fraction()
        return (now - self.began) * (1 - done) / done if done > 0 else None

    def header(self) -> str:
        """The line that stands still."""
        start = self.started
        if start is None:
            return self.estimator
        parts = [
            self.estimator,
            size(start.data_bytes) if start.data_bytes else "",
            f"{count(start.rows)} rows" + (f" x {start.features:,}" if start.features else ""),
            _who(start.engine, start.workers),
            f"limit {size(start.memory)}" if start.memory is not None else "",
        ]
        return "   ".join(part for part in parts if part)

    def where(self) -> str:
        """`round 4/~9`, or what is done before the first."""
        if self.solver and not self.solver.solver and self.started:
            return f"{count(self.visited)} of {count(self.started.rows)} rows"
        if self.rounds == 0 and self.passes == 0:
            return "reading"
        now = self.rounds + (not self.solved)
        if self.stopping:
            return f"stopping after round {now}"
        return f"round {now}/~{max(self.expected, now)}"

    def details(self, now: float, added: int | None) -> list[str]:
        """What stands to the right of the bar, and may be left out from the right where there is no room."""
        rate = self.rows_per_second()
        eta = self.eta(now)
        parts = [percent(self.fraction())]
        if eta is not None:
            parts.append(f"eta {duration(max(eta, 1.0))}")
        if rate:
            parts.append(f"{count(rate)} rows/s")
        parts += self._loss() + self._ram(added)
        if self.started and self.started.rows and self.started.data_bytes and rate:
            parts.append(f"{size(rate * self.started.data_bytes / self.started.rows)}/s")
        return parts

    def _loss(self) -> list[str]:
        loss = self.figures.get("loss")
        if loss is None:
            return []
        change = "" if self.loss_change is None else f" ({self.loss_change:+.2g})"
        return [f"loss {figure(loss)}{change}"]

    def _ram(self, added: int | None) -> list[str]:
        limit = self.started.memory if self.started else None
        if added is None:
            return []
        return [f"RAM {size(added)}" if limit is None else f"RAM {size_of(added, limit)}"]

    def _round(self, figures: dict[str, float]) -> None:
        before, after = self.figures.get("loss"), figures.get("loss")
        if before is not None and after is not None:
            self.loss_change = after - before
        if self.first_gradient is not None:
            self.steps += 1
        elif math.isfinite(figures.get("gradient", math.inf)):
            self.first_gradient = figures["gradient"]
        self.rounds += 1
        self.figures = figures

    def _sample(self, now: float) -> None:
        if self.samples and now - self.samples[-1][0] < 0.05:
            return
        self.samples.append((now, self.visited))
        while now - self.samples[0][0] > WINDOW and len(self.samples) > 2:
            self.samples.popleft()


def _who(engine: str, workers: int) -> str:
    """`4 threads`, `ray, 4 workers`, `serial`."""
    if engine == "ray":
        return f"{engine}, {plural(workers, 'worker')}"
    return f"{workers} {engine}" if workers > 1 else engine
