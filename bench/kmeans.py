"""k-means beside other libraries: the same start and as many iterations, each in a process of its own; and seeding.

And from Parquet, in one memory limit that the rows fit into and one that they don't, beside reading alone; and by
halves, and by batches. SuperKMeans and Spark's MLlib take no start: theirs is rows at random, and the inertia says what
became of it. What the columns say: bench/kmeans_rows.py.
"""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from . import limits, turns
from .kmeans_field import (
    DOUBLE,
    FAISS,
    FIT,
    HELD,
    ONCE,
    PYARROW,
    SEEDING,
    SEEDS,
    SPARK,
    SUPER,
    WHO,
    Contender,
)
from .kmeans_rows import HEAD, row
from .peers import DASK, INTEL, SKLEARN, US
from .settings import DATA, FOLDER, REPEATS, SCALE, TASK, THREADS, rows

__all__ = ["HEAD", "table"]
GROUP = 65_536  # rows of a row group of Parquet


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
            (folder / "done").touch()
        return folder

    def clusters(self, n: int) -> int:
        """As many as asked for, but for tries with few rows."""
        return min(self.k, n // 10)


def in_parquet(folder: Path) -> None:
    """Dense rows as a file, in row groups enough for each thread to have some."""
    path = folder / "rows.parquet"
    if not path.exists() and (folder / "X.npy").exists():
        columns = {f"x{j}": column for j, column in enumerate(np.load(folder / "X.npy").T)}
        pq.write_table(pa.table(columns), path.with_suffix(".part"), row_group_size=GROUP)
        path.with_suffix(".part").rename(path)


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


def table() -> list[tuple[str, ...]]:
    limits.peak_of_scores(THREADS)  # while no other process waits for work in a loop
    each = [(one, task) for one in TABLES for task in WHO if TASK in task and (task not in ONCE or one is TABLES[0])]
    return [line for one, task in each for line in race(one, task)]


def race(one: Rows, task: str) -> list[tuple[str, ...]]:
    """Interleaved runs of all."""
    folder = one.written()
    sparse = (folder / "X.npz").exists()
    if task == HELD or SPARK in {library for library, _ in WHO[task]}:
        in_parquet(folder)
    who = [(library, way) for library, way in WHO[task] if library in one.peers and not (sparse and way == DOUBLE)]
    field = [Contender(library, way, folder) for library, way in who]
    for contender in field:
        contender.start()
    try:
        (seeds if task == SEEDING else runs)(task, field)
    finally:
        for contender in field:
            contender.stop()
    return [row(one.name, task, contender, field) for contender in field]


def seeds(task: str, field: Sequence[Contender]) -> None:
    """Each seed once: all count for the inertia, all but the first for the time."""
    for seed in range(SEEDS):
        for contender in field:
            contender.fit(task, seed)


def runs(task: str, field: Sequence[Contender]) -> None:
    """The same again and again, once to warm up, when labels are written."""
    for contender in field:
        contender.fit(task, write=task == FIT)
    first = [(contender.seconds or [np.inf])[0] for contender in field]
    for i in turns.turns(first, REPEATS, np.inf if task == HELD else turns.FAR):
        field[i].fit(task)
