"""Fits on Ray whose workers are killed: a seed picks at which pieces and in which phases, up to three in a fit.

`python -m tests.faults.kills 1000` runs that many seeds and prints how many models were identical, lost and hung, by
family of solvers; `python -m tests.faults.kills 500 1000` (`make test-faults FAULTS=500 FROM=1000`) runs seeds 1,000 to
1,499.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Thread
from time import perf_counter
from typing import Any
from unittest import mock

import numpy as np
from tests.engines.crew import crew, ray_engine
from tests.faults.doom import PHASES, Blow, DoomedPool, who

import shardlearn
from shardlearn import engines
from shardlearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans
from shardlearn.core import grid
from shardlearn.core.errors import EngineError
from shardlearn.engines.ray_session import SESSIONS
from shardlearn.engines.rounds import Piece, Ticket
from shardlearn.linear_model import LinearRegression, LogisticRegression, Ridge

HANGS = 120.0  # seconds after which a fit of a tenth of a second is said to hang
WORKERS = 3
DEATHS = (1, 1, 1, 1, 1, 1, 1, 2, 2, 3)  # in a fit
ENDS = ("identical", "lost", "hung", "other bits")
TOLD = 100  # fits after which it is said how it goes
WIDE = 400  # columns whose matrices are so large that workers merge them

Family = tuple[Callable[[], Any], int]  # an estimator, and how many classes it is given; 0: numbers
FAMILIES: dict[str, Family] = {
    "least squares": (LinearRegression, 0),
    "ridge, lsqr": (lambda: Ridge(solver="lsqr", tol=1e-3), 0),
    "logistic, preconditioned lbfgs": (lambda: LogisticRegression(tol=1e-3), 2),
    "logistic, lbfgs": (lambda: LogisticRegression(solver="lbfgs", tol=1e-2), 2),
    "logistic, newton": (lambda: LogisticRegression(solver="newton-cholesky", tol=1e-3), 2),
    "logistic, gradient descent": (lambda: LogisticRegression(solver="gradient-descent", tol=2e-2), 2),
    "multinomial, preconditioned lbfgs": (lambda: LogisticRegression(tol=1e-2), 3),
    "multinomial, newton": (lambda: LogisticRegression(solver="newton-cholesky", tol=1e-2), 3),
    "k-means": (lambda: KMeans(6, random_state=0, max_iter=5), 0),
    "k-means, cosine": (lambda: KMeans(6, random_state=0, max_iter=5, metric="cosine"), 0),
    "bisecting": (lambda: BisectingKMeans(4, random_state=0, max_iter=3), 0),
    "mini-batch": (lambda: MiniBatchKMeans(6, random_state=0, max_iter=2), 0),
    "least squares, wide": (LinearRegression, 0),
    "logistic, newton, wide": (lambda: LogisticRegression(solver="newton-cholesky", tol=1e-2), 2),
}


@cache
def rows(classes: int, p: int = 60) -> tuple[Any, Any]:
    draw, n = np.random.default_rng(0), 720_000 // p
    X = draw.standard_normal((n, p))
    z = X[:, :3].sum(axis=1) + draw.standard_normal(n)
    return X, np.digitize(z, [0.0, 1.0][: classes - 1]) if classes else z


def fitted(family: str) -> Any:
    """In 24 blocks, so that workers merge."""
    estimator, classes = FAMILIES[family]
    with mock.patch.object(grid, "TARGET_BYTES", 2**18):
        return estimator().fit(*rows(classes, WIDE if "wide" in family else 60))


@cache
def wanted(family: str) -> tuple[str, int]:
    """The model's fingerprint, and how many passes it takes."""
    with shardlearn.engine("threads", workers=2):
        model = fitted(family)
    return shardlearn.fingerprint(model), model.report_.passes


