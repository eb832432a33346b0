"""Folders of private clusters: whose are removed, and whose never."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from shardlearn.engines import ray_folder
from shardlearn.engines.ray_folder import LOCK, folder, sweep

KILLED = """
import os, signal
from shardlearn.engines.ray_folder import folder
with folder() as inside:
    (inside / "r").mkdir()
    (inside / "r" / "log").write_text("old")
    (inside / "token").write_text("old")
    print(inside, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # pytest makes its folders first
    with tempfile.TemporaryDirectory(prefix="f", dir="/tmp") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        yield Path(short)


def left(above: Path) -> Path:
    """What a program leaves that was killed."""
    settings = os.environ | {"TMPDIR": str(above)}
    done = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, timeout=60, env=settings)
    assert done.returncode == -signal.SIGKILL, done.stderr
    path = Path(done.stdout.strip())
    assert {entry.name for entry in path.iterdir()} == {LOCK, "r", "token"}
    return path


def test_a_folder_is_ours_and_goes(above: Path) -> None:
    with folder() as inside:
        assert inside.parent == above
        assert inside.stat().st_mode & 0o777 == 0o700
        (inside / "token").touch()
    assert not list(above.iterdir())


def test_a_long_path_is_no_place_for_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/" + "x" * 30)
    with folder() as inside:
        assert inside.parent == Path("/tmp")


def test_what_a_killed_program_left_goes_at_the_next_start(above: Path) -> None:
    old = left(above)
    with folder() as inside:
        assert list(above.iterdir()) == [inside]
        sweep(above)
        assert inside.exists(), "somebody lives there"
    assert not old.exists()


def test_what_is_not_ours_stays(above: Path, tmp_path: Path) -> None:
    open_ = left(above)
    open_.chmod(0o777)
    linked = left(above)
    shutil.move(linked, tmp_path / "elsewhere")
    linked.symlink_to(tmp_path / "elsewhere")
    strange = above / "shardlearn-cache"
    strange.mkdir(mode=0o700)
    theirs = left(above) if os.geteuid() == 0 else strange
    if theirs is not strange:
        os.chown(theirs, 12345, -1)
    sweep(above)
    assert sorted(above.iterdir()) == sorted({open_, linked, strange, theirs})
    assert all((path / "token").exists() for path in (open_, theirs, tmp_path / "elsewhere") if path is not strange)


def test_links_inside_are_not_followed(above: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    old = left(above)
    (old / "link").symlink_to(tmp_path)
    (old / "r" / "link").symlink_to(tmp_path)
    sweep(above)
    assert not old.exists()
    assert (tmp_path / "kept").read_text() == "kept"


def test_a_lock_that_is_a_link_opens_nothing(above: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    old = left(above)
    (old / LOCK).unlink()
    (old / LOCK).symlink_to(tmp_path / "kept")
    sweep(above)
    assert (old / "token").exists()


def test_what_is_still_written_goes_another_time(above: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = left(above)
    with monkeypatch.context() as patched:
        patched.setattr(ray_folder.shutil, "rmtree", lambda *_, **__: None)
        sweep(above)
    assert {entry.name for entry in old.iterdir()} == {LOCK, "r"}
    sweep(above)
    assert not old.exists()
