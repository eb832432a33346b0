"""A process of its own that replaces a saved model, or adds a checkpoint to two.

python -m tests.storage.saving model|checkpoint FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from shardlearn.storage import atomic
from shardlearn.storage.checkpoints import Checkpoints
from shardlearn.storage.places import Local

OLD = {"model.json": b"1\n", "model.safetensors": b"old weights"}
NEW = {"model.json": b"2\n", "model.safetensors": b"new weights, longer"}


def checkpoints(folder: Path) -> Checkpoints:
    return Checkpoints(Local(folder), {"data": "stamp"})


def state(number: int) -> tuple[int, np.ndarray]:
    return number, np.arange(100.0) + number


if __name__ == "__main__":
    from shardlearn.storage import state as states

    states.to_files(state(0))  # what is imported late
    print("begin", flush=True)
    if sys.argv[1] == "model":
        atomic.write_folder(sys.argv[2], "model", NEW, overwrite=True)
    else:
        checkpoints(Path(sys.argv[2])).save(state(3))
    print("end", flush=True)
