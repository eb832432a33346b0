"""CSV: indexed over its whole length, read by ranges of bytes."""

from __future__ import annotations

import gzip
import io
import os
import pickle
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from hypothesis import given as given_
from hypothesis import strategies as st
from tests.data.rows import blocks, features, labels, rng, same

from shardlearn import _native
from shardlearn.core.errors import InputError, SourceChangedError
from shardlearn.core.events import Notice
from shardlearn.data import Spec, cache, lay_out, read
from shardlearn.data.csv import NULLS
from shardlearn.data.files import File
from shardlearn.data.schema import Kind
from shardlearn.data.text import Remembered, Stopped, at_once, feed

N = 9000
X = rng.standard_normal((N, 64)).round(6)
WORDS = np.where(X[:, 0] > 0, 'yes, "quoted"\nover two lines', "no")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(64)]).assign(y=WORDS, w=np.abs(X[:, 1]))
    file = tmp_path_factory.mktemp("csv") / "rows.csv"
    frame.to_csv(file, index=False)
    return file


def test_same_blocks_as_the_array(path: Path, tmp_path: Path) -> None:
    reference = blocks(lay_out(X, WORDS, np.abs(X[:, 1])))
    laid = pickle.loads(pickle.dumps(lay_out(path, "y", "w")))
    same(blocks(laid), reference)
    for number in laid.grid.blocks:
        ((_, block),) = laid.blocks.read([number], emit=lambda _: None)
        same([block], [reference[number]])
    same(blocks(lay_out(ds.dataset(path, format="csv"), "y", "w")), reference)


def test_several_files_and_packed_ones(path: Path, tmp_path: Path, disk_cache: Path) -> None:
    reference = blocks(lay_out(path, "y", "w"))
    frame = pd.read_csv(path)
    frame[:100].to_csv(tmp_path / "1.csv", index=False)
    frame[100:5000].to_csv(tmp_path / "2.csv.gz", index=False)
    frame[5000:].to_csv(tmp_path / "3.csv", index=False)
    source = read(tmp_path)
    assert source.files().starts.tolist() == [0, 100, 5000]
    (notice,) = source.notices()
    assert "1.csv and 2 more files" in notice
    assert " MB), removed after use" in notice
    laid = lay_out(source, "y", "w")
    seen: list[Any] = []
    for _ in range(2):
        next(iter(laid.blocks.read([0], emit=seen.append)))
    assert [event.text for event in seen if isinstance(event, Notice)] == [notice]
    same(blocks(laid), reference)
    assert len(list(disk_cache.iterdir())) == 1
    source.close()
    assert not list(disk_cache.iterdir())


def write(folder: Path, text: str, name: str = "t.csv") -> Path:
    data = text.encode()
    (folder / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    return folder / name


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2", "-3"], Kind.INTEGER),
        (["1"] * 500 + ["0.5"], Kind.FLOAT),
        (["1"] * 500 + ["x"], Kind.STRING),
        (["1", "", "NA", "3"], Kind.INTEGER),
        (["+1", " 2 ", "3e-2", ".5", "5.", "inf", "-Infinity"], Kind.FLOAT),
        (["true", "False", "TRUE"], Kind.BOOL),
        (["true", "1"], Kind.STRING),
        (["true", "x"], Kind.STRING),
        (["", "NaN", "null", "None"], Kind.NULL),
        (["2020-01-01"], Kind.STRING),
        (["0x10", "1_000", "e5", ".", "+", "1e"], Kind.STRING),
        (["NA", '"NA"', "b"], Kind.STRING),
        (["1.5", '""', '"2"'], Kind.FLOAT),
        (["9" * 30], Kind.STRING),
        (["9" * 30, "0.5"], Kind.FLOAT),
    ],
)
def test_kind_of_the_whole_column(tmp_path: Path, values: list[str], kind: Kind) -> None:
    rows = "\n".join(f"{value},1" for value in values)
    source = read(write(tmp_path, f"a,b\n{rows}\n"))
    assert source.schema.columns[0].kind is kind
    assert source.count() == len(values)
    table = pa.Table.from_batches(source.read(0, source.count()))
    assert table.num_rows == len(values)
    if kind in (Kind.INTEGER, Kind.FLOAT):
        bare = [value.strip('" ') for value in values]
        expected = [np.nan if value in NULLS else float(value) for value in bare]
        assert np.array_equal(features(lay_out(source))[:, 0], expected, equal_nan=True)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_blank_lines_and_bom(tmp_path: Path, end: str, last: bool) -> None:
    text = end.join(["\ufeffa,b", "", "1,2", "", "", '"3",4', "5,6"]) + (end if last else "")
    assert features(lay_out(write(tmp_path, text))).tolist() == [[1, 2], [3, 4], [5, 6]]
    assert lay_out(tmp_path / "t.csv").names == ("a", "b")


def test_header_with_quotes(tmp_path: Path) -> None:
    laid = lay_out(write(tmp_path, '"a, b","say ""x""",ü\n1,2,3\n'))
    assert laid.names == ("a, b", 'say "x"', "ü")
    assert features(laid).tolist() == [[1, 2, 3]]


def test_missing_labels_and_text(tmp_path: Path) -> None:
    laid = lay_out(write(tmp_path, "a,y\n1,u\n2,\n3,NA\n4,v\n"), "y", spec=Spec(missing="drop"))
    (block,) = blocks(laid)
    assert block.y.tolist() == ["u", "v"]
    assert block.ids.tolist() == [0, 3]
    assert block.dropped.columns.tolist() == [0, 2]


