"""Parquet: the same blocks as the table, whatever the files and row groups."""

from __future__ import annotations

import os
import pickle
import re
from collections import namedtuple
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs
import pyarrow.parquet as pq
import pytest
from tests.data.rows import blocks, features, in_pieces, labels, same, table

from shardlearn import engines
from shardlearn.core.errors import InputError, SourceChangedError
from shardlearn.core.events import Event, Notice, Timed
from shardlearn.data import Spec, cache, files, lay_out, read
from shardlearn.data.parquet import READS, ParquetSource

TABLE = table()
REFERENCE = blocks(lay_out(TABLE, "y", "w"))
CUTS = [1, 700, 701, 4000, 4100, 4200, 4300, 5000, 6000, 7777, 8000, 8999]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return in_pieces(TABLE, tmp_path_factory.mktemp("parquet") / "pieces", CUTS)


def test_thirteen_files_are_the_table(folder: Path) -> None:
    files = sorted(folder.iterdir())
    for given in (folder, str(folder), f"{folder}/*.parquet", [str(file) for file in files], f"file://{folder}", files):
        laid = lay_out(given, "y", "w")
        same(blocks(laid), REFERENCE)
        assert not laid.in_memory
    for dataset in (ds.dataset(folder), ds.dataset([str(file) for file in files])):
        same(blocks(lay_out(dataset, "y", "w")), REFERENCE)


@pytest.mark.parametrize("group", [64, 1000, 4096, 5000, 1_000_000])
def test_row_groups_change_nothing(tmp_path: Path, group: int) -> None:
    pq.write_table(TABLE, tmp_path / "one.parquet", row_group_size=group)
    laid = pickle.loads(pickle.dumps(lay_out(tmp_path / "one.parquet", "y", "w")))
    same(blocks(laid), REFERENCE)
    whole = dict(zip(laid.grid.blocks, REFERENCE, strict=True))
    for number in laid.grid.blocks:
        ((_, block),) = laid.blocks.read([number], emit=lambda _: None)
        same([block], [whole[number]])


def test_cuts_are_first_whole_blocks_of_row_groups(tmp_path: Path) -> None:
    whole = table(20_000)  # blocks of 8,192 rows
    pq.write_table(whole, tmp_path / "a.parquet", row_group_size=9000)
    laid = lay_out(tmp_path / "a.parquet", "y", "w")
    assert laid.grid.rows == 8192
    assert list(laid.blocks.cuts()) == [0, 2]  # groups begin at 0, 9,000 and 18,000
    pq.write_table(whole, tmp_path / "b.parquet", row_group_size=500)
    assert list(lay_out(tmp_path / "b.parquet", "y", "w").blocks.cuts()) == [0, 1, 2]
    pq.write_table(whole, tmp_path / "c.parquet")
    assert list(lay_out(tmp_path / "c.parquet", "y", "w").blocks.cuts()) == [0]


def test_what_two_readers_decode_twice_is_less_than_a_block(tmp_path: Path) -> None:
    whole = table(20_000)
    pq.write_table(whole, tmp_path / "a.parquet", row_group_size=9000)
    laid = lay_out(tmp_path / "a.parquet", "y", "w")
    source, seen = laid.source, []
    cuts = [*laid.blocks.cuts(), laid.grid.stop_block]
    for first, stop in pairwise(cuts):
        start, end = laid.grid.span(first)[0], laid.grid.span(stop - 1)[1]
        seen += [batch.num_rows for batch in source.read(start, end, ["c0"])]
    assert sum(seen) == 20_000


def test_order_of_a_glob_is_the_byte_order_of_paths(tmp_path: Path) -> None:
    for name in ("b", "B", "a10", "a9", "é", "z"):
        pq.write_table(pa.table({"x": [1.0]}), tmp_path / f"{name}.parquet")
    found = [os.path.basename(path) for path in read(tmp_path).files().paths]
    assert found == ["B.parquet", "a10.parquet", "a9.parquet", "b.parquet", "z.parquet", "é.parquet"]
    listed = [str(tmp_path / "z.parquet"), str(tmp_path / "B.parquet")]
    assert list(read(listed).files().paths) == listed


def test_hidden_and_other_files_are_left_alone(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1.0]}), tmp_path / "a.parquet")
    for name in ("_SUCCESS", ".hidden.parquet", "_metadata.parquet", "notes.txt"):
        (tmp_path / name).write_text("no table")
    assert read(tmp_path).count() == 1


def test_hive_partition_columns(tmp_path: Path) -> None:
    given = pa.table({"x": np.arange(10.0), "year": [2013, 2014] * 5, "kind": ["u", "v"] * 5})
    parts = ds.partitioning(pa.schema([("year", pa.int64()), ("kind", pa.string())]), flavor="hive")
    ds.write_dataset(given, tmp_path / "h", format="parquet", partitioning=parts)
    laid = lay_out(tmp_path / "h", "kind")
    assert laid.names == ("x", "year")
    assert features(laid)[:, 1].tolist() == [2013.0] * 5 + [2014.0] * 5
    assert labels(laid).tolist() == ["u"] * 5 + ["v"] * 5
    assert lay_out(ds.dataset(tmp_path / "h", partitioning="hive"), "kind").names == ("x", "year")


