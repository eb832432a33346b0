"""A process of its own for the tests: runs a probe that is killed after some rounds, or finishes what was left.

python -m tests.probes.resume run NAME FOLDER KILL_AFTER
python -m tests.probes.resume finish NAME=FOLDER ...       prints {name: fingerprint} as JSON
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from tests.probes.plain import fingerprint
from tests.probes.registry import PROBES, fit

from shardlearn.core.solver import Status
from shardlearn.engines.serial import SerialEngine
from shardlearn.storage import state as storage


def saved(now: Any, stage: int, folder: str) -> None:
    """A checkpoint: the state and the stage that it goes on in."""
    over = now.status is not Status.RUNNING
    storage.dump((stage + over, now), folder, overwrite=True)


def run_until_killed(name: str, folder: str, kill_after: int) -> None:
    rounds: list[int] = []

    def after(now: Any, stage: int) -> bool:
        saved(now, stage, folder)
        rounds.append(stage)
        if len(rounds) == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
        return False

    fit(PROBES[name], SerialEngine(), after=after)


def finish(name: str, folder: str) -> str:
    stage, state = storage.load(folder)
    return fingerprint(fit(PROBES[name], SerialEngine(), state, stage)[0])


if __name__ == "__main__":
    if sys.argv[1] == "run":
        run_until_killed(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        pairs = [argument.split("=", 1) for argument in sys.argv[2:]]
        print(json.dumps({name: finish(name, folder) for name, folder in pairs}))
