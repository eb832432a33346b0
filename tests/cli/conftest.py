"""Small tables, and the program run as people run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from shardlearn.cli.running import run

ENV = {name: value for name, value in os.environ.items() if not name.startswith("SHARDLEARN_")}
COMMAND = [sys.executable, "-W", "error", "-m", "shardlearn.cli"]


@dataclass(frozen=True)
class Done:
    """What a run said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


@pytest.fixture
def call(tmp_path, monkeypatch, capsys) -> Callable[..., Done]:
    """What `shardlearn ...` does, in this process, in `tmp_path`."""
    for name in os.environ:
        if name.startswith("SHARDLEARN_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def inside(*arguments: str, **env: str) -> Done:
        with monkeypatch.context() as here:
            for name, value in env.items():
                here.setenv(name, value)
            code = run(arguments)
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return inside


@pytest.fixture
def spawn(tmp_path) -> Callable[..., Done]:
    """Run `shardlearn ...` in a new process, in `tmp_path`."""

    def outside(*arguments: str, **env: str) -> Done:
        done = subprocess.run(
            [*COMMAND, *arguments], cwd=tmp_path, env=ENV | env, capture_output=True, text=True, timeout=120
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return outside


def flights(n: int = 3000, seed: int = 0) -> pa.Table:
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(n, 3)) * [1.0, 10.0, 0.1]
    z = X @ [1.0, -0.1, 3.0] + 0.3
    return pa.table(
        {
            "id": pa.array(np.arange(n)),
            "a": X[:, 0],
            "b": X[:, 1],
            "c": X[:, 2],
            "late": draw.random(n) < 1 / (1 + np.exp(-z)),
            "carrier": np.array(["AA", "BB", "CC"])[np.argmax(z[:, None] * [1, 0, -1] + draw.gumbel(size=(n, 3)), 1)],
            "delay": z + draw.normal(size=n),
            "w": draw.random(n),
        }
    )


@pytest.fixture
def table() -> pa.Table:
    return flights()


@pytest.fixture
def data(tmp_path, table) -> Path:
    """Three Parquet files."""
    folder = tmp_path / "data"
    folder.mkdir()
    for i, start in enumerate(range(0, table.num_rows, 1000)):
        pq.write_table(table.slice(start, 1000), folder / f"part-{i}.parquet", row_group_size=300)
    return folder


@pytest.fixture
def csv(tmp_path, table) -> Path:
    """The same rows as one CSV file."""
    path = tmp_path / "all.csv"
    pa_csv.write_csv(table, path)
    return path
