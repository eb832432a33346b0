"""`data.inspect` tells every reason to refuse with its flag, and what a pass takes."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shardlearn.data import inspect, lay_out, measure, read


def pieces(tmp_path: Path, **columns: object) -> Path:
    whole = pa.table({"a": np.arange(6000.0), **columns})
    pq.write_table(whole.slice(0, 2000), tmp_path / "1.parquet")
    pq.write_table(whole.slice(2000), tmp_path / "2.parquet")
    return tmp_path


def test_clean_table(tmp_path: Path) -> None:
    found = inspect(read(pieces(tmp_path, y=np.arange(6000) % 2, w=np.ones(6000))), "y", "w")
    assert [(file.rows, Path(file.path).name) for file in found.files] == [(2000, "1.parquet"), (4000, "2.parquet")]
    assert all(file.bytes == Path(file.path).stat().st_size for file in found.files)
    assert [(c.name, c.role, c.kind, c.missing) for c in found.columns] == [
        ("a", "feature", "float", 0),
        ("y", "target", "integer", 0),
        ("w", "weight", "float", 0),
    ]
    assert found.reasons == ()
    assert (found.rows, found.n_features, found.dtype, found.decoded_bytes) == (6000, 1, "float64", 48_000)
    assert found.whole
    assert (found.rows_read, found.block_rows) == (6000, 65_536)
    assert found.seconds > 0
    assert found.pass_seconds == pytest.approx(found.seconds)
    assert found.reader_bytes > 0


def test_every_reason_at_once(tmp_path: Path) -> None:
    n = 6000
    holes = np.arange(n, dtype="f8")
    holes[5] = np.nan
    folder = pieces(
        tmp_path,
        name=["x"] * n,
        kind=pa.array(["x"] * n).dictionary_encode(),
        day=pa.array([0] * n, pa.date32()),
        big=pa.array([2**60] * n),
        holes=holes,
        most=np.full(n, np.inf),
        y=pa.array([None, *["ab"[i % 2] for i in range(n - 1)]]),
    )
    found = inspect(read(folder), "y")
    told = {(reason.code, reason.flag) for reason in found.reasons}
    assert told == {
        ("SL2105", "--drop-columns name"),
        ("SL2105", "--drop-columns kind"),
        ("SL2106", "--drop-columns day"),
        ("SL2108", "--drop-columns big"),
        ("SL2301", "--missing drop"),
        ("SL2103", "--missing drop or --drop-columns holes"),
        ("SL2104", "--drop-columns most"),
    }
    roles = {column.name: (column.role, column.taken_as != "") for column in found.columns}
    assert roles["name"] == ("not used", False)
    assert roles["holes"] == ("feature", True)
    mended = read(folder, drop_columns=["name", "kind", "day", "big", "most"], missing="drop")
    again = inspect(mended, "y")
    assert again.reasons == ()
    assert {c.name: c.missing for c in again.columns}["holes"] == 1


def test_the_index_of_pandas_is_no_feature(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "y": [1, 0, 1, 0]})
    frame.iloc[[3, 0, 1]].to_parquet(tmp_path / "1.parquet")  # pandas writes __index_level_0__ here
    frame.to_parquet(tmp_path / "2.parquet")  # and not here
    assert list(read(tmp_path / "1.parquet").schema.names) == ["a", "y", "__index_level_0__"]
    for data in (tmp_path / "1.parquet", tmp_path):
        laid = lay_out(data, "y")
        assert laid.names == ("a",)
        found = inspect(read(data), "y")
        assert found.reasons == ()
    assert "__index_level_0__" in lay_out(tmp_path / "1.parquet", "y").ignored
    asked = read(tmp_path / "1.parquet", columns=["__index_level_0__"])
    assert lay_out(asked, "y").names == ("__index_level_0__",)


def test_drift_and_duplicates(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1.0], "b": [1.0]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": [1.0], "b": ["x"], "c": [1]}), tmp_path / "2.parquet")
    found = inspect(read(tmp_path))
    assert [(reason.code, reason.flag) for reason in found.reasons] == [
        ("SL2107", "--drop-columns b"),
        ("SL2107", "--drop-columns c"),
    ]
    assert inspect(read(tmp_path, drop_columns=["b", "c"])).reasons == ()
    twice = read(pa.table([[1.0], [2.0], [3.0]], names=["a", "a", "b"]))
    assert [(r.code, r.where) for r in inspect(twice).reasons] == [("SL2102", "a")]


@pytest.mark.parametrize(
    ("columns", "target", "code"),
    [
        ({"a": [1.0]}, "late", "SL2101"),
        ({"a": pa.array([], pa.float64())}, None, "SL2001"),
        ({"a": ["x"]}, None, "SL2002"),
        ({"a": [1.0], "y": pa.nulls(1)}, "y", "SL2301"),
    ],
)
def test_what_can_not_be_laid_out(columns: dict[str, object], target: str | None, code: str) -> None:
    found = inspect(read(pa.table(columns)), target)
    assert code in [reason.code for reason in found.reasons]
    assert (found.n_features, found.whole, found.rows_read) == (0, False, 0)


def test_all_columns_too_large() -> None:
    found = inspect(read(pa.table({"a": [2**60], "b": [2**61]})))
    assert [(r.code, r.flag) for r in found.reasons] == [("SL2108", "--drop-columns a,b")]


def test_integers_beyond_int64(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"a,b\n1,{10**30}\n")
    assert [(r.code, r.flag) for r in inspect(read(tmp_path / "t.csv")).reasons] == [("SL2108", "--drop-columns b")]


def test_one_percent(tmp_path: Path) -> None:
    whole = pa.table({f"c{j}": np.zeros(60_000) for j in range(200)})
    pq.write_table(whole, tmp_path / "t.parquet", row_group_size=10_000)
    source = read(tmp_path)
    rows, seconds = measure(lay_out(source))
    assert rows == 2048
    assert seconds > 0
    found = inspect(source, whole=False)
    assert not found.whole
    assert found.rows_read == 2048
    assert found.pass_seconds == pytest.approx(found.seconds * 60_000 / 2048)


def test_matrices(tmp_path: Path) -> None:
    (tmp_path / "t.svm.gz").write_bytes(gzip.compress(b"1 1:2\n-1 2:3\n"))
    source = read(tmp_path)
    found = inspect(source, "target")
    assert (found.n_features, found.rows, found.reasons) == (2, 2, ())
    source.close()
    array = inspect(read(np.array([[1.0, np.nan]])))
    assert [reason.code for reason in array.reasons] == ["SL2103"]
    assert array.columns == ()
