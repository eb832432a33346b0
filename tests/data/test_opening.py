"""What can't be opened, and formats."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.data.rows import features

from shardlearn.core.errors import InputError, InputTypeError
from shardlearn.data import lay_out, read
from shardlearn.data.files import File, find, open_input, partitions, stat


@pytest.mark.parametrize(
    ("make", "words", "kind"),
    [
        (
            lambda folder: read(folder / "nope.parquet"),
            "No data found at .*nope.parquet(.|\n)*no such file",
            ValueError,
        ),
        (lambda folder: read(f"{folder}/*.parquet"), "No data found at(.|\n)*no file matches", ValueError),
        (lambda folder: read(folder), "No data found at(.|\n)*no file with a known ending", ValueError),
        (lambda folder: read([]), "Expected 2D array", ValueError),
        (lambda folder: read(b"x.parquet"), "Can't read data of type|path of bytes", TypeError),
        (lambda folder: read("nope://x/y.parquet"), "Can't read nope://x/y.parquet", ValueError),
        (lambda folder: read(42), "Can't read data of type builtins.int", TypeError),
        (lambda folder: read(pa.table({"a": [1]}), columns="a"), "columns= takes a list", TypeError),
        (
            lambda folder: read(pa.table({"a": [1]}), missing="keep"),
            "missing='keep' is not one of 'error', 'drop'",
            ValueError,
        ),
        (lambda folder: read(pa.table({"a": [1]}), dtype="f2"), "dtype='f2' is not one of", ValueError),
        (lambda folder: read(pa.table({"a": [1]}), format="xls"), "format='xls' is not one of", ValueError),
        (lambda folder: read(pa.table({"a": [1]}), cache="memory"), "cache='memory' is not one of", ValueError),
    ],
)
def test_what_can_not_be_opened(make: Any, words: str, kind: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(kind, match=words) as caught:
        make(tmp_path)
    assert isinstance(caught.value, InputError | InputTypeError)


def test_a_name_that_is_nearly_right(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1.0]}), tmp_path / "flights.parquet")
    for wrong, fix in (
        ("flihgts.parquet", f"did you mean {tmp_path}/flights.parquet?"),
        ("x.parquet", "check the path; where it is relative, it starts at the working directory"),
        ("nowhere/flights.parquet", "check the path; where it is relative, it starts at the working directory"),
    ):
        with pytest.raises(InputError, match="No data found") as caught:
            read(tmp_path / wrong)
        assert caught.value.fix == fix


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows.csv")
    with pytest.raises(InputError, match="it is no file") as caught:
        read(tmp_path / "rows.csv")
    assert caught.value.fix == "write it to a file first"


def test_formats(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"Can't tell the format(.|\n)*format="):
        read(tmp_path / "data")
    assert features(lay_out(read(tmp_path / "data", format="csv"))).tolist() == [[1, 2]]
    (tmp_path / "a.csv").write_text("a\n1\n")
    pq.write_table(pa.table({"a": [1.0]}), tmp_path / "b.parquet")
    with pytest.raises(InputError, match="Files of several formats: csv, parquet") as caught:
        read(tmp_path)
    assert caught.value.where == f"{tmp_path}/a.csv, {tmp_path}/b.parquet"
    assert read(f"{tmp_path}/*.csv").count() == 1


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Can't read .*nope(.|\n)*No such file"):
        stat(str(tmp_path / "nope"))
    (tmp_path / "x.parquet").mkdir()
    with pytest.raises(InputError, match="No data found"):
        read(tmp_path / "x.parquet")
    with pytest.raises(InputError, match="Can't read gone"):
        open_input(File("gone", 1, 1, 1))


def test_a_worker_may_stand_in_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "year=2020").mkdir()
    pq.write_table(pa.table({"a": [1.0, 2.0]}), tmp_path / "year=2020" / "x.parquet")
    monkeypatch.chdir(tmp_path)
    (file,) = find("year=2020/x.parquet")
    sent = pickle.dumps(file)
    monkeypatch.chdir("/")
    there = pickle.loads(sent)
    assert (there.path, there.given) == (str(tmp_path / "year=2020" / "x.parquet"), "year=2020/x.parquet")
    assert there.shown == "year=2020/x.parquet"
    there.must_be_same()
    assert pickle.loads(pickle.dumps(there)) == there
    assert partitions([there]) == [{"year": "2020"}]
