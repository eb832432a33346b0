"""What a reader holds stays within what `footprint` says, so that plans of memory are honest (promises R14)."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from tests.project.sources import ROOT

SAMPLER = """
    import sys
    import numpy as np, pyarrow.compute, pyarrow.csv, pyarrow.parquet
    from shardlearn.core.events import ignore
    from shardlearn.data import Spec, lay_out
    from tests.peak import Peak

    path, lean, warm = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    for _, block in lay_out(warm).blocks.read([0], emit=ignore):
        del block
    with Peak() as peak:
        laid = lay_out(path, spec=Spec(reader_bytes=lean or None))
        rows = 0
        for _, block in laid.blocks.read(list(laid.grid.blocks), emit=ignore):
            rows += block.n
            block.X[:, 0].max()
    found = laid.blocks.footprint()
    del block
    laid = None
    print(rows, peak.added, found.reader + 2 * found.block, peak.kept())
"""


def measured(path: Path, warm: Path, lean: int = 0) -> tuple[int, int, int, int]:
    """Rows, bytes held at most, bytes planned (one block in use and one being filled), bytes held afterwards."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SAMPLER), str(path), str(lean), str(warm)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,  # where `tests` is found
    )
    assert done.returncode == 0, done.stderr
    rows, peak, planned, after = (int(word) for word in done.stdout.split())
    return rows, peak, planned, after


def table(n: int, p: int) -> pa.Table:
    random = np.random.default_rng(0)
    return pa.table({f"c{j}": random.standard_normal(n) for j in range(p)})


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("warm")
    pq.write_table(table(1000, 2), folder / "w.parquet")
    pyarrow.csv.write_csv(table(1000, 2), folder / "w.csv")
    return {"parquet": folder / "w.parquet", "csv": folder / "w.csv"}


@pytest.mark.parametrize("p", [4, 40])
def test_one_large_row_group(p: int, tmp_path: Path, warm: dict[str, Path]) -> None:
    n = 4_000_000 // p  # a tenth of pyarrow's default row group of 40 columns, in one group
    pq.write_table(table(n, p), tmp_path / "t.parquet")
    rows, peak, planned, after = measured(tmp_path / "t.parquet", warm["parquet"])
    assert rows == n
    assert peak <= planned
    assert after < 100e6


def test_a_thousand_columns(tmp_path: Path, warm: dict[str, Path]) -> None:
    pq.write_table(table(10_000, 1000), tmp_path / "t.parquet")
    rows, peak, _, after = measured(tmp_path / "t.parquet", warm["parquet"], 48_000_000)
    assert rows == 10_000
    assert peak <= 60e6  # the rows are 80 MB, and one reader of all columns would hold more than that
    assert after < 100e6


def test_csv(tmp_path: Path, warm: dict[str, Path]) -> None:
    pyarrow.csv.write_csv(table(100_000, 10), tmp_path / "t.csv")
    rows, peak, planned, after = measured(tmp_path / "t.csv", warm["csv"])
    assert rows == 100_000
    assert peak <= planned
    assert after < 100e6


@pytest.mark.slow
def test_default_row_groups(tmp_path: Path, warm: dict[str, Path]) -> None:
    pq.write_table(table(1_310_720, 40), tmp_path / "t.parquet")
    rows, peak, planned, after = measured(tmp_path / "t.parquet", warm["parquet"])
    assert rows == 1_310_720
    assert peak <= planned < 200e6
    assert after < 100e6


@pytest.mark.slow
def test_a_thousand_columns_of_a_hundred_thousand_rows(tmp_path: Path, warm: dict[str, Path]) -> None:
    pq.write_table(table(100_000, 1000), tmp_path / "t.parquet")
    rows, peak, _, after = measured(tmp_path / "t.parquet", warm["parquet"])
    assert rows == 100_000
    assert peak <= 150e6
    assert after < 100e6
