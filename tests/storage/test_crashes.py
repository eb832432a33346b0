"""R4 and R6: a real process that is killed, or whose disk fails or is full, at every system call of a save."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests.faces.ending import X, Y, descent
from tests.storage.saving import NEW, OLD, checkpoints, state

import shardlearn
from shardlearn.core.errors import StorageError
from shardlearn.faces import journal
from shardlearn.observe.watching import Watch
from shardlearn.storage import atomic
from shardlearn.storage.checkpoints import Checkpoints
from shardlearn.storage.places import Local

CALLS = "openat,flock,write,fsync,renameat,unlinkat,unlink,mkdir,rmdir,close"
SAVING = [sys.executable, "-B", "-m", "tests.storage.saving"]
FAULTS = ["signal=KILL", "error=ENOSPC", "error=EIO"]
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")


def traced(log, folder, *inject, what="model"):
    """Exit code of a save under strace, and the lines of its log between begin and end."""
    command = ["strace", "-f", "-o", log, "-e", f"trace={CALLS}", *inject, *SAVING, what, folder]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    lines = [line.split(maxsplit=1)[1] for line in log.read_text().splitlines()]
    begin = next(i for i, line in enumerate(lines) if 'write(1, "begin' in line)
    return done.returncode, lines, begin


def calls(lines, begin):
    """(name, how many of that name before it) of each call of the save."""
    seen, out = Counter(), []
    for i, line in enumerate(lines):
        found = re.match(r"(\w+)\(", line)
        if found is None:
            continue
        seen[found[1]] += 1
        if i > begin + 1 and 'write(1, "end' not in line:
            out.append((found[1], seen[found[1]]))
        elif i > begin + 1:
            return out
    return out


@needs_strace
def test_the_order_on_the_log(tmp_path):
    """Written, flushed, renamed, and then the folder is flushed; the manifest last; old files after it."""
    atomic.write_folder(tmp_path / "m", "model", OLD, overwrite=False)
    code, lines, begin = traced(tmp_path / "log", tmp_path / "m")
    assert code == 0
    inside = [line for line in lines[begin + 2 :] if not line.startswith("close")]
    renames = [i for i, line in enumerate(inside) if line.startswith("renameat")]
    for i in renames:
        folder = re.match(r"renameat\((\d+)", inside[i])[1]
        written = re.match(r"write\((\d+)", inside[i - 2])[1]
        assert inside[i - 1].startswith(f"fsync({written})")
        assert inside[i + 1].startswith(f"fsync({folder})")
        assert written != folder
    assert "MANIFEST.json" in inside[renames[-1]]
    assert all(i > renames[-1] for i, line in enumerate(inside) if line.startswith("unlinkat"))
    assert len(renames) == 3


@pytest.mark.slow
@needs_strace
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_every_call(tmp_path, fault):
    """The folder holds the old model or the new one, never anything else; and saving again succeeds."""
    atomic.write_folder(tmp_path / "count", "model", OLD, overwrite=False)
    _, lines, begin = traced(tmp_path / "log", tmp_path / "count")
    outcomes, points = Counter(), calls(lines, begin)
    assert len(points) > 20
    for k, (name, when) in enumerate(points):
        folder = tmp_path / str(k)
        atomic.write_folder(folder, "model", OLD, overwrite=False)
        code, lines, _ = traced(tmp_path / "log", folder, "-e", f"inject={name}:{fault}:when={when}")
        assert fired(code, lines, fault), (name, when)
        found = atomic.read_folder(folder, "model")
        assert found in (OLD, NEW), (name, when)
        assert found == NEW or code != 0
        outcomes[found == NEW] += 1
        atomic.write_folder(folder, "model", NEW, overwrite=True)
        assert atomic.read_folder(folder, "model") == NEW
        assert len(os.listdir(folder)) == 3
    assert set(outcomes) == {True, False}


def two_steps(folder):
    for number in (1, 2):
        checkpoints(folder).save(state(number))
    return folder


@needs_strace
def test_the_order_of_a_checkpoint_on_the_log(tmp_path):
    """Folders, found or made, are flushed into their parents before files; an old step goes when the new is whole."""
    code, lines, begin = traced(tmp_path / "log", two_steps(tmp_path / "c"), what="checkpoint")
    assert code == 0
    inside = [line for line in lines[begin + 2 :] if re.match(r"(mkdir|fsync|renameat|unlink|rmdir)", line)]
    names = [re.match(r"\w+", line)[0] for line in inside]
    saved = ["fsync", "mkdir", "fsync", *["fsync", "renameat", "fsync"] * 4]
    assert names == [*saved, *["unlink"] * 4, "rmdir"]
    renames = [line for line in inside if line.startswith("renameat")]
    assert ["MANIFEST.json" in line for line in renames] == [False, False, False, True]
    assert "MANIFEST.json" in inside[len(saved)]
    assert all("step-00000000" in line for line in inside[len(saved) :])


def test_which_folders_are_flushed(tmp_path, monkeypatch):
    """The one above what is there, whose maker may have been killed; not above what others mounted."""
    flushed = []
    monkeypatch.setattr(atomic, "_flush", flushed.append)
    monkeypatch.chdir(tmp_path)
    atomic._make_folder(Path("a/b"))
    assert flushed == [tmp_path.parent, tmp_path, tmp_path / "a"]
    atomic._make_folder(tmp_path / "a" / "b")
    assert flushed[3:] == [tmp_path / "a"]
    monkeypatch.setattr(os.path, "ismount", lambda path: path == tmp_path / "a" / "b")
    atomic._make_folder(tmp_path / "a" / "b" / "c")
    assert flushed[4:] == [tmp_path / "a" / "b"]


@pytest.mark.slow
@needs_strace
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_every_call_of_a_checkpoint(tmp_path, fault):
    """The newest whole step is the one before or the new one, without a warning; the next save succeeds."""
    _, lines, begin = traced(tmp_path / "log", two_steps(tmp_path / "count"), what="checkpoint")
    points, outcomes = calls(lines, begin), Counter()
    assert len(points) > 30
    for k, (name, when) in enumerate(points):
        folder = two_steps(tmp_path / str(k))
        inject = ("-e", f"inject={name}:{fault}:when={when}")
        code, lines, _ = traced(tmp_path / "log", folder, *inject, what="checkpoint")
        assert fired(code, lines, fault), (name, when)
        number, array = checkpoints(folder).newest()
        assert number in (2, 3), (name, when)
        assert np.array_equal(array, state(number)[1])
        assert number == 3 or code != 0
        outcomes[number] += 1
        checkpoints(folder).save(state(4))
        assert checkpoints(folder).newest()[0] == 4
        assert len(os.listdir(folder)) <= 3
    assert set(outcomes) == {2, 3}


def fired(code, lines, fault):
    """Whether the fault really happened."""
    if fault == "signal=KILL":
        return code in (-signal.SIGKILL, 128 + signal.SIGKILL)
    return any("(INJECTED)" in line for line in lines)


def more_and_more(kept):
    for i in range(1, 9):
        kept.save((i, np.zeros(20_000 + 9_000 * i)))


@pytest.fixture
def megabyte(tmp_path):
    """A disk of one."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.slow
