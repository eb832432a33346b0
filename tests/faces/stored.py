"""A process of its own: fits with checkpoints after every round, and is killed at the n-th thing that happens.

python -m tests.faces.stored CASE FOLDER [KILL_AT]     prints {"fingerprint": ..., "moments": how much happened}
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import shardlearn
from shardlearn.linear_model import LogisticRegression, Ridge
from shardlearn.observe.watching import Watch

SAVING = ("mkdir", "write", "fsync", "rename", "unlink", "rmdir")


def rows(n: int, p: int = 6) -> tuple[Any, Any, Any]:
    draw = np.random.default_rng(n)
    X = draw.normal(size=(n, p)) * 10.0 ** np.linspace(-2, 2, p)
    z = X @ (1 / np.abs(X).max(axis=0)) * 3 + draw.logistic(size=n)
    return X, z, draw.integers(1, 4, n).astype(float)


def table(folder: str) -> str:
    """Three files with holes beside the checkpoints, the same ones in every process."""
    path = Path(folder).with_name("data")
    if not path.exists():
        X, z, weight = rows(3_000)
        X[::7, 2] = np.nan
        half = path.with_name("half")
        half.mkdir()
        for i in range(3):
            part = slice(1_000 * i, 1_000 * (i + 1))
            columns = {f"c{j}": X[part, j] for j in range(6)}
            labels = np.array(["low", "mid", "high"])[np.digitize(z[part], [-1, 1])]
            pq.write_table(pa.table(columns | {"y": labels, "w": weight[part]}), half / f"{i}.parquet")
        half.rename(path)
    return str(path)


def of_files(folder: str) -> Any:
    source = shardlearn.read(table(folder), missing="drop")
    model = LogisticRegression(solver="gradient-descent", class_weight="balanced", tol=1e-2)
    return model.fit(source, y="y", sample_weight="w")


def of_sample(_: str) -> Any:
    """A search that begins at the model of some rows."""
    X, z, weight = rows(33_000)
    return LogisticRegression(tol=1e-7).fit(X, np.digitize(z, [-1, 1]), sample_weight=weight)


def conjugate(_: str) -> Any:
    X, z, weight = rows(2_000)
    return Ridge(alpha=0.1, solver="lsqr", tol=1e-10).fit(X, z, sample_weight=weight)


def newton(_: str) -> Any:
    X, z, _weight = rows(3_000)
    return LogisticRegression(solver="newton-cholesky", C=10.0).fit(X, z > 0)


def gram(_: str) -> Any:
    X, z, weight = rows(3_000)
    return Ridge(alpha=[0.1, 2.0]).fit(X, np.stack([z, -2 * z], axis=1), sample_weight=weight)


CASES: dict[str, Callable[[str], Any]] = {
    "files": of_files,
    "sample": of_sample,
    "conjugate": conjugate,
    "newton": newton,
    "gram": gram,
}


@contextmanager
def shot(at: int | None) -> Iterator[Any]:
    """Events of the fit and system calls of its saves, counted; the one with this number is never over."""
    moments, plain = count(1), Watch.emit

    def happened() -> None:
        if next(moments) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    def emit(self: Watch, event: Any) -> None:
        happened()
        plain(self, event)

    def counted(real: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            happened()
            return real(*args, **kwargs)

        return call

    os.fsync = lambda _: None  # a test has no time to wait for the disk
    for name in SAVING:
        setattr(os, name, counted(getattr(os, name)))
    Watch.emit = emit
    yield moments


def main(case: str, folder: str, at: int | None) -> None:
    table(folder)
    engine = "serial" if at is None or at % 2 else "threads:2"
    with shardlearn.engine(engine), shot(at) as moments, shardlearn.checkpoint(folder, every=0):
        model = CASES[case](folder)
    print(json.dumps({"fingerprint": shardlearn.fingerprint(model), "moments": next(moments)}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None)
