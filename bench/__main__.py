"""One command, one table: `make bench`.

BENCH_SCALE=0.01 tries it; BENCH_ONLY=logistic runs what has that in its name
(BENCH_TASK=predict: of k-means only what has that); BENCH_DASK=1 asks dask-ml too, and
BENCH_SPARK=1 Spark MLlib, which needs Java 17.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from . import accuracy, cluster, kmeans, leaves, limits, neighbors, parquet, turns
from .data import TABLES
from .race import Contender, race
from .settings import DATA, ONLY, REPEATS, SCALE, THREADS, machine
from .table import HEAD, markdown, race_rows


def main() -> None:
    began = time.monotonic()
    print(f"{machine()}\n{THREADS} threads each, medians of {REPEATS} interleaved runs, rows x {SCALE:g}")
    print(
        f"k-means, neighbours: who takes {turns.FAR:g} times as long as the fastest, and more than a second, runs once"
    )
    if not DATA:
        print("SHARDLEARN_DATA is not set: without covertype and a9a")
    print(flush=True)
    results: list[Contender] = []
    for table in TABLES:
        for task in table.tasks:
            if ONLY in f"{table.name} {task}":
                found = race(task, table)
                results += found
                show(HEAD, race_rows(found))
    show(limits.HEAD, limits.shares(results) if results else [])
    parts = (
        (kmeans, "kmeans"),
        (neighbors, "neighbors"),
        (accuracy, "accuracy"),
        (leaves, "leaves"),
        (parquet, "parquet"),
        (cluster, "ray"),
    )
    for part, name in parts:
        if ONLY in name:
            show(part.HEAD, part.table())
    print(f"{(time.monotonic() - began) / 60:.0f} minutes")


def show(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if rows:
        print(markdown(head, rows) + "\n", flush=True)


if __name__ == "__main__":
    main()
