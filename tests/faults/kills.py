"""Fits on Ray whose workers are killed: a seed picks at which pieces and in which phases, up to three in a fit.

`python -m tests.faults.kills 1000` runs that many seeds and prints how many models were identical, lost and hung.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest import mock

import numpy as np
from tests.engines.crew import crew, ray_engine
from tests.faults.doom import PHASES, DoomedPool

import shardlearn
from shardlearn import engines
from shardlearn.core.errors import EngineError
from shardlearn.engines.ray_session import SESSIONS
from shardlearn.linear_model import LinearRegression, LogisticRegression, Ridge

HANGS = 60.0  # seconds after which a fit of a tenth of a second is said to hang
FAMILIES = {
    "least squares": LinearRegression,
    "ridge, conjugate gradients": lambda: Ridge(solver="lsqr", tol=1e-4),
    "logistic": lambda: LogisticRegression(tol=1e-3),
}
PIECES = {"least squares": 4, "ridge, conjugate gradients": 25, "logistic": 25}  # of each fit, at least


@cache
def rows() -> tuple[Any, Any]:
    draw = np.random.default_rng(0)
    X = draw.standard_normal((8_000, 300))
    return X, (X[:, :3].sum(axis=1) + draw.standard_normal(8_000) > 0).astype(float)


@cache
def wanted(family: str) -> str:
    with shardlearn.engine("threads", workers=2):
        return shardlearn.fingerprint(FAMILIES[family]().fit(*rows()))


def killed(seed: int, folder: Path, most: int = 3) -> tuple[str, list[tuple[str, int]]]:
    """How a fit ended, and the phase and process of each that died."""
    draw = random.Random(seed)
    family = sorted(FAMILIES)[seed % len(FAMILIES)]
    chosen = draw.sample(range(PIECES[family]), draw.randint(1, most))
    schedule = {place: (draw.choice(PHASES), folder / f"{seed}-{i}") for i, place in enumerate(chosen)}
    engine = ray_engine(3, least=1, deadline=HANGS / 3)  # the others come while the fit runs
    engine.pool = DoomedPool(engine.pool, schedule)
    expected, began = wanted(family), perf_counter()
    try:
        with mock.patch.object(engines, "current", return_value=engine):
            end = "identical" if shardlearn.fingerprint(FAMILIES[family]().fit(*rows())) == expected else "other bits"
    except EngineError:
        end = "lost"
    if perf_counter() - began > HANGS:
        end = "hung"
    return end, [(phase, int(mark.read_text())) for phase, mark in schedule.values() if mark.exists()]


def main(count: int) -> int:
    os.environ["SHARDLEARN_PROGRESS"] = "0"
    ends, phases = Counter[str](), Counter[str]()
    with SESSIONS.held(), tempfile.TemporaryDirectory() as folder:
        crew()
        for seed in range(count):
            end, died = killed(seed, Path(folder))
            ends[end] += 1
            phases.update(phase for phase, _ in died)
            if end != "identical":
                print(f"seed {seed}: {end}")
    told = ", ".join(f"{phase} {phases[phase]}" for phase in PHASES)
    print(f"{sum(phases.values())} workers killed in {count} fits ({told})")
    print(", ".join(f"{ends[end]} {end}" for end in ("identical", "lost", "hung", "other bits")))
    return int(ends["identical"] != count or not phases)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
