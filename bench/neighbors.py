"""Exact neighbours of 10,000 queries: seconds of each library, and how many queries have the same ids as ours.

One table from Parquet too, which is read once for each batch of queries: with room for its rows, and with less.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np

from . import limits, turns
from .neighbors_worker import CACHED, FAISS, FROM_FILE, LIBRARIES, READ, SCIPY, STREAMED, US, written
from .settings import DATA, FOLDER, REPEATS, ROOT, THREADS, environment

HEAD = ("neighbours", "k", "who", "seconds", "x ours", "same ids", "")
TABLES = ("1,000,000 x 3", "100,000 x 16", "100,000 x 64", "1,000,000 x 128", "Fashion-MNIST 60,000 x 784")
ON_DISK, FEWER = "1,000,000 x 128", 3  # the table that is read from a file too, in so many runs
NEEDS = {"scikit-learn-intelex": "sklearnex", FAISS: "faiss"}
LONGEST = 1200.0  # seconds of one answer


@dataclass
class Contender:
    """A process that holds the rows and answers on command."""

    library: str
    table: str
    threads: int
    way: str = ""  # how a file is read
    times: list[float] = field(default_factory=list)
    ids: np.ndarray | None = None
    flops: float = 0.0  # of all distances
    size: int = 0  # bytes of the rows
    process: subprocess.Popen | None = None

    @property
    def name(self) -> str:
        library = "pyarrow" if self.way == READ else self.library
        return ", ".join(filter(None, (library, self.way, "1 thread" if self.threads == 1 else "")))

    @property
    def seconds(self) -> float:
        return median(self.times) if self.times else np.inf

    def start(self) -> None:
        options = [self.library, self.table, str(self.threads), self.way]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.neighbors_worker", *options],
            cwd=ROOT,
            env=environment(self.threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def answer(self, k: int, write: Path | None = None) -> None:
        process = self.process
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"k": k, "write": None if write is None else str(write)}) + "\n")
        process.stdin.flush()
        if select.select([process.stdout], [], [], LONGEST)[0]:
            line = process.stdout.readline()
            if line:
                found = json.loads(line)
                self.times.append(found["seconds"])
                self.flops, self.size = found["flops"], found["bytes"]
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
    return [line for name in TABLES if DATA or "MNIST" not in name for line in _in_memory(name)] + _from_disk()


def _in_memory(name: str) -> list[tuple[str, ...]]:
    libraries = [library for library in LIBRARIES if library not in NEEDS or find_spec(NEEDS[library])]
    libraries += [SCIPY] if name.endswith(" x 3") else []  # few features: trees
    field_ = [Contender(library, name, THREADS) for library in libraries] + [Contender(US, name, 1)]
    return _started(field_, (10, 100))


def _from_disk() -> list[tuple[str, ...]]:
    """And the rows in memory, by which the others are measured."""
    written(ON_DISK)
    return _started([Contender(US, ON_DISK, THREADS, way) for way in ("", *FROM_FILE)], (10,))


def _started(field_: list[Contender], ks: Sequence[int]) -> list[tuple[str, ...]]:
    for contender in field_:
        contender.start()
    try:
        return [line for k in ks for line in _raced(field_, k)]
    finally:
        for contender in field_:
            contender.stop()


def _raced(field_: list[Contender], k: int) -> list[tuple[str, ...]]:
    """The first answers are compared, then runs are timed, one library after the other."""
    answers, first = FOLDER / "neighbors.npy", []
    for contender in field_:
        answers.unlink(missing_ok=True)
        contender.times = []
        contender.answer(k, answers)
        contender.ids = np.load(answers) if answers.exists() else None
        first.append(contender.seconds)
        contender.times = []
    on_disk = any(contender.way for contender in field_)
    for i in turns.turns(first, *((min(REPEATS, FEWER), np.inf) if on_disk else (REPEATS,))):
        field_[i].answer(k)
    return [row(contender, k, field_[0]) for contender in sorted(field_, key=lambda c: c.seconds)]


def row(one: Contender, k: int, ours: Contender) -> tuple[str, ...]:
    """Of one contender; ours has the rows in memory."""
    notes = [_machine(one), _beside(one, ours), turns.told(len(one.times), REPEATS)]
    return (
        one.table,
        str(k),
        one.name,
        f"{one.seconds:.3f}" if one.times else "no answer",
        f"{one.seconds / ours.seconds:.2f}",
        _agreement(ours.ids, one.ids),
        "; ".join(note for note in notes if note),
    )


def _machine(one: Contender) -> str:
    """Share of its multipliers, or of reading; a tree computes few of the distances."""
    if one.library != US or one.table in TABLES[:1] or not one.times:
        return ""
    if one.way == READ:
        return limits.reading(one.size, one.seconds, one.threads)
    return limits.share(one.flops, one.seconds, one.threads)


def _beside(one: Contender, ours: Contender) -> str:
    if one.way not in {CACHED, STREAMED} or not one.times:
        return ""
    return f"{ours.seconds / one.seconds:.0%} of the rate in memory"


def _agreement(ours: np.ndarray | None, ids: np.ndarray | None) -> str:
    """Share of queries for which the sets of ids are equal."""
    if ours is None or ids is None:
        return "-"
    same = (np.sort(ours, axis=1) == np.sort(ids, axis=1)).all(axis=1)
    return f"{100 * same.mean():.2f} %"
