"""A process of its own: fits on a private Ray cluster that are interrupted at random times, and what came of them.

python -m tests.faces.interrupted_on_ray SEED TIMES     prints JSON

So many times of each signal and way to fit, and half as often while a cluster opens.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
from sklearn.model_selection import GridSearchCV
from tests.engines.ray_alone import family, state
from tests.faces.stored import rows

import shardlearn
from shardlearn.linear_model import LogisticRegression

LATEST = 0.6  # seconds after the beginning


def interrupted(what: Callable[[], Any], number: int, after: float) -> str:
    """What reaches the caller; the signal comes after so many seconds."""
    strike = Timer(after, os.kill, (os.getpid(), number))
    strike.start()
    try:
        while True:  # one may be over before
            what()
    except KeyboardInterrupt as error:
        return type(error).__name__
    finally:
        strike.join()


def stop(number: int, frame: object) -> None:
    """As programs do that want to end in good order on SIGTERM."""
    raise KeyboardInterrupt


def main(seed: int, times: int) -> None:
    draw, (X, z, _weight) = np.random.default_rng(seed), rows(60_000, 40)
    model = LogisticRegression(solver="gradient-descent", tol=0.0, max_iter=10**6)
    search = GridSearchCV(model, {"C": [0.1, 1.0, 10.0]}, cv=2, error_score=0.0)
    short = LogisticRegression(tol=1e-2)
    whole, out = shardlearn.fingerprint(short.fit(X, z > 0)), dict[str, Any]()
    signal.signal(signal.SIGTERM, stop)
    before = state()
    with shardlearn.engine("ray", address="local", workers=2):
        workers = named()
        for way in (model, search):
            for number in (signal.SIGINT, signal.SIGTERM):
                caught = [
                    interrupted(lambda way=way: way.fit(X, z > 0), number, draw.uniform(0, LATEST))
                    for _ in range(times)
                ]
                out[f"{type(way).__name__} {number.name}"] = caught
        out["equal"] = shardlearn.fingerprint(short.fit(X, z > 0)) == whole
        out["started"] = sorted(workers)
        out["others"] = sorted(named().items() ^ workers.items())
    out["opening"] = [interrupted(opened, signal.SIGINT, draw.uniform(0, 8.0)) for _ in range(times // 2)]
    after = state()
    out["changed"] = {name: [before[name], after[name]] for name in before if before[name] != after[name]}
    print(json.dumps(out))


def named() -> dict[int, str]:
    """Processes that come from this one, and what they are called."""
    names = dict[int, str]()
    for pid in family(os.getpid()):
        with suppress(OSError):  # one that has just ended
            names[pid] = Path(f"/proc/{pid}/comm").read_text().strip()
    return names


def opened() -> None:
    """Interrupted while it starts, or ends."""
    with shardlearn.engine("ray", address="local", workers=2):
        pass


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
