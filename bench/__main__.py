"""One command, one table: `make bench`.

BENCH_SCALE=0.01 tries it; BENCH_ONLY=logistic runs what has that in its name; BENCH_DASK=1 asks dask-ml too.
"""

from __future__ import annotations

import time

from .data import TABLES
from .race import race
from .settings import ONLY, REPEATS, SCALE, THREADS, machine
from .table import HEAD, markdown, race_rows


def main() -> None:
    began = time.monotonic()
    print(f"{machine()}\n{THREADS} threads each, medians of {REPEATS} interleaved runs, rows x {SCALE:g}\n", flush=True)
    for table in TABLES:
        for task in table.tasks:
            if ONLY in f"{table.name} {task}":
                print(markdown(HEAD, race_rows(race(task, table))) + "\n", flush=True)
    print(f"{(time.monotonic() - began) / 60:.0f} minutes")


if __name__ == "__main__":
    main()
