"""Whether a file is still the one that was opened, seen from the same machine and from another one."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from shardlearn.core.errors import SourceChangedError
from shardlearn.data import files
from shardlearn.data.files import File, stat


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    return path


def another_in_its_place(path: Path) -> None:
    """Of the same size, with the same time: as `cp -p` and `mv` make it."""
    facts, new = path.stat(), path.with_suffix(".new")
    new.write_text("a,b\n3,4\n")
    os.utime(new, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    new.rename(path)


def elsewhere(file: File, monkeypatch: pytest.MonkeyPatch) -> File:
    """As a worker on another machine gets it."""
    sent: File = pickle.loads(pickle.dumps(file))
    monkeypatch.setattr(files, "_started", lambda: "another machine")
    return sent


def test_an_untouched_file_is_the_same(path: Path) -> None:
    stat(str(path)).must_be_same()
    os.chmod(path, 0o600)
    pickle.loads(pickle.dumps(stat(str(path)))).must_be_same()


def test_other_inodes_on_another_machine_are_no_change(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems make them up, mount by mount; size and time are the file's own."""
    sent = elsewhere(stat(str(path)), monkeypatch)
    another_in_its_place(path)
    sent.must_be_same()
    os.utime(path, ns=(0, sent.mtime_ns + 1))
    with pytest.raises(SourceChangedError, match="written again since"):
        sent.must_be_same()
    path.write_text("a,b\n")
    with pytest.raises(SourceChangedError, match="another size"):
        sent.must_be_same()
    path.unlink()
    with pytest.raises(SourceChangedError, match="the file is gone"):
        sent.must_be_same()


def test_other_inodes_on_another_device_are_no_change(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in two containers of one machine, each with its own mount."""
    file, plain = stat(str(path)), os.stat
    another_in_its_place(path)

    def mounted(where: str) -> os.stat_result:
        facts = list(plain(where))
        facts[2] += 1
        times = plain(where)
        return os.stat_result(facts, {"st_mtime_ns": times.st_mtime_ns, "st_atime_ns": times.st_atime_ns})

    monkeypatch.setattr(files.os, "stat", mounted)
    file.must_be_same()


def test_a_replaced_file_is_noticed_on_its_machine(path: Path) -> None:
    """Though nothing that it shows of itself has changed."""
    file = stat(str(path))
    another_in_its_place(path)
    assert (stat(str(path)).size, stat(str(path)).mtime_ns) == (file.size, file.mtime_ns)
    with pytest.raises(SourceChangedError, match="another file of the same size and time is in its place"):
        file.must_be_same()


def test_a_machine_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", absent)
    assert files._started.__wrapped__() == ""
