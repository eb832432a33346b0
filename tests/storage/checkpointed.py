"""A process of its own: fits a probe with checkpoints, going on where one was left; shot at the n-th call of a save.

python -m tests.storage.checkpointed PROBE FOLDER [KILL_AT]
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.probes.plain import fingerprint
from tests.probes.registry import PROBES, fit

from shardlearn.engines.serial import SerialEngine
from shardlearn.storage.checkpoints import Checkpoints
from shardlearn.storage.places import Local


def shot_at(number: int) -> None:
    """Replace the calls of a save by ones that count, the last of which never comes back."""
    left = [number]

    def counted(real: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return call

    os.fsync = lambda _: None  # a test has no time to wait for the disk
    for name in ("mkdir", "write", "fsync", "rename", "unlink", "rmdir"):
        setattr(os, name, counted(getattr(os, name)))


if __name__ == "__main__":
    probe = PROBES[sys.argv[1]]
    checkpoints = Checkpoints(Local(Path(sys.argv[2])), {"probe": probe.name})
    state = checkpoints.newest()
    if len(sys.argv) > 3:
        shot_at(int(sys.argv[3]))
    state, _ = fit(probe, SerialEngine(), state, after=lambda now, _: bool(checkpoints.save(now)))
    print(fingerprint(state))