@needs_root
def test_a_disk_of_one_megabyte(megabyte):
    """Checkpoints until it is full: the last one is whole, and after space is freed it goes on."""
    kept = Checkpoints(Local(megabyte / "c"), {"data": "stamp"})
    (megabyte / "other").write_bytes(bytes(600_000))
    kept.save((0, np.zeros(20_000)))
    with pytest.raises(StorageError, match="ENOSPC"):
        more_and_more(kept)
    last = kept.newest()[0]
    assert last < 8
    (megabyte / "other").unlink()
    kept.save((last + 1, np.zeros(20_000)))
    assert kept.newest()[0] == last + 1


@pytest.mark.slow
@needs_root
def test_a_fit_on_a_full_disk(megabyte, monkeypatch):
    """It is said once, the fit finishes, and stores what it has when there is room again."""
    plain, rounds = Watch.after, []
    other = megabyte / "other"

    def after(self, state=None):
        rounds.append(len(list(megabyte.glob("c/fit-0000/step-*/MANIFEST.json"))))
        if len(rounds) == 3:
            with contextlib.suppress(OSError):
                other.write_bytes(bytes(1_000_000))
        if len(rounds) == 7:
            other.unlink()
        return plain(self, state)

    monkeypatch.setattr(Watch, "after", after)
    monkeypatch.setattr(journal, "PATIENCE", 0)
    with shardlearn.checkpoint(megabyte / "c", every=0), pytest.warns(UserWarning, match="ENOSPC") as said:
        model = descent(tol=1e-6).fit(X, Y)
    assert len(said) == 1
    assert len(rounds) > 9
    assert min(rounds[2:]) >= 1  # the last checkpoint is whole all the time
    with shardlearn.checkpoint(megabyte / "c"):
        again = descent(tol=1e-6).fit(X, Y)
    assert again.report_.rounds == 0
    assert shardlearn.fingerprint(again) == shardlearn.fingerprint(model)
