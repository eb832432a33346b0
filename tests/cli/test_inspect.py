"""`shardlearn inspect` tells what is there and everything that would stop a fit."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def bad(tmp_path):
    n = 400
    a = np.arange(n) * 1.0
    a[5:30] = np.nan
    table = pa.table(
        {
            "a": a,
            "name": ["x"] * n,
            "when": pa.array([0] * n, pa.timestamp("s")),
            "late": [True, False] * (n // 2),
            "ok": np.ones(n),
        }
    )
    pq.write_table(table, tmp_path / "bad.parquet")
    return table


def test_a_good_table(call, data) -> None:
    done = call("inspect", "--data", "data", "--target", "late", "--drop-columns", "carrier")
    assert done.code == 0, done.err
    assert "3 files, 3,000 rows, 8 columns" in done.out
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines if "1,000 rows" in line] == [f"part-{i}.parquet" for i in range(3)]
    assert "nothing stands in the way of a fit of target late" in done.out
    assert "a pass on" in done.out
    kinds = {line.split()[0]: line.split()[1:] for line in lines if line.startswith("  ")}
    assert kinds["late"] == ["bool", "target"]
    assert kinds["a"] == ["float", "feature"]
    assert kinds["carrier"] == ["string", "not", "used"]


def test_every_reason_with_the_flag_that_mends_it(call, bad) -> None:
    done = call("inspect", "--data", "bad.parquet", "--target", "late")
    assert done.code == 0, done.err
    for words in ("a fit of target late would be refused", "--drop-columns name", "--drop-columns when", "SL2103"):
        assert words in done.out
    assert "--missing drop" in done.out
    assert "25 missing (6 %)" in done.out
    mended = ("--drop-columns", "name,when", "--missing", "drop")
    assert "nothing stands in the way" in call("inspect", "--data", "bad.parquet", "--target", "late", *mended).out
    fit = call("fit", "LogisticRegression", "--data", "bad.parquet", "--target", "late", *mended, "--out", "m")
    assert fit.code == 0, fit.err


def test_in_json(call, bad) -> None:
    found = call("inspect", "--data", "bad.parquet", "--target", "late", "--json").json
    assert found["exit"] == 0
    assert found["rows"] == 400
    assert {reason["code"] for reason in found["reasons"]} == {"SL2105", "SL2106", "SL2103"}
    assert [column["name"] for column in found["columns"]] == bad.column_names
    assert found["pass_seconds"] > 0


def test_names_that_do_not_exist(call, bad) -> None:
    done = call("inspect", "--data", "bad.parquet", "--target", "lat")
    assert done.code == 0
    assert "the columns alone" in done.out
    assert '"late"' in done.out


def test_many_files_are_shortened_for_people_only(call, tmp_path, table) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(25):
        pq.write_table(table.slice(i, 1).select(["a", "b"]), folder / f"{i:02}.parquet")
    done = call("inspect", "--data", "many")
    assert "  and 6 more" in done.out
    assert len(call("inspect", "--data", "many", "--json").json["files"]) == 25


def test_csv_and_svmlight(call, csv, tmp_path) -> None:
    assert "3,000 rows, 8 columns" in call("inspect", "--data", str(csv)).out
    assert call("inspect", str(csv), str(csv), "--target", "late").out.count("all.csv") >= 2
    (tmp_path / "x.svmlight").write_text("1 1:0.5 3:2\n0 2:1\n")
    done = call("inspect", "--data", "x.svmlight")
    assert done.code == 0, done.err
    assert "2 rows, 3 features" in done.out


def test_one_of_a_kind_and_no_time_at_all(call, tmp_path) -> None:
    pq.write_table(pa.table({"a": [np.nan], "y": [1]}), tmp_path / "one.parquet")
    out = call("inspect", "one.parquet", "--target", "y").out
    assert "one.parquet: 1 file, 1 row, 2 columns" in out
    assert "SL2103  1 missing value in 1 column" in out
    assert "of float64, 1 feature\n" in out
    assert "(measured on 1 row)" in out
    assert re.search(r"about [1-9]\d* ms a pass", out)  # never none at all
