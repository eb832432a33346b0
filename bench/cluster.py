"""What Ray adds: to a round in which nothing is done, and to a fit, against threads on the same cores."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

import shardlearn
from shardlearn.core.block import Block
from shardlearn.core.events import ignore
from shardlearn.core.query import Query
from shardlearn.data import lay_out
from shardlearn.linear_model import LinearRegression

from .settings import REPEATS, THREADS, rows

HEAD = ("Ray", "threads", f"{THREADS} local workers", "difference", "target")
ROUNDS = 200
SIZES = {8: "", 100_000: "<= 10 ms", 1_000_000: ""}  # bytes of a state


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
    X = np.random.default_rng(0).standard_normal((rows(500_000), 400))
    y = X[:, 0] + X[:, 1]
    taken: dict[str, list[Any]] = {"threads": [], "ray": []}
    for kind in taken:
        with shardlearn.engine(kind, workers=THREADS, **({"address": "local"} if kind == "ray" else {})) as engine:
            taken[kind] = [*(a_round(engine, nbytes) for nbytes in SIZES), *fits(lambda: LinearRegression().fit(X, y))]
    out = []
    for nbytes, here, there in zip(SIZES, taken["threads"], taken["ray"], strict=False):
        name = f"a round, state of {nbytes:,} bytes"
        out.append((name, f"{here:.1f} ms", f"{there:.1f} ms", f"{there - here:+.1f} ms", SIZES[nbytes]))
    for name, here, there in zip(("first fit", "fit"), taken["threads"][-2:], taken["ray"][-2:], strict=True):
        speed, target = f"{here / there:.2f}x", ">= 0.85x" if name == "fit" else ""
        out.append((f"{name}, least squares, {len(X):,} x 400", f"{here:.2f} s", f"{there:.2f} s", speed, target))
    return out


def a_round(engine: Any, nbytes: int) -> float:
    """Milliseconds, median; each state is a new one."""
    data = {"train": engine.open(lay_out(np.zeros((1_000, 4))).blocks)}
    state, times = np.zeros(nbytes // 8), []
    for i in range(ROUNDS):
        query = Query(Echo(state + i))
        began = time.perf_counter()
        engine.fold(data, query, emit=ignore)
        times.append(time.perf_counter() - began)
    engine.close(data["train"])
    return 1e3 * median(times[ROUNDS // 10 :])


def fits(fit: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of the first one, in which arrays are taken into the store, and of those after it."""
    times = []
    for _ in range(1 + REPEATS):
        began = time.perf_counter()
        fit()
        times.append(time.perf_counter() - began)
    return times[0], median(times[1:])
