"""A process of its own: fits on a private Ray cluster with checkpoints after every round, and is killed in a round.

python -m tests.faces.driver_on_ray FOLDER ROUNDS     killed in the middle of the round after so many;
                                                      prints the processes that it has started
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.engines.ray_alone import family
from tests.faces.stored import rows

import shardlearn
from shardlearn.core.events import PieceFinished, RoundFinished
from shardlearn.linear_model import LogisticRegression
from shardlearn.observe.watching import Watch


def fitted() -> Any:
    """Of several ranges, for several workers."""
    X, z, _weight = rows(20_000, 40)
    return LogisticRegression(solver="gradient-descent", tol=1e-2).fit(X, z > 0)


@contextmanager
def killed(rounds: int) -> Iterator[None]:
    """When the first range of the next round is answered, and others may be under way."""
    plain, done = Watch.emit, 0

    def emit(self: Watch, event: Any) -> None:
        nonlocal done
        plain(self, event)
        done += isinstance(event, RoundFinished)
        if isinstance(event, PieceFinished) and done == rounds:
            print(json.dumps(sorted(family(os.getpid()))), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    Watch.emit = emit
    yield


def main(folder: str, rounds: int) -> None:
    with shardlearn.engine("ray", address="local", workers=2), shardlearn.checkpoint(folder, every=0), killed(rounds):
        fitted()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
