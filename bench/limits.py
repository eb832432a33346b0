"""What the machine can do at most, by loops of our own, and what share of it the fits reach."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

from shardlearn import _native, kernels

from .peers import US
from .race import Contender
from .settings import THREADS

ROUNDS, WORDS = 4_000_000, 1 << 25
PATIENCE = 3.0  # seconds of each loop: other machines on the same processor come and go
LANES = {"avx512": 8, "avx2": 4, "scalar": 1}
HEAD = ("share of the machine", "data", "threads", "reached", "of", "share")


@cache
def peaks(threads: int) -> tuple[float, float]:
    """Fused multiply-adds in float64 as flops a second, and bytes read a second, of all threads together."""
    arrays = [np.ones(WORDS) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        flops = 2 * 12 * LANES[kernels.simd()] * ROUNDS * threads
        adding = _least(lambda: list(pool.map(_native.peak_flops, [ROUNDS] * threads)))
        reading = _least(lambda: list(pool.map(_native.peak_read, arrays)))
    return flops / adding, 8 * WORDS * threads / reading


def peak_of_scores(threads: int) -> float:
    """Flops a second in float32: twice as many lanes as `peaks` has."""
    return 2 * peaks(threads)[0]


def share(flops: float, seconds: float, threads: int) -> str:
    """How far float32 work is from that."""
    reached = flops / seconds
    return f"{reached / 1e9:.0f} GFLOP/s, {reached / peak_of_scores(threads):.0%} of the peak"


def reading(size: float, seconds: float, threads: int) -> str:
    """How far so many bytes of rows are from what a loop reads that does nothing else."""
    reached = size / seconds
    return f"{reached / 1e9:.1f} GB/s, {reached / peaks(threads)[1]:.0%} of reading"


def _least(run) -> float:
    """Seconds when nothing came between: of runs that take some hundredths, as many as there is patience for."""
    times, until = [], time.perf_counter() + PATIENCE
    while not times or time.perf_counter() < until:
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


def shares(results: Sequence[Contender]) -> list[tuple[str, ...]]:
    """Least squares by its arithmetic (the upper half of the Gram matrix), logistic by the bytes of passes."""
    limits = {threads: peaks(threads) for threads in (1, THREADS)}
    rows = []
    for c in results:
        X = c.table.folder / "X.npy"
        if c.peer.library != US or c.peer.solver or not c.solved or not c.times or not X.exists():
            continue
        n, p = np.load(X, mmap_mode="r").shape
        flops, read = limits[c.threads]
        if c.task != "logistic":
            rows.append(_share(c, n * p * (p + 1) / c.seconds, flops, "GFLOP/s"))
        elif c.steps:
            rows.append(_share(c, (c.steps + 1) * X.stat().st_size / c.seconds, read, "GB/s"))
    return rows


def _share(c: Contender, reached: float, limit: float, unit: str) -> tuple[str, ...]:
    figures = (f"{reached / 1e9:.1f} {unit}", f"{limit / 1e9:.1f}", f"{reached / limit:.0%}")
    return (c.task, c.table.name, str(c.threads), *figures)
