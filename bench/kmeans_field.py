"""Who takes part in what of k-means, and a contender's process as its parent sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .peers import DASK, INTEL, SKLEARN, US
from .settings import ASK_DASK, ASK_SPARK, ROOT, THREADS, environment

FAISS, PYARROW, SUPER, SPARK = "faiss-cpu", "pyarrow", "SuperKMeans", "Spark MLlib"
OWN_START = (SUPER, SPARK)  # takes no centres to start from
ITERATIONS, SEEDS = 20, 10
FIT = f"{ITERATIONS} iterations from one start"
PASS = "predict: all rows, all centres"
SEEDING = f"seeding and 1 iteration, {SEEDS} seeds"
HELD = f"{ITERATIONS} iterations, rows held in various ways"
HALVES, BATCHES = f"by halves, {ITERATIONS} iterations each", "one pass in batches of 1,024"
ARRAY, CACHED, STREAMED, READ = "array", "Parquet, room for all", "Parquet, room for less", "reading alone"
LLOYD, DOUBLE = "lloyd", "lloyd, float64 rows"
WHO: dict[str, tuple[tuple[str, str | None], ...]] = {
    FIT: (
        (US, None),
        (SKLEARN, LLOYD),
        (SKLEARN, DOUBLE),
        (SKLEARN, "elkan"),
        (INTEL, None),
        (FAISS, None),
        (SUPER, None),
        *([(DASK, None)] if ASK_DASK else []),
        *([(SPARK, None)] if ASK_SPARK else []),
    ),
    PASS: ((US, None), (SKLEARN, None), (INTEL, None), (FAISS, None), (SUPER, None)),
    SEEDING: ((US, None), (SKLEARN, None), (INTEL, None)),
    HALVES: ((US, None), (SKLEARN, None)),
    BATCHES: ((US, None), (SKLEARN, None)),
    HELD: ((US, ARRAY), (US, CACHED), (US, STREAMED), (PYARROW, READ)),
}
ONCE = (HALVES, BATCHES, HELD)  # of one table


@dataclass
class Contender:
    """One library in a process that fits on command."""

    library: str
    algorithm: str | None
    folder: Path
    process: subprocess.Popen | None = None
    answers: list[dict[str, Any]] = field(default_factory=list)  # the first one warmed up
    error: str = ""

    @property
    def name(self) -> str:
        return f"{self.library} {self.algorithm}" if self.algorithm else self.library

    @property
    def seconds(self) -> list[float]:
        return [answer["seconds"] for answer in self.answers]

    @property
    def inertia(self) -> list[float]:
        return [answer["inertia"] for answer in self.answers]

    @property
    def written(self) -> Path:
        """Where it leaves its labels, when told to."""
        return self.folder / f"labels-{self.name.replace(' ', '-')}.npy"

    @property
    def labels(self) -> np.ndarray | None:
        return np.load(self.written) if self.answers and self.written.exists() else None

    def start(self) -> None:
        self.written.unlink(missing_ok=True)
        options = [self.library, self.algorithm or "", str(self.folder), str(THREADS)]
        command = [sys.executable, "-m", "bench.kmeans_worker", *options]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def fit(self, task: str, seed: int = 0, write: bool = False) -> None:
        """One more time; who can't says why once."""
        if self.error:
            return
        assert self.process is not None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        order = {"task": task, "iterations": ITERATIONS, "seed": seed, "write": str(self.written) if write else None}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": "its process ended"}')
        if "error" in answer:
            self.error = answer["error"]
        else:
            self.answers.append(answer)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None
