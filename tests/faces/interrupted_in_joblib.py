"""A process of its own: a search in two processes of joblib is interrupted, and prints what reached its caller.

python -m tests.faces.interrupted_in_joblib one|all     this process gets the signal, or its group, as from a terminal
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

from sklearn.model_selection import GridSearchCV
from tests.engines.ray_alone import family
from tests.faces.stored import rows

from shardlearn.linear_model import LogisticRegression

WORKER = "loky.backend.popen_loky"


def workers() -> list[int]:
    return [pid for pid in family(os.getpid()) if WORKER in Path(f"/proc/{pid}/cmdline").read_text()]


def busy(pid: int) -> bool:
    """Has computed for so long that it is past its imports."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") > 6.0


def main(whom: str) -> None:
    X, z, _weight = rows(60_000, 40)
    model = LogisticRegression(solver="gradient-descent", tol=0.0, max_iter=10**6)
    search, out = GridSearchCV(model, {"C": [0.1 * i for i in range(1, 40)]}, cv=3, n_jobs=2), dict[str, Any]()

    def strike() -> None:
        until = monotonic() + 60
        while len(found := workers()) < 2 or not all(map(busy, found)):
            if monotonic() > until:
                os._exit(1)
            sleep(0.05)
        out["workers"] = found
        (os.killpg if whom == "all" else os.kill)(os.getpid(), signal.SIGINT)

    Thread(target=strike).start()
    try:
        search.fit(X, z > 0)
        out["caught"] = "nothing"
    except KeyboardInterrupt as error:
        out["caught"] = type(error).__name__
    until = monotonic() + 10
    while workers() and monotonic() < until:
        sleep(0.05)
    print(json.dumps(out))


if __name__ == "__main__":
    main(sys.argv[1])