@pytest.fixture
def bucket(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """`mem://bucket` stands for the folder; credentials in the URI are nobody's business."""
    system = pyarrow.fs.SubTreeFileSystem(str(folder), pyarrow.fs.LocalFileSystem())
    monkeypatch.setattr(files, "system_of", lambda uri: (system, uri.split("bucket", 1)[1].lstrip("/")))
    return "mem://key:secret@bucket"


def test_uri_of_another_file_system(bucket: str) -> None:
    for given in (bucket, f"{bucket}/*.parquet", [f"{bucket}/{i:02d}.parquet" for i in range(13)]):
        laid = lay_out(given, "y", "w")
        same(blocks(laid), REFERENCE)
        assert "secret" not in repr(laid.source) + str(laid.source.files())
        assert laid.source.files().paths[0] == "mem://00.parquet"
    with pytest.raises(InputError, match=r"No data found at mem://bucket/\*.csv") as caught:
        read(f"{bucket}/*.csv")
    assert "secret" not in str(caught.value)
    with pytest.raises(InputError, match=r"Can't read mem://bucket/nope\.parquet") as caught:
        read(f"{bucket}/nope.parquet")
    assert "secret" not in str(caught.value)


def test_events_time_decoding_and_packing(folder: Path) -> None:
    laid = lay_out(folder, "y", "w")
    seen: list[Event] = []
    list(laid.blocks.read(list(laid.grid.blocks), emit=seen.append))
    timed = [event for event in seen if isinstance(event, Timed)]
    assert {event.phase for event in timed} == {"decode", "pack"}
    assert sum(event.bytes for event in timed if event.phase == "pack") == 9000 * 64 * 8


def test_numbers_of_several_widths_go_together(tmp_path: Path) -> None:
    schemas = [pa.int32(), pa.float64(), pa.int64(), pa.float32(), pa.null()]
    for number, kind in enumerate(schemas):
        x = pa.array([None, None] if kind == pa.null() else [1, 2], kind)
        pq.write_table(
            pa.table({"x": x, "y": pa.array([1, 2], pa.int8() if number else pa.int64())}),
            f"{tmp_path}/{number}.parquet",
        )
    laid = lay_out(tmp_path, "y", spec=Spec(dtype="float64"))
    assert features(laid)[:, 0].tolist()[:8] == [1, 2] * 4
    assert np.isnan(features(laid)[8:]).all()
    assert labels(laid).tolist() == [1, 2] * 5


def test_columns_in_another_order_are_matched_by_name(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1.0], "b": [2.0]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"b": [4.0], "a": [3.0]}), tmp_path / "2.parquet")
    assert features(lay_out(tmp_path)).tolist() == [[1, 2], [3, 4]]


def test_names_with_dots(tmp_path: Path) -> None:
    given = pa.table({"a": [1.0], "a.b": [2.0], "s": [{"b": 3.0}]})
    pq.write_table(given, tmp_path / "1.parquet")
    assert features(lay_out(tmp_path, spec=Spec(columns=["a"]))).tolist() == [[1]]
    assert features(lay_out(tmp_path, spec=Spec(columns=["a.b", "a"]))).tolist() == [[2, 1]]


def test_empty_files_among_others(tmp_path: Path) -> None:
    pq.write_table(TABLE.slice(0, 0), tmp_path / "0.parquet")
    pq.write_table(TABLE.slice(0, 5000), tmp_path / "1.parquet")
    pq.write_table(TABLE.slice(0, 0), tmp_path / "2.parquet")
    pq.write_table(TABLE.slice(5000), tmp_path / "3.parquet")
    same(blocks(lay_out(tmp_path, "y", "w")), REFERENCE)


@pytest.mark.parametrize("change", ["rewritten", "shorter", "gone", "touched"])
def test_a_file_that_changes_is_noticed(tmp_path: Path, change: str) -> None:
    folder = in_pieces(TABLE, tmp_path / "p", CUTS)
    laid = lay_out(folder, "y", "w")
    reading = laid.blocks.read(list(laid.grid.blocks), emit=lambda _: None)
    next(reading)
    last = sorted(folder.iterdir())[-1]
    if change == "gone":
        last.unlink()
    elif change == "touched":
        os.utime(last, ns=(1, 1))
    else:
        pq.write_table(TABLE.slice(0, 1 if change == "rewritten" else 0), last)
    with pytest.raises(SourceChangedError, match=r"The data changed while it was in use: .*12\.parquet"):
        list(reading)


