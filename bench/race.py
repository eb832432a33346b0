"""One race: each contender's loosest sufficient tolerance, then interleaved runs of all, then medians."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from .data import Table, load
from .peers import PEERS, TOLS, US, Peer, takes_part
from .settings import REPEATS, ROOT, THREADS, environment
from .truth import LeastSquares, Logistic, objective

FLOOR, LONGEST = 20.0, 600.0  # seconds of one fit: twice SLOW times the fastest, within bounds
SLOW = 10.0  # so many times the fastest: its time from the search stands, and a stricter tolerance is not tried


class GivenUpError(Exception):
    """A contender took too long, or failed."""


@dataclass
class Contender:
    """A process that fits on command."""

    peer: Peer
    task: str
    table: Table
    threads: int = THREADS
    tol: float | None = None
    gap: float = np.inf  # (F - F*) / F*
    passes: int | None = None
    steps: int = 0  # after each of which, and at the start, all rows are visited
    note: str = ""
    times: list[float] = field(default_factory=list)
    process: subprocess.Popen | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker"],
            cwd=ROOT,
            env=environment(self.threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        order = {"folder": str(self.table.folder), "target": target(self.task), "task": self.task}
        self._ask({**order, "library": self.peer.library, "solver": self.peer.solver, "threads": self.threads}, 300.0)

    def fit(self, limit: float) -> dict:
        return self._ask({"tol": self.tol}, limit)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    @property
    def solved(self) -> bool:
        return not self.note.startswith("no:")

    @property
    def seconds(self) -> float:
        return median(self.times) if self.times and self.solved else np.inf

    def _ask(self, order: dict, limit: float) -> dict:
        process = self.process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], limit)[0]:
            self.stop()
            raise GivenUpError(f"more than {limit:.0f} s")
        line = process.stdout.readline()
        if not line:
            self.stop()
            raise GivenUpError("its process ended")
        return json.loads(line)


def target(task: str) -> str:
    return "labels" if task == "logistic" else "y"


def race(task: str, table: Table) -> list[Contender]:
    """All who take part, with their times; those that did not get there say why."""
    folder = table.written()
    X, y = load(folder, target(task))
    problem = objective(task, X, y)
    best = problem.minimum()
    classes = len(np.unique(y)) if task == "logistic" else 0
    sparse = not isinstance(X, np.ndarray)
    field_ = [Contender(peer, task, table) for peer in PEERS[task] if takes_part(peer, sparse, classes)]
    one = Contender(Peer(US, None, field_[0].peer.has_tol), task, table, threads=1)
    fastest = np.inf
    for contender in [*field_, one]:
        qualify(contender, problem, best, fastest)
        fastest = min(fastest, contender.seconds)
    near = [c for c in [*field_, one] if c.seconds <= SLOW * fastest]
    for contender in near:
        contender.times.clear()
    for _ in range(REPEATS):
        for contender in near:
            contender.times.append(contender.fit(LONGEST)["seconds"])
    for contender in [*field_, one]:
        contender.stop()
    one.note = (one.note + " 1 thread").strip()
    return [*field_, one]


def qualify(contender: Contender, problem: LeastSquares | Logistic, best: float, fastest: float) -> None:
    """From loose to strict: the first tolerance whose objective is low enough."""
    limit = min(max(FLOOR, 2 * SLOW * fastest), LONGEST)
    try:
        contender.start()
        for tol in TOLS if contender.peer.has_tol else [None]:
            contender.tol = tol
            answer = contender.fit(limit)
            gap = (problem.value(np.array(answer["W"]), np.array(answer["b"])) - best) / abs(best)
            contender.gap, contender.passes, contender.steps = gap, answer["passes"], answer["steps"]
            contender.times = [answer["seconds"]]
            if answer["fallback"]:
                raise GivenUpError("it runs scikit-learn's own code")
            if gap <= contender.table.tolerance:
                return
            if answer["seconds"] > SLOW * fastest:
                raise GivenUpError(f"{answer['seconds']:.1f} s, and still {gap:.0e} above the minimum")
        raise GivenUpError(f"stays {contender.gap:.0e} above the minimum")
    except GivenUpError as why:
        contender.note = f"no: {why}"
        contender.stop()
