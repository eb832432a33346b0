"""Exact neighbours of 10,000 queries: seconds of each library, and how many queries have the same ids as ours."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np

from . import limits
from .neighbors_worker import FAISS, LIBRARIES, SCIPY, US
from .settings import DATA, FOLDER, REPEATS, ROOT, THREADS, environment

HEAD = ("neighbours", "k", "who", "seconds", "x ours", "same ids", "")
TABLES = ("1,000,000 x 3", "100,000 x 64", "1,000,000 x 128", "Fashion-MNIST 60,000 x 784")
NEEDS = {"scikit-learn-intelex": "sklearnex", FAISS: "faiss"}
LONGEST = 1200.0  # seconds of one answer


@dataclass
class Contender:
    """A process that holds the rows and answers on command."""

    library: str
    table: str
    threads: int
    times: list[float] = field(default_factory=list)
    ids: np.ndarray | None = None
    flops: float = 0.0  # of all distances
    process: subprocess.Popen | None = None

    @property
    def name(self) -> str:
        return self.library + (", 1 thread" if self.threads == 1 else "")

    @property
    def seconds(self) -> float:
        return median(self.times) if self.times else np.inf

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.neighbors_worker", self.library, self.table, str(self.threads)],
            cwd=ROOT,
            env=environment(self.threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def answer(self, k: int, write: Path | None = None) -> None:
        process = self.process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"k": k, "write": None if write is None else str(write)}) + "\n")
        process.stdin.flush()
        if select.select([process.stdout], [], [], LONGEST)[0]:
            line = process.stdout.readline()
            if line:
                found = json.loads(line)
                self.times.append(found["seconds"])
                self.flops = found["flops"]
                return
        self.stop()

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


def table() -> list[tuple[str, ...]]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    limits.peak_of_scores(THREADS), limits.peak_of_scores(1)  # while no other process waits for work in a loop
    return [row for name in TABLES if DATA or "MNIST" not in name for row in _rows(name)]


def _rows(name: str) -> list[tuple[str, ...]]:
    libraries = [library for library in LIBRARIES if library not in NEEDS or find_spec(NEEDS[library])]
    libraries += [SCIPY] if name.endswith(" x 3") else []  # few features: trees
    field_ = [Contender(library, name, THREADS) for library in libraries] + [Contender(US, name, 1)]
    for contender in field_:
        contender.start()
    try:
        return [row for k in (10, 100) for row in _raced(field_, k)]
    finally:
        for contender in field_:
            contender.stop()


def _raced(field_: list[Contender], k: int) -> list[tuple[str, ...]]:
    """The first answers are compared, then runs are timed, one library after the other."""
    written = FOLDER / "neighbors.npy"
    for contender in field_:
        contender.times, contender.ids = [], None
        if contender.process is not None:
            contender.answer(k, written)
            contender.ids = np.load(written) if contender.times else None
            contender.times = []
    for _ in range(REPEATS):
        for contender in field_:
            if contender.process is not None:
                contender.answer(k)
    ours = field_[0]
    return [
        (
            c.table,
            str(k),
            c.name,
            _seconds(c),
            f"{c.seconds / ours.seconds:.2f}",
            _agreement(ours.ids, c.ids),
            _share(c),
        )
        for c in sorted(field_, key=lambda c: c.seconds)
    ]


def _share(contender: Contender) -> str:
    """Of the machine; a tree computes few of the distances."""
    if contender.library != US or contender.table in TABLES[:1] or not contender.times:
        return ""
    return limits.share(contender.flops, contender.seconds, contender.threads)


def _seconds(contender: Contender) -> str:
    return f"{contender.seconds:.3f}" if contender.times else "no answer"


def _agreement(ours: np.ndarray | None, ids: np.ndarray | None) -> str:
    """Share of queries for which the sets of ids are equal."""
    if ours is None or ids is None:
        return "-"
    same = (np.sort(ours, axis=1) == np.sort(ids, axis=1)).all(axis=1)
    return f"{100 * same.mean():.2f} %"
