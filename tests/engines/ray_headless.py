"""A process of its own that loses its Ray cluster in a fit, and prints what came of it as JSON.

python -m tests.engines.ray_headless SERVERS                  a private cluster; SERVERS: gcs_server, raylet or both
python -m tests.engines.ray_headless SERVERS isolated         the same in a network namespace
python -m tests.engines.ray_headless SERVERS HOST:PORT PID    one that somebody runs from this process
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from tests.engines.ray_alone import family, state
from tests.faces.stored import rows

import shardlearn
from shardlearn.core.events import RoundFinished
from shardlearn.engines import ray_pulse
from shardlearn.linear_model import LogisticRegression
from shardlearn.observe.watching import Watch

ROUNDS = 3  # before somebody is killed


def fitted() -> Any:
    X, z, _weight = rows(20_000, 40)
    return LogisticRegression(solver="gradient-descent", tol=1e-2).fit(X, z > 0)


def name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


@contextmanager
def killed(servers: list[str], of: int, at: list[float]) -> Iterator[None]:
    """After some rounds of the first fit; the rounds after it take their time, so that it is not over before."""
    plain, done = Watch.emit, 0

    def emit(self: Watch, event: Any) -> None:
        nonlocal done
        plain(self, event)
        if isinstance(event, RoundFinished):
            done += 1
            if done == ROUNDS:
                for pid in [pid for pid in family(of) if name(pid) in servers]:
                    os.kill(pid, signal.SIGKILL)
                    at.append(monotonic())
            elif done > ROUNDS:
                sleep(1.0)

    Watch.emit = emit
    try:
        yield
    finally:
        Watch.emit = plain


def told(call: Any) -> str:
    try:
        call()
    except shardlearn.EngineError as error:
        return str(error)
    return ""


def main(servers: str, address: str = "local", of: str = "") -> None:
    ray_pulse.RESTART = 3.0
    whole, out = shardlearn.fingerprint(fitted()), dict[str, Any]()
    os.environ["RAY_AUTH_MODE"] = "disabled"
    before, at = state(), list[float]()
    with tempfile.TemporaryDirectory() as folder:
        where = {"address": "local", "isolate": True} if address == "isolated" else {"address": address}
        with shardlearn.engine("ray", workers=2, **where), shardlearn.checkpoint(folder, every=0):
            with killed(servers.split(","), int(of or os.getpid()), at):
                out["error"], out["seconds"] = told(fitted), monotonic() - at[-1]
            out["killed"] = len(at)
            out["then"] = told(fitted)  # in the same block: a private cluster is started anew
        until = monotonic() + 5
        while any(thread.name == "shardlearn-ray-pulse" for thread in threading.enumerate()) and monotonic() < until:
            sleep(0.01)
        after = state()
        out["changed"] = {name: [before[name], after[name]] for name in before if before[name] != after[name]}
        with shardlearn.engine("ray", address="local", workers=2), shardlearn.checkpoint(folder):
            model = fitted()
    out["resumed"], out["equal"] = model.report_.resumed, shardlearn.fingerprint(model) == whole
    print(json.dumps(out), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
