"""Memory stays under `memory=` through a fit, a score and streamed predictions (promises R14); a tenth of it in CI."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from tests.project.sources import ROOT

PROGRAM = """
    import json, sys
    import numpy as np, pyarrow.compute, pyarrow.csv, pyarrow.parquet, pyarrow.dataset
    import shardlearn
    from shardlearn import linear_model
    from tests.peak import Peak

    order = json.loads(sys.argv[1])

    def all_of_it(data, out):
        model = getattr(linear_model, order["model"])(**order["settings"]).fit(data, "y")
        score = model.score(data, "y")
        model.predict(data).to_parquet(out)
        return model.report_.rows, score

    all_of_it(order["warm"], order["out"] + " of few rows")  # loads what is loaded once
    with shardlearn.engine("threads", workers=2, memory=order["memory"]), Peak() as peak:
        rows, score = all_of_it(order["data"], order["out"])
    print(json.dumps({"peak": peak.added, "after": peak.kept(), "score": score, "rows": rows}))
"""


def write(path: Path, rows: int, columns: int, group: int) -> str:
    """Random features x0, x1, ... and labels y, in row groups of so many rows, or as CSV; never whole in memory."""
    draw = np.random.default_rng(0)
    names = [*(f"x{j}" for j in range(columns)), "y"]
    schema = pa.schema([*((name, pa.float64()) for name in names[:-1]), ("y", pa.int64())])
    csv = path.suffix == ".csv"
    writer = pyarrow.csv.CSVWriter(path, schema) if csv else pq.ParquetWriter(path, schema, use_dictionary=False)
    with writer:
        for start in range(0, rows, group):
            X = draw.standard_normal((columns, min(group, rows - start)))
            y = (X[0] - X[1] + draw.standard_normal(X.shape[1]) > 0).astype(np.int64)
            writer.write_table(pa.table([*X, y], schema), **({} if csv else {"row_group_size": group}))
    return str(path)


def run(
    tmp_path: Path, name: str, model: tuple[str, dict[str, Any]], shape: tuple[int, int, int], limit: int
) -> dict[str, float]:
    suffix = Path(name).suffix
    order = {
        "model": model[0],
        "settings": model[1],
        "data": write(tmp_path / name, *shape),
        "warm": write(tmp_path / f"warm{suffix}", 2_000, shape[1], 2_000),
        "out": str(tmp_path / "out"),
        "memory": limit,
    }
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(PROGRAM), json.dumps(order)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout)
    print(f"{name}: {found['peak'] / 1e6:.0f} MB of {limit / 1e6:.0f}, {found['after'] / 1e6:.0f} MB afterwards")
    return found


GROUP = 1_048_576  # rows, pyarrow's default
Model = tuple[str, dict[str, Any]]  # class and settings
LOGISTIC: Model = ("LogisticRegression", {})
SPARE: Model = ("LogisticRegression", {"solver": "lbfgs", "tol": 1e-2})
RIDGE: Model = ("Ridge", {})
CI = {  # under the system's allocator, as the command line has it: Arrow's own keep more than such limits leave
    "row groups": ("t.parquet", LOGISTIC, (1_250_000, 40, GROUP // 10), 64_000_000),
    "least squares": ("t.parquet", RIDGE, (1_250_000, 40, GROUP // 10), 64_000_000),
    "a thousand columns": ("t.parquet", SPARE, (20_000, 1_000, GROUP), 80_000_000),
    "csv": ("t.csv", LOGISTIC, (250_000, 20, 10_000), 80_000_000),
}
WHOLE = {
    "row groups": ("t.parquet", LOGISTIC, (12_500_000, 40, GROUP), 500_000_000),
    "least squares": ("t.parquet", RIDGE, (12_500_000, 40, GROUP), 500_000_000),
    "a thousand columns": ("t.parquet", SPARE, (100_000, 1_000, GROUP), 200_000_000),
    "a thousand columns, least squares": ("t.parquet", RIDGE, (100_000, 1_000, GROUP), 300_000_000),
    "csv": ("t.csv", LOGISTIC, (2_500_000, 20, 10_000), 120_000_000),
}


@pytest.mark.parametrize(
    "case",
    [
        *(pytest.param((*case, "system"), id=f"{name}, a tenth") for name, case in CI.items()),
        *(pytest.param((*case, "mimalloc"), id=name, marks=pytest.mark.slow) for name, case in WHOLE.items()),
    ],
)
def test_a_fit_stays_within_its_limit(
    case: tuple[str, Model, tuple[int, int, int], int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, model, shape, limit, allocator = case
    monkeypatch.setenv("ARROW_DEFAULT_MEMORY_POOL", allocator)
    found = run(tmp_path, name, model, shape, limit)
    assert found["rows"] == shape[0]
    assert found["score"] > (0.2 if model == RIDGE else 0.55)
    assert found["peak"] <= 1.15 * limit
    assert found["after"] < 100e6