@given_(
    st.lists(st.lists(st.sampled_from(["1", "2.5", '"x,\ny"', '"q""q"', "", "NA", "true"]), min_size=2, max_size=2))
)
def test_scanner_agrees_with_itself_however_it_is_fed(rows: list[list[str]]) -> None:
    text = ("a,b\n" + "".join(",".join(row) + "\n" for row in rows)).encode()
    found = []
    for step in (1, 3, len(text)):
        scanner = _native.CsvScanner(",", list(NULLS), 2)
        for at in range(0, len(text), step):
            scanner.feed(text[at : at + step])
        assert scanner.finish()
        found.append((scanner.rows, scanner.names(), scanner.columns(), scanner.offsets().tolist()))
    assert found[0] == found[1] == found[2]
    assert found[0][0] == len(rows)
    assert len(found[0][3]) == -(-len(rows) // 2)


def test_only_the_header(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Found array with 0 sample\(s\) \(shape=\(0, 2\)\)"):
        lay_out(write(tmp_path, "a,b\n"))


def test_a_file_without_names_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        lay_out(write(tmp_path, "5.1,3.5,setosa\n4.9,3.0,setosa\n"), "class")
    assert caught.value.fix == "write the names of the columns into the first line: it is never taken for a row"
    with pytest.raises(InputError, match='did you mean "2021" for "2O21"'):
        lay_out(write(tmp_path, "2020,2021,kind\n1,2,a\n"), "2O21")


def test_ragged_rows_are_counted(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(write(tmp_path, "a,b\n1,2\n3\n4,5,secret\n"))
    assert str(caught.value) == (
        f"Can't read {tmp_path}/t.csv: rows with another number of fields than the header\n"
        f"  where : {tmp_path}/t.csv, row 1, counting from 0 (2 such rows)\n"
        "  found : 1 field\n"
        "  needed: 2 fields\n"
        "  fix   : mend the row; a field that holds the separator must be quoted"
    )


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("", "t.csv", "the file is empty"),
        ('a,b\n1,"2\n', "t.csv", "ends inside a quoted field"),
        ("\n\n", "t.csv", "no header"),
        ("a,a\n1,2\n", "t.csv", 'Column names are not unique: "a"'),
    ],
)
def test_broken_files(tmp_path: Path, text: str, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        lay_out(write(tmp_path, text, name))


def test_broken_packed_files(tmp_path: Path, disk_cache: Path) -> None:
    whole = gzip.compress(b"a,b\n" + b"1,2\n" * 10_000)
    for data, words in ((whole[:-20], "the file ends before its packed data does"), (b"a,b\n1,2", "damaged gzip data")):
        (tmp_path / "t.csv.gz").write_bytes(data)
        with pytest.raises(InputError, match=words):
            read(tmp_path / "t.csv.gz")
        assert not list(disk_cache.iterdir())


def test_full_disk_is_said_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "has_room", lambda folder, needed: False)
    with pytest.raises(InputError, match=r"Not enough disk(.|\n)*: [0-9.]+ MB\n(.|\n)*SHARDLEARN_CACHE"):
        read(write(tmp_path, "a,b\n1,2\n", "t.csv.gz"))


def test_changed_file(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "t.csv"
    copy.write_bytes(path.read_bytes())
    laid = lay_out(copy, "y")
    os.utime(copy, ns=(1, 1))
    with pytest.raises(SourceChangedError, match=r"t\.csv"):
        blocks(laid)
    same(blocks(lay_out(copy, "y")), blocks(lay_out(path, "y")))


def test_index_is_remembered(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(path)
    monkeypatch.setattr(_native, "CsvScanner", None)
    assert read(path).count() == N


def test_drift_between_files(tmp_path: Path) -> None:
    write(tmp_path, "a,b\n1,2\n", "1.csv")
    write(tmp_path, "a,b\n0.5,3\n", "2.csv")
    assert features(lay_out(tmp_path)).tolist() == [[1, 2], [0.5, 3]]
    write(tmp_path, "a,b\nsecret,3\n", "3.csv")
    with pytest.raises(InputError, match=r'do not agree on column "a"(.|\n)*2\.csv and .*3\.csv') as caught:
        lay_out(tmp_path)
    assert "secret" not in str(caught.value)
    assert "float in the first, string in the second" in str(caught.value)
    assert features(lay_out(read(tmp_path, columns=["b"]))).tolist() == [[2], [3], [3]]


def test_labels_of_all_kinds(tmp_path: Path) -> None:
    file = write(tmp_path, "x,i,f,b,s\n1,1,0.5,true,u\n2,-7,1,false,v\n")
    expected = {"i": [1, -7], "f": [0.5, 1], "b": [True, False], "s": ["u", "v"]}
    for name, values in expected.items():
        assert labels(lay_out(file, name, spec=Spec(columns=["x"]))).tolist() == values


def test_an_error_stops_the_other_files() -> None:
    seen: list[int] = []

    def work(number: int, stop: Event) -> int:
        if number == 1:
            raise InputError("broken", code="SL2202")
        assert stop.wait(20)
        seen.append(number)
        with pytest.raises(Stopped):
            feed(None, io.BytesIO(b"text"), None, stop)
        return number

    with pytest.raises(InputError, match="broken"):
        at_once(work, [1, 0], 2)
    assert seen in ([0], [])
    assert at_once(lambda number, stop: number + stop.is_set(), [3], 8) == [3]


def test_indexes_are_remembered_up_to_a_number() -> None:
    held: Remembered[int] = Remembered()
    for number in range(300):
        assert held.get(File(str(number), 1, 1, 1), lambda: number) == number  # noqa: B023  called at once
    assert held.get(File("299", 1, 1, 1), lambda: -1) == 299
    assert held.get(File("0", 1, 1, 1), lambda: -1) == -1
