"""Where rows of blocks lie, in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from shardlearn.cli.holdout import Part, split
from shardlearn.data import Spec, lay_out, read


@pytest.mark.parametrize("kind", ["parquet", "csv", "svmlight"])
def test_rows_of_blocks_lie_in_files(kind: str, tmp_path: Path) -> None:
    for number, n in enumerate((1500, 1, 3000)):
        path, x = tmp_path / f"{number}.{kind}", np.arange(n, dtype=float)
        if kind == "svmlight":
            path.write_text("".join(f"1 1:{value + 1}\n" for value in x))
        else:
            (pq.write_table if kind == "parquet" else pa_csv.write_csv)(pa.table({"x": x}), path)
    blocks = lay_out(read(f"{tmp_path}/*.{kind}"), spec=Spec(first=100)).blocks
    one, two, three = (f"{tmp_path}/{number}.{kind}" for number in range(3))
    assert blocks.place(100, 1600) == f"{one}, rows 0 to 1,499"
    assert blocks.place(1601, 1700) == f"{three}, rows 0 to 98"
    assert blocks.place(1599, 1602) == f"{one}, row 1,499, to {three}, row 0"
    assert blocks.place(1600, 1601) == f"{two}, rows 0 to 0"
    train, _ = split(read(f"{tmp_path}/*.{kind}"), 0.5)
    assert isinstance(train, Part)
    assert lay_out(train).blocks.place(0, 3) == f"{one}, rows {train.position(0)} to {train.position(2)}"


def test_arrays_and_frames_have_no_files() -> None:
    assert lay_out(np.ones((10, 2))).blocks.place(0, 10) == ""
    assert lay_out(pa.table({"x": [1.0, 2.0]})).blocks.place(0, 2) == ""
