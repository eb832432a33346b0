"""k-means beside other libraries: the same start and as many iterations, each in a process of its own; and seeding.

And from Parquet, in one memory limit that the rows fit into and one that they don't, beside reading alone; and by
halves, and by batches. SuperKMeans and Spark's MLlib take no start: theirs is rows at random, and the inertia says what
became of it.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from . import limits
from .peers import DASK, INTEL, SKLEARN, US
from .settings import ASK_DASK, ASK_SPARK, DATA, FOLDER, REPEATS, ROOT, SCALE, THREADS, environment, rows

HEAD = ("k-means", "task", "who", "seconds", "x ours", "inertia over ours - 1", "")
FAISS, PYARROW, SUPER, SPARK = "faiss-cpu", "pyarrow", "SuperKMeans", "Spark MLlib"
ITERATIONS, SEEDS = 20, 3
FIT, SEEDING = f"{ITERATIONS} iterations from one start", "seeding and 1 iteration"
PASS = "predict: all rows, all centres"
HELD = f"{ITERATIONS} iterations, rows held in various ways"
HALVES, BATCHES = f"by halves, {ITERATIONS} iterations each", "one pass in batches of 1,024"
ARRAY, CACHED, STREAMED, READ = "array", "Parquet, room for all", "Parquet, room for less", "reading alone"
WHO = {
    FIT: (
        (US, None),
        (SKLEARN, "lloyd"),
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


@dataclass(frozen=True)
class Rows:
    """Float32 rows, or sparse float64 ones, and how many clusters are looked for."""

    name: str
    k: int
    make: Callable[[], Any]
    peers: tuple[str, ...] = (US, SKLEARN, INTEL, FAISS, SUPER, DASK, SPARK, PYARROW)

    def written(self) -> Path:
        folder = FOLDER / f"kmeans-{self.name.replace(' ', '-')}-{SCALE:g}"
        if not (folder / "done").exists():
            folder.mkdir(parents=True, exist_ok=True)
            X = self.make()
            n = X.shape[0]
            chosen = X[np.random.default_rng(1).choice(n, self.clusters(n), replace=False)]
            if sp.issparse(X):
                sp.save_npz(folder / "X.npz", X)
                np.save(folder / "start.npy", chosen.toarray())
            else:
                np.save(folder / "X.npy", X)
                np.save(folder / "start.npy", chosen)
                pq.write_table(pa.table({f"x{j}": column for j, column in enumerate(X.T)}), folder / "X.parquet")
            (folder / "done").touch()
        return folder

    def clusters(self, n: int) -> int:
        """As many as asked for, but for tries with few rows."""
        return min(self.k, n // 10)


def mixture(n: int, p: int, k: int) -> np.ndarray:
    """Rows around k points that lie close enough for some to be between them."""
    rng = np.random.default_rng(p)
    spots = rng.standard_normal((k, p), np.float32)
    X = rng.standard_normal((rows(n), p), np.float32)
    X += 1.5 * spots[rng.integers(0, k, len(X))]
    return X


def fashion() -> np.ndarray:
    with gzip.open(Path(DATA or "") / "fashion_mnist" / "train-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
    return pixels[: rows(len(pixels))].astype(np.float32) / 255


def newsgroups() -> sp.csr_matrix:
    """Tf-idf of what people wrote, as TfidfVectorizer gives it."""
    with tarfile.open(Path(DATA or "") / "newsgroups20" / "20news-bydate.tar.gz") as archive:
        files = [archive.extractfile(member) for member in archive if member.isfile()]
        texts = [file.read().decode("latin-1").partition("\n\n")[2] for file in files if file]
    return TfidfVectorizer(max_features=40_000, stop_words="english").fit_transform(texts[: rows(len(texts))])


TABLES = [
    Rows("1M x 32 k 64", 64, lambda: mixture(1_000_000, 32, 64)),
    Rows("200k x 128 k 1000", 1000, lambda: mixture(200_000, 128, 1000)),
    *([Rows("Fashion-MNIST k 100", 100, fashion)] if DATA else []),
    *([Rows("tf-idf 18,846 x 40,000 k 20", 20, newsgroups, (US, SKLEARN, INTEL))] if DATA else []),
]


@dataclass
class Contender:
    """One library in a process that fits on command."""

    library: str
    algorithm: str | None
    process: subprocess.Popen
    seconds: list[float] = field(default_factory=list)
    inertia: list[float] = field(default_factory=list)
    flops: float = 0.0  # of all scores of dense rows, where nothing else is done
    note: str = ""

    @classmethod
    def start(cls, library: str, algorithm: str | None, folder: Path) -> Contender:
        command = [sys.executable, "-m", "bench.kmeans_worker", library, algorithm or "", str(folder), str(THREADS)]
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return cls(library, algorithm, process)

    def fit(self, order: dict) -> None:
        """One more time; who can't says why once."""
        if self.note:
            return
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": "its process ended"}')
        if "error" in answer:
            self.note = answer["error"]
        else:
            self.seconds.append(answer["seconds"])
            self.inertia.append(answer["inertia"])
            self.flops = answer.get("flops", 0.0)

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


def table() -> list[tuple[str, ...]]:
    limits.peak_of_scores(THREADS)  # while no other process waits for work in a loop
    each = [(one, task) for one in TABLES for task in WHO if task not in ONCE or one is TABLES[0]]
    return [row for one, task in each for row in race(one, task)]


def race(one: Rows, task: str) -> list[tuple[str, ...]]:
    """Interleaved runs of all; of seeding, from several seeds."""
    folder = one.written()
    field_ = [Contender.start(*who, folder) for who in WHO[task] if who[0] in one.peers]
    try:
        for number in range(-1, REPEATS):  # the first one warms up
            for contender in field_:
                contender.fit({"task": task, "iterations": ITERATIONS, "seed": max(number, 0) % SEEDS})
    finally:
        for contender in field_:
            contender.stop()
    return [_row(one.name, task, contender, field_[0]) for contender in field_]


def _row(name: str, task: str, one: Contender, ours: Contender) -> tuple[str, ...]:
    who = f"{one.library} {one.algorithm}" if one.algorithm else one.library
    if one.note:
        return (name, task, who, "-", "-", "-", one.note)
    took, base = median(one.seconds[1:]), median(ours.seconds[1:] or [np.nan])
    apart = median(one.inertia) / median(ours.inertia or [np.nan]) - 1
    share = limits.share(one.flops, took, THREADS) if one is ours and task == PASS and one.flops else ""
    return (name, task, who, f"{took:.3f}", f"{took / base:.2f}", f"{apart:.1e}", share)