def test_another_footer_of_the_same_size_and_time_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": [1.0, 2.0]}), path)
    laid = lay_out(path)
    facts, raw = os.stat(path), bytearray(path.read_bytes())
    at = raw.rindex(b"parquet-cpp")
    raw[at : at + 7] = b"PARQUET"
    path.write_bytes(raw)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    with pytest.raises(SourceChangedError, match="another footer"):
        features(laid)


def test_stamps(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": [1.0, 2.0]}), path)
    before = read(path).stamp()
    assert read(path).stamp() == before
    pq.write_table(pa.table({"a": [1.0, 3.0]}), path)
    assert read(path).stamp() != before


def test_wide_tables_are_unpacked(tmp_path: Path, disk_cache: Path) -> None:
    pq.write_table(TABLE, tmp_path / "a.parquet")
    for y, weight, keep in ((None, None, ()), ("y", "w", ("c1",))):
        spec = Spec(keep=keep, columns=[f"c{j}" for j in range(64)])
        plain = lay_out(tmp_path, y, weight, spec)
        laid = lay_out(tmp_path, y, weight, replace(spec, reader_bytes=1 << 20))
        assert not list(disk_cache.iterdir())  # it waits for the first reader
        same(blocks(pickle.loads(pickle.dumps(laid))), blocks(plain))
        seen: list[Event] = []
        for _ in range(2):
            got = [block for _, block in laid.blocks.read(list(laid.grid.blocks), emit=seen.append)]
            same(got, blocks(plain))
        (notice,) = [event for event in seen if isinstance(event, Notice)]
        assert "unpacked 64 columns to " in notice.text
        assert "(4.6 MB), removed after use" in notice.text
        for number in laid.grid.blocks:
            ((_, block),) = pickle.loads(pickle.dumps(laid.blocks)).read([number], emit=lambda _: None)
            same([block], [blocks(plain)[number]])
    os.utime(tmp_path / "a.parquet", ns=(1, 1))
    with pytest.raises(SourceChangedError):
        blocks(laid)


def test_the_memory_limit_decides_what_is_wide(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "a.parquet")
    with engines.engine("serial", memory="40MB"):
        laid = lay_out(tmp_path, "y", "w")
        assert laid.blocks.lean is not None
        same(blocks(laid), REFERENCE)
        assert lay_out(tmp_path, "y", spec=Spec(columns=["c0", "c1"])).blocks.lean is None
    with engines.engine("serial", memory="400MB"):
        assert lay_out(tmp_path, "y", "w").blocks.lean is None


def test_wide_tables_without_disk_are_read_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(TABLE, tmp_path / "a.parquet")
    laid = lay_out(tmp_path, "y", "w", Spec(reader_bytes=1 << 20))
    monkeypatch.setattr(cache, "has_room", lambda folder, needed: False)
    with pytest.raises(InputError, match="Not enough disk"):
        blocks(laid)
    same(blocks(lay_out(tmp_path, "y", "w", Spec(reader_bytes=1 << 20))), REFERENCE)


def test_a_disk_too_small_is_told_where_nothing_fits_without_it(
    tmp_path: Path, disk_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pq.write_table(TABLE, tmp_path / "a.parquet")
    disk = namedtuple("disk", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: disk(0, 0, cache.MARGIN + 100_000))
    with engines.engine("serial", memory="12MB"), pytest.raises(InputError) as caught:
        lay_out(tmp_path, "y", "w")
    assert caught.value.code == "SL2208"
    assert caught.value.where == str(disk_cache)
    assert caught.value.found == "0.1 MB free"
    assert re.fullmatch(r"\d\.\d MB to unpack .* of the 12\.0 MB of memory", caught.value.needed)
    assert "SHARDLEARN_CACHE" in caught.value.fix
    monkeypatch.setattr(ParquetSource, "kept_bytes", 0)
    with engines.engine("serial", memory="60MB"):  # enough for the table as it is, too little for its reader's share
        laid = lay_out(tmp_path, "y", "w")
        assert laid.blocks.lean is None
        same(blocks(laid), REFERENCE)


def test_wide_tables_with_missing_values_and_large_integers(tmp_path: Path) -> None:
    holes = TABLE.set_column(3, "c3", pa.array([None, *range(8999)]))
    pq.write_table(holes, tmp_path / "a.parquet")
    lean = Spec(reader_bytes=1 << 20, missing="drop")
    (first,) = [block for block in blocks(lay_out(tmp_path, "y", "w", lean)) if block.dropped]
    assert first.row_ids()[0] == 1
    pq.write_table(TABLE.set_column(3, "c3", pa.array([2**53 + 1] * 9000)), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r'beyond 2\*\*53(.|\n)*column "c3"; first at row 0 \(9,000 rows\)'):
        blocks(lay_out(tmp_path, "y", "w", lean))


def test_a_forked_child_counts_reads_from_zero() -> None:
    """Whoever held the lock is not there; a child that waited for it would wait for ever."""
    READS._lock.acquire()
    child = os.fork()
    if not child:
        free = READS._lock.acquire(blocking=False)
        os._exit(0 if free and READS._open == 0 else 1)
    READS._lock.release()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
