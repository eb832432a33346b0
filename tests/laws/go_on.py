"""A process of its own that finishes saved fits and prints fingerprints as JSON.

python -m tests.laws.go_on NAME=FOLDER ...
"""

from __future__ import annotations

import json
import sys

from tests.laws.subjects import SOLVED
from tests.probes.plain import fingerprint
from tests.probes.registry import fit

from shardlearn.engines.serial import SerialEngine
from shardlearn.storage import state as storage


def finished(name: str, folder: str) -> str:
    stage, state = storage.load(folder)
    return fingerprint(fit(SOLVED[name], SerialEngine(), state, stage)[0])


if __name__ == "__main__":
    print(json.dumps({pair: finished(*pair.rsplit("=", 1)) for pair in sys.argv[1:]}))
