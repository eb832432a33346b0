"""What the bench takes from its caller, and what it knows of the machine."""

from __future__ import annotations

import os
import platform
from pathlib import Path

SCALE = float(os.environ.get("BENCH_SCALE", "1"))  # share of the rows: 0.01 tries the bench itself
ONLY = os.environ.get("BENCH_ONLY", "")  # part of a section's name
TASK = os.environ.get("BENCH_TASK", "")  # part of the name of a task of k-means
REPEATS = int(os.environ.get("BENCH_REPEATS", "5"))
ASK_DASK, ASK_SPARK = bool(os.environ.get("BENCH_DASK")), bool(os.environ.get("BENCH_SPARK"))
DATA = os.environ.get("SHARDLEARN_DATA")  # real data sets
ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "bench"

CORES = len(os.sched_getaffinity(0))
THREADS = min(2, CORES)
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def rows(count: int) -> int:
    """So many rows at this scale."""
    return max(int(count * SCALE), 2_000)


def environment(threads: int = THREADS) -> dict[str, str]:
    """Of a process that may use so many threads."""
    return {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads)), "SHARDLEARN_PROGRESS": "0"}


def machine() -> str:
    """The processor's name and what of it may be used."""
    with open("/proc/cpuinfo") as file:
        names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{names[0] if names else platform.processor()}, {CORES} cores, {memory:.0f} GiB, {platform.platform()}"