@dataclass
class Schedule:
    """Blows at places, which are passes and how manieth of its ranges; or at the first range after that place."""

    blows: dict[tuple[int, int], Blow]
    given: dict[tuple[int, Piece], Blow | None] = field(default_factory=dict)
    passes: list[int] = field(default_factory=list)  # by the numbers of their rounds

    def doom(self, ticket: Ticket) -> Blow | None:
        """The same for each attempt at a range."""
        at = ticket.round, ticket.range
        if at not in self.given:
            if ticket.round not in self.passes:
                self.passes.append(ticket.round)
            place = self.passes.index(ticket.round), sum(number == ticket.round for number, _ in self.given)
            due = min(self.blows, default=None)
            self.given[at] = self.blows.pop(due) if due is not None and due <= place else None
        return self.given[at]


def schedule(seed: int, passes: int, folder: Path) -> Schedule:
    draw = random.Random(seed)
    places = {(draw.randrange(passes), draw.randrange(WORKERS)) for _ in range(draw.choice(DEATHS))}
    places = {(at, 0 if at == passes - 1 else turn) for at, turn in places}
    return Schedule({at: Blow(draw.choice(PHASES), str(folder / f"{seed}-{i}")) for i, at in enumerate(sorted(places))})


@contextmanager
def on(engine: Any) -> Iterator[None]:
    with mock.patch.object(engines, "current", return_value=engine):
        yield


def killed(seed: int, folder: Path) -> tuple[str, list[tuple[str, int]]]:
    """How a fit ended, and the phase and process of each worker that died."""
    family = list(FAMILIES)[seed % len(FAMILIES)]
    print_, passes = wanted(family)
    plan = schedule(seed, passes, folder)
    marks = [blow.mark for blow in plan.blows.values()]
    engine: Any = ray_engine(WORKERS, least=1, deadline=HANGS / 4)  # the others come while the fit runs
    engine.pool = DoomedPool(engine.pool, plan.doom)
    ends = ["hung"]

    def run() -> None:
        try:
            ends.append("identical" if shardlearn.fingerprint(fitted(family)) == print_ else "other bits")
        except EngineError:
            ends.append("lost")

    with on(engine):
        thread = Thread(target=run, daemon=True)
        thread.start()
        thread.join(HANGS)
    return ends[-1], [who(mark) for mark in marks if Path(mark).exists()]


@dataclass
class Tally:
    """What came of how many fits."""

    ends: Counter[tuple[str, str]] = field(default_factory=Counter)  # by family
    phases: Counter[str] = field(default_factory=Counter)
    unstruck: int = 0

    def add(self, family: str, end: str, died: list[tuple[str, int]]) -> None:
        self.ends[family, end] += 1
        self.phases.update(phase for phase, _ in died)
        self.unstruck += not died

    def lines(self) -> Iterator[str]:
        for family in FAMILIES:
            told = ", ".join(f"{self.ends[family, end]} {end}" for end in ENDS)
            yield f"{family + ':':36}{told}"
        phases = ", ".join(f"{phase} {self.phases[phase]}" for phase in PHASES)
        killed = f"{self.phases.total()} workers killed in {self.ends.total()} fits ({phases})"
        yield f"{killed}; in {self.unstruck} fits nobody was"
        yield ", ".join(f"{self.of(end)} {end}" for end in ENDS)

    def of(self, end: str) -> int:
        return sum(self.ends[family, end] for family in FAMILIES)


def main(count: int, first: int = 0) -> int:
    os.environ["SHARDLEARN_PROGRESS"] = "0"
    tally, began = Tally(), perf_counter()
    with SESSIONS.held(), tempfile.TemporaryDirectory() as folder:
        crew()
        for seed in range(first, first + count):
            family = list(FAMILIES)[seed % len(FAMILIES)]
            end, died = killed(seed, Path(folder))
            tally.add(family, end, died)
            if end != "identical":
                print(f"seed {seed}: {end} ({family})", flush=True)
            if end == "hung":  # its workers are not free: go on with the next seed in a new process
                break
            if (seed + 1 - first) % TOLD == 0:
                seconds = perf_counter() - began
                print(f"{seed + 1 - first} fits in {seconds:.0f} s, {tally.of('identical')} identical", flush=True)
    print(*tally.lines(), f"the next seed is {seed + 1}", sep="\n", flush=True)
    return int(tally.of("identical") != count or tally.unstruck > 0)


if __name__ == "__main__":
    code = main(*map(int, sys.argv[1:]))
    sys.stdout.flush()
    os._exit(code)  # a fit that hangs has threads
