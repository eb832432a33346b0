"""A process of its own that replaces a saved model: `python -m tests.storage.saving FOLDER`."""

from __future__ import annotations

import sys

from shardlearn.storage import atomic

OLD = {"model.json": b"1\n", "model.safetensors": b"old weights"}
NEW = {"model.json": b"2\n", "model.safetensors": b"new weights, longer"}

if __name__ == "__main__":
    print("begin", flush=True)
    atomic.write_folder(sys.argv[1], "model", NEW, overwrite=True)
    print("end", flush=True)
