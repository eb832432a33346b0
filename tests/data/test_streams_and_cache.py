"""What can be read only once goes through the disk cache, and nothing stays there."""

from __future__ import annotations

import gzip
import os
import pickle
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from tests.data.rows import blocks, same, table

from shardlearn.core.errors import InputError
from shardlearn.data import cache, lay_out, read

TABLE = table(9000, 64)
REFERENCE = blocks(lay_out(TABLE, "y", "w"))


def test_a_stream_is_unpacked_once(disk_cache: Path) -> None:
    source = read(TABLE.to_reader(max_chunksize=1000), cache="disk")
    assert source.notices()[0].startswith("RecordBatchReader, unpacked to ")
    assert not source.in_memory
    laid = lay_out(source, "y", "w")
    for _ in range(2):
        same(blocks(laid), REFERENCE)
    source.close()
    assert not list(disk_cache.iterdir())


def test_foreign_streams(disk_cache: Path) -> None:
    class Stream:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return TABLE.__arrow_c_stream__(requested_schema)

    same(blocks(lay_out(read(Stream(), cache="disk"), "y", "w")), REFERENCE)


def test_a_stream_that_breaks(disk_cache: Path) -> None:
    def batches() -> object:
        yield TABLE.to_batches()[0]
        raise OSError(5, "Input/output error")

    with pytest.raises(InputError, match="Can't read RecordBatchReader"):
        read(pa.RecordBatchReader.from_batches(TABLE.schema, batches()), cache="disk")


def test_datasets_that_filter_go_through_the_cache(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "a.parquet")
    dataset = ds.dataset(tmp_path).filter(pc.field("c0") > 0)
    source = read(dataset)
    assert source.notices()
    same(blocks(lay_out(source, "y", "w")), blocks(lay_out(TABLE.filter(pc.field("c0") > 0), "y", "w")))
    same(blocks(lay_out(ds.dataset(TABLE), "y", "w")), REFERENCE)


def test_cache_goes_with_the_last_holder(tmp_path: Path, disk_cache: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    laid = lay_out(tmp_path / "t.csv.gz")
    assert len(list(disk_cache.iterdir())) == 1
    pickle.loads(pickle.dumps(laid))  # a copy in another process owns nothing
    assert len(list(disk_cache.iterdir())) == 1
    del laid


def test_names_say_whose_it_is() -> None:
    room = cache.room()
    assert cache.owner(os.path.basename(room.path)) == (os.getpid(), cache.started(os.getpid()), cache.host())
    for name in ("other", "shardlearn-x-1-y-z", "shardlearn-1", "shardlearn-", "shardlearn-1-2-x"):
        assert cache.owner(name) is None
    assert cache.started(2**22 + 1) == 0
    room.close()
    room.close()


def test_another_process_does_not_remove_it(disk_cache: Path) -> None:
    alive = f"shardlearn-1-{cache.started(1)}-{cache.host()}-x"
    elsewhere = "shardlearn-4194304-1-deadbeef-x"  # of a machine that shares the folder
    for folder in (disk_cache / alive, disk_cache / elsewhere):
        folder.mkdir()
        cache.Room(str(folder)).close()
        assert cache.sweep(disk_cache) == 0
        assert folder.exists()
        folder.rmdir()
    (disk_cache / "notes").mkdir()
    assert cache.sweep(disk_cache) == 0
    (disk_cache / "notes").rmdir()


PROGRAM = """
    import os, signal, sys, time
    from shardlearn.data import lay_out, read
    source = read(sys.argv[1])
    laid = lay_out(source, "y")
    print("ready", flush=True)
    {then}
"""


@pytest.mark.parametrize(
    ("then", "left"),
    [
        ("pass", 0),
        ("raise ValueError('stop')", 0),
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(10)", 0),
        ("os.kill(os.getpid(), signal.SIGKILL)", 1),
    ],
    ids=["end", "error", "Ctrl-C", "kill"],
)
def test_what_is_left_after_the_process(tmp_path: Path, disk_cache: Path, then: str, left: int) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,y\n" + b"1,2\n" * 1000))
    program = textwrap.dedent(PROGRAM).format(then=then)
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "t.csv.gz")], capture_output=True, text=True, check=False
    )
    assert done.stdout == "ready\n", done.stderr
    assert (done.returncode == -signal.SIGKILL) == bool(left)
    assert len(list(disk_cache.iterdir())) == left
    cache.room().close()  # the next start removes what a killed process left
    assert not list(disk_cache.iterdir())


def test_a_fork_leaves_the_cache_alone(tmp_path: Path, disk_cache: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,y\n" + b"1,2\n" * 1000))
    then = (
        "pid = os.fork()\n    if not pid: sys.exit(0)\n    os.waitpid(pid, 0); print(os.path.exists(source.room.path))"
    )
    program = textwrap.dedent(PROGRAM.format(then=then))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(tmp_path / "t.csv.gz")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "ready\nTrue\n"


def test_a_cache_that_can_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SHARDLEARN_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match="point SHARDLEARN_CACHE at a folder that can be written"):
        cache.room()


def test_disk_is_watched_while_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = iter([True, False])
    monkeypatch.setattr(cache, "has_room", lambda folder, needed: next(free))
    monkeypatch.setattr(cache.Writer, "STEP", 10)
    writer = cache.Writer(str(tmp_path / "f"))
    writer.write(b"0123456789")
    with pytest.raises(InputError, match="Not enough disk"):
        writer.write(b"0123456789")
    writer.close()
