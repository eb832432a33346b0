"""What Ray adds: to a round in which nothing is done, and to a fit, against threads on the same cores."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import shardlearn
from shardlearn.core.block import Block
from shardlearn.core.events import ignore
from shardlearn.core.grid import LARGEST
from shardlearn.core.query import Query
from shardlearn.data import lay_out
from shardlearn.linear_model import LinearRegression

from .settings import FOLDER, REPEATS, THREADS, rows

HEAD = ("Ray", "threads", f"{THREADS} local workers", "difference", "target")
ROUNDS = 200
SIZES = (8, 100_000, 1_000_000)  # bytes of a state
OVERHEAD = {100_000: 10.0}  # ms that a round may take more than on threads
SPEED = 0.85  # of threads'
ROWS, COLUMNS = 700_000, 400  # a round of a second or more


@dataclass(frozen=True)
class Echo:
    """Sends a state there and back, once for each block."""

    state: Any
    exact = False

    def of(self, block: Block, /) -> Any:
        return self.state.copy()

    def merge(self, left: Any, right: Any, /) -> Any:
        return left

    def bytes(self) -> int:
        return int(self.state.nbytes)


def table() -> list[tuple[str, ...]]:
    X = np.random.default_rng(0).standard_normal((rows(ROWS), COLUMNS))
    y = X[:, 0] + X[:, 1]
    file, model, out = parquet(X, y), LinearRegression(), []
    ways = {"array": lambda: model.fit(X, y), "Parquet": lambda: model.fit(file, "y")}
    with shardlearn.engine("ray", address="local", workers=THREADS) as there:
        with shardlearn.engine("threads", workers=THREADS) as here:
            for nbytes in SIZES:
                near, far = a_round(here, nbytes), a_round(there, nbytes)
                row = f"a round, state of {nbytes:,} bytes", f"{near:.1f} ms", f"{far:.1f} ms"
                most = OVERHEAD.get(nbytes)
                target = "" if most is None else said(f"<= {most:g} ms", far - near <= most)
                out.append((*row, f"{far - near:+.1f} ms", target))
        for name, way in ways.items():
            near, far = seconds(way)
            row = f"least squares, {name}, {len(X):,} x {COLUMNS}", f"{near:.2f} s", f"{far:.2f} s"
            out.append((*row, f"{near / far:.2f}x as fast", said(f">= {SPEED}x", near / far >= SPEED)))
    return out


def said(target: str, met: bool) -> str:
    return f"{target}: {'met' if met else 'missed'}"


def parquet(X: Any, y: Any) -> str:
    """The same rows in a file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"cluster-{len(X)}-{COLUMNS}.parquet"
    if not path.exists():
        columns = {f"x{i}": column for i, column in enumerate(X.T)}
        pq.write_table(pa.table({**columns, "y": y}), path, row_group_size=20_000, compression="NONE")
    return str(path)


def a_round(engine: Any, nbytes: int) -> float:
    """Milliseconds, median; each state is a new one, and each worker has a block."""
    data = {"train": engine.open(lay_out(np.zeros((LARGEST * THREADS, 1))).blocks)}
    state, times = np.zeros(nbytes // 8), []
    for i in range(ROUNDS):
        query = Query(Echo(state + i))
        began = time.perf_counter()
        engine.fold(data, query, emit=ignore)
        times.append(time.perf_counter() - began)
    engine.close(data["train"])
    return 1e3 * median(times[ROUNDS // 10 :])


def seconds(fit: Callable[[], Any]) -> tuple[float, float]:
    """Of a fit on threads and on Ray, medians of interleaved runs. An array is taken into the store each time."""
    times: dict[str, list[float]] = {"threads": [], "ray": []}
    for _ in range(1 + REPEATS):
        for kind, taken in times.items():
            with shardlearn.engine(kind, workers=THREADS):
                began = time.perf_counter()
                fit()
                taken.append(time.perf_counter() - began)
    return median(times["threads"][1:]), median(times["ray"][1:])
