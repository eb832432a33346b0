"""Measures the constants of `bench/scaling.py` here, checks the model with 1, 2 and 4 workers, and asks it for more.

`make bench-scale`; the tables are those of docs/explanation/scale.md.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from scipy.optimize import nnls

import shardlearn
from shardlearn.core.events import ignore
from shardlearn.core.grid import LARGEST
from shardlearn.core.query import Query
from shardlearn.data import lay_out
from shardlearn.losses.squared import Squared
from shardlearn.statistics.gradient import GradSums

from .cluster import Echo
from .parquet import COLUMNS, written
from .scaling import Constants, Job, Site, machines, overhead, times
from .settings import CORES, REPEATS, machine
from .table import markdown

WORKERS = (1, 2, 4)
SIZES = (8, 100_000, 1_000_000)  # bytes of a state, and of its answer
ROUNDS = 60
LARGE = 10e12
HEAD = ("10 TB", "Machines", "First pass", "Later passes", "of it overhead", "Fit", "Machine-hours")
JOBS = (
    Job("least squares, 100 features", LARGE, 1e3, 8e4, 2),
    Job("logistic, 100 features", LARGE, 1e3, 1e3, 20),
    Job("multinomial, 1,000 features, 10 classes", LARGE, 8e4, 8e4, 50),
    Job("Newton, 1,000 features", LARGE, 8e3, 8e6, 8),
)


@dataclass(frozen=True)
class Seen:
    """Seconds on so many workers of one thread."""

    rounds: Mapping[int, float]  # in which nothing is done, by bytes of the state
    cold: float  # a pass over the file
    cached: float
    data: int  # bytes of that file's features, as numbers in memory


def seen(workers: int) -> Seen:
    """Medians; workers=4 on two cores share them."""
    with shardlearn.engine("ray", address="local", workers=workers) as engine:
        empty = engine.open(lay_out(np.zeros((LARGEST * workers, 1))).blocks)  # a block for each worker
        rounds = {size: median(_round(engine, empty, size) for _ in range(ROUNDS)) for size in SIZES}
        engine.close(empty)
        cold, cached = [], []
        for _ in range(1 + REPEATS):  # in the first, workers load what they need
            laid = lay_out(str(written()), "y")
            data = engine.open(laid.blocks)
            query = Query(GradSums(Squared(), np.zeros((1, laid.n_features)), np.zeros(1)))
            cold.append(_pass(engine, data, query))
            cached.append(median(_pass(engine, data, query) for _ in range(3)))
            engine.close(data)
    return Seen(rounds, median(cold[1:]), median(cached[1:]), laid.rows * (COLUMNS - 1) * 8)


def _round(engine: Any, data: Any, size: int) -> float:
    return _pass(engine, data, Query(Echo(np.random.default_rng().random(size // 8))))


def _pass(engine: Any, data: Any, query: Query[Any]) -> float:
    began = time.perf_counter()
    engine.fold({"train": data}, query, emit=ignore)
    return time.perf_counter() - began


def fitted(found: Mapping[int, Seen]) -> Constants:
    """Overheads by least squares over all rounds; speeds of one worker alone."""
    rows = [(workers, size, t) for workers, one in found.items() for size, t in one.rounds.items()]
    A = np.array([(1, workers, size, workers * size) for workers, size, _ in rows], dtype=float)
    t = np.array([t for *_, t in rows])
    weight = 1 / t  # what is short counts as much as what is long
    a, b, c, d = nnls(A * weight[:, None], t * weight)[0]
    alone, rest = found[1], a + b
    return Constants(a, b, c, d, alone.data / (alone.cold - rest), alone.data / (alone.cached - rest))


def named(c: Constants) -> list[tuple[str, str]]:
    """As they are printed."""
    return [
        ("`round`", f"{1e3 * c.round:.3f} ms"),
        ("`call`", f"{1e3 * c.call:.3f} ms"),
        ("`byte`", f"{1e9 * c.byte:.3f} ns"),
        ("`byte_call`", f"{1e9 * c.byte_call:.3f} ns"),
        ("`cold`", f"{c.cold / 1e9:.3f} GB/s"),
        ("`cached`", f"{c.cached / 1e9:.3f} GB/s"),
    ]


def printed(rows: Sequence[tuple[str, str]]) -> Constants:
    """Those that were printed, so that the page follows from itself."""
    values = [float(text.split()[0]) for _, text in rows]
    scales = (1e-3, 1e-3, 1e-9, 1e-9, 1e9, 1e9)
    return Constants(*(value * scale for value, scale in zip(values, scales, strict=True)))


def checked(constants: Constants, found: Mapping[int, Seen]) -> list[tuple[str, ...]]:
    """What the model says of the runs, whose cores workers share where there are more of them."""
    out = []
    for workers, one in found.items():
        for size, t in one.rounds.items():
            said = constants.round + constants.call * workers + (constants.byte + constants.byte_call * workers) * size
            out.append(
                (
                    f"a round, {size:,} bytes",
                    str(workers),
                    f"{1e3 * said:.2f} ms",
                    f"{1e3 * t:.2f} ms",
                    f"{said / t:.2f}",
                )
            )
        beside = overhead(constants, 8.0 * COLUMNS, 8.0 * COLUMNS, workers, Site().network)
        for name, speed, t in (("from Parquet", constants.cold, one.cold), ("cached", constants.cached, one.cached)):
            said = beside + one.data / (speed * min(workers, CORES))
            out.append((f"a pass, {name}", str(workers), f"{said:.3f} s", f"{t:.3f} s", f"{said / t:.2f}"))
    return out


def asked(constants: Constants) -> list[tuple[str, ...]]:
    """10 TB."""
    site, out = Site(), []
    for job in JOBS:
        for workers in (1, 10, 100, machines(job, site), 1_000):
            found = times(constants, job, site, workers)
            hours = found.fit(job.passes) / 3600
            out.append(
                (
                    job.name,
                    f"{workers:,}",
                    f"{found.first:,.0f} s",
                    f"{found.later:,.1f} s",
                    f"{1e3 * found.overhead:,.0f} ms",
                    f"{hours:,.2f} h",
                    f"{workers * hours * site.price:,.0f}",
                )
            )
    return out


def main() -> None:
    print(f"{machine()}\n{REPEATS} runs of a pass, {ROUNDS} of a round; medians\n", flush=True)
    found = {workers: seen(workers) for workers in WORKERS}
    rows = named(fitted(found))
    constants = printed(rows)
    print(markdown(("Constant", "Measured"), rows) + "\n")
    print(markdown(("What", "Workers", "Model", "Seen", "Model / seen"), checked(constants, found)) + "\n")
    print(markdown(HEAD, asked(constants)))


if __name__ == "__main__":
    main()
