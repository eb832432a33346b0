"""A save is whole or the old one, whatever fails; damage and hostile folders are refused."""

import errno
import hashlib
import json
import os
import shutil
import sys
import time

import pytest

from shardlearn.core.errors import StorageError
from shardlearn.storage import atomic, canonical

OLD = {"model.json": b"1\n", "model.safetensors": b"old weights"}
NEW = {"model.json": b"2\n", "model.safetensors": b"new weights, longer", "extra.json": b"3\n"}


@pytest.fixture(autouse=True, scope="module")
def no_waiting_for_the_disk():
    """Nothing here cuts the power: that fsync is called, and when, is what counts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atomic.os, "fsync", lambda _: None)
        yield


def save(folder, files, overwrite=True):
    atomic.write_folder(folder, "model", files, overwrite=overwrite)


def load(folder):
    return atomic.read_folder(folder, "model")


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_there_and_back(tmp_path):
    save(tmp_path / "a" / "b", OLD, overwrite=False)
    assert load(tmp_path / "a" / "b") == OLD
    assert all(p.stat().st_mode & 0o777 == 0o600 for p in (tmp_path / "a" / "b").iterdir())


def test_overwrite_leaves_only_the_new(tmp_path):
    save(tmp_path, OLD)
    save(tmp_path, NEW)
    assert load(tmp_path) == NEW
    assert len(names(tmp_path)) == 4


def test_equal_contents_give_equal_folders(tmp_path):
    save(tmp_path / "a", NEW)
    save(tmp_path / "b", OLD)
    save(tmp_path / "b", NEW)
    assert names(tmp_path / "a") == names(tmp_path / "b")
    assert all((tmp_path / "a" / n).read_bytes() == (tmp_path / "b" / n).read_bytes() for n in names(tmp_path / "a"))


def test_nothing_is_replaced_unasked(tmp_path):
    save(tmp_path / "m", OLD)
    with pytest.raises(StorageError, match="overwrite=True") as caught:
        save(tmp_path / "m", NEW, overwrite=False)
    assert caught.value.code == "SL5102"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("years of work")
    with pytest.raises(StorageError, match="other things"):
        save(tmp_path / "other", NEW)
    assert load(tmp_path / "m") == OLD
    assert names(tmp_path / "other") == ["thesis.tex"]


def test_names_of_files_are_ours():
    with pytest.raises(ValueError, match="not a name"):
        atomic.write_folder("/nowhere", "model", {"../x.json": b""}, overwrite=True)


class Steps:
    """Passes os calls on, notes them, and fails at the k-th: by an error, or as if the process were killed there."""

    CALLS = ("mkdir", "open", "write", "fsync", "close", "rename", "unlink", "listdir")

    def __init__(self, monkeypatch, fail_at=None, error=None):
        self.log, self.fail_at, self.error, self.dead = [], fail_at, error, False
        for name in self.CALLS:
            monkeypatch.setattr(atomic.os, name, self.wrap(name, getattr(os, name)))

    def wrap(self, name, real):
        def call(*args, **kwargs):
            if self.dead and name != "close":
                raise Killed
            if len(self.log) == self.fail_at:
                self.log.append((name, args, kwargs))
                self.dead = isinstance(self.error, Killed)
                if name == "close":
                    real(*args)
                raise self.error
            self.log.append((name, args, kwargs))
            return real(*args, **kwargs)

        return call


class Killed(BaseException):
    """The process ends here: nothing after it runs."""


def calls_of_a_save(tmp_path, monkeypatch, files):
    save(tmp_path / "count", OLD)
    with monkeypatch.context() as patch:
        steps = Steps(patch)
        save(tmp_path / "count", files)
    return steps.log


@pytest.mark.parametrize("error", [Killed(), OSError(errno.ENOSPC, "full"), OSError(errno.EIO, "i/o")], ids=repr)
@pytest.mark.parametrize("first", [True, False], ids=["first", "overwrite"])
def test_a_failure_at_every_step(tmp_path, monkeypatch, error, first):
    outcomes = set()
    for k in range(len(calls_of_a_save(tmp_path, monkeypatch, NEW)) + 20):
        folder = tmp_path / f"{k}"
        if not first:
            save(folder, OLD)
        with monkeypatch.context() as patch:
            steps = Steps(patch, k, error)
            try:
                save(folder, NEW)
                failed = False
            except (StorageError, Killed):
                failed = True
        if len(steps.log) <= k:
            break
        outcomes.add(check(folder, failed, first, k))
        save(folder, NEW)  # after space is freed it goes on, and sweeps what was left over
        assert load(folder) == NEW
        assert len(names(folder)) == 4
    assert outcomes == {"old", "new"}


def check(folder, failed, first, k):
    try:
        found = load(folder)
    except StorageError as error:
        found = error.code if first else error
    assert found in (NEW, "SL5103" if first else OLD), k
    assert failed or found == NEW
    return "new" if found == NEW else "old"


def test_a_failed_save_leaves_no_temporary_file(tmp_path, monkeypatch):
    save(tmp_path / "m", OLD)
    for name in ("write", "fsync", "rename"):
        with monkeypatch.context() as patch:
            patch.setattr(atomic.os, name, failing(errno.ENOSPC))
            with pytest.raises(StorageError, match="ENOSPC"):
                save(tmp_path / "m", NEW)
        assert not [n for n in names(tmp_path / "m") if n.startswith(".")]
        assert load(tmp_path / "m") == OLD


def failing(number):
    def call(*_, **__):
        raise OSError(number, "no")

    return call


def test_the_order_of_a_save(tmp_path, monkeypatch):
    log = calls_of_a_save(tmp_path, monkeypatch, NEW)
    calls = [name for name, _, _ in log]
    renames = [i for i, name in enumerate(calls) if name == "rename"]
    for i in renames:
        (temporary, _), folder = log[i][1], log[i][2]["src_dir_fd"]
        assert calls[i - 4 : i + 2] == ["open", "write", "fsync", "close", "rename", "fsync"]
        assert log[i - 4][1][0] == temporary
        assert log[i - 2][1] == log[i - 1][1] != (folder,)  # the file is flushed and closed, then renamed,
        assert log[i + 1][1] == (folder,)  # then the folder is flushed
    assert [log[i][1][1] for i in renames][-1] == "MANIFEST.json"
    assert "unlink" in calls[renames[-1] :]  # what was there before goes last
    assert "unlink" not in calls[: renames[-1]]


def test_short_writes_go_on(tmp_path, monkeypatch):
    real = os.write
    monkeypatch.setattr(atomic.os, "write", lambda fd, data: real(fd, data[:3]))
    save(tmp_path, NEW)
    assert load(tmp_path) == NEW


def test_every_flipped_byte_is_found(tmp_path):
    save(tmp_path, OLD)
    for path in tmp_path.iterdir():
        whole = path.read_bytes()
        for i in range(len(whole)):
            for bit in (0, 5):
                path.write_bytes(whole[:i] + bytes([whole[i] ^ (1 << bit)]) + whole[i + 1 :])
                with pytest.raises(StorageError) as caught:
                    load(tmp_path)
                assert path.name in str(caught.value)
        path.write_bytes(whole)
    assert load(tmp_path) == OLD


def test_every_cut_and_every_longer_file_is_found(tmp_path):
    save(tmp_path, {"model.json": b"1\n", "model.safetensors": bytes(range(256)) * 20})
    good = load(tmp_path)
    for path in tmp_path.iterdir():
        whole = path.read_bytes()
        for length in [*range(0, len(whole), 7), len(whole) + 1]:
            path.write_bytes((whole + b"x")[:length])
            with pytest.raises(StorageError):
                load(tmp_path)
        path.unlink()
        with pytest.raises(StorageError):
            load(tmp_path)
        path.write_bytes(whole)
    assert load(tmp_path) == good


def test_an_old_manifest_with_new_files(tmp_path):
    save(tmp_path, OLD)
    old = (tmp_path / "MANIFEST.json").read_bytes()
    save(tmp_path, NEW)
    (tmp_path / "MANIFEST.json").write_bytes(old)
    with pytest.raises(StorageError, match="missing"):
        load(tmp_path)


def test_another_kind_is_refused(tmp_path):
    save(tmp_path, OLD)
    with pytest.raises(StorageError, match="holds no state"):
        atomic.read_folder(tmp_path, "state")


def test_nothing_there(tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(StorageError) as caught:
            load(folder)
        assert caught.value.code == "SL5103"
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError):
        load(tmp_path / "file")


def listing(files, **more):
    value = {"format": 1, "kind": "model", "files": files} | more
    return canonical.dumps(value | {"check": hashlib.sha256(canonical.dumps(value)).hexdigest()})


def manifest(**changes):
    entry = {
        "role": "model.json",
        "name": f"model-{'0' * 16}.json",
        "length": 2,
        "sha256": hashlib.sha256(b"1\n").hexdigest(),
    }
    return listing([entry | changes])


HOSTILE = {
    "up": manifest(name="../model-0000000000000000.json"),
    "absolute": manifest(name="/etc/passwd"),
    "role": manifest(role="../model.json"),
    "negative": manifest(length=-1),
    "huge": manifest(length=2**62),
    "bool": manifest(length=True),
    "digest": manifest(sha256="0" * 63),
    "more": manifest(mode=0o777),
    "later": manifest().replace(b'"format": 1', b'"format": 2'),
    "many": listing([1] * 65),
    "no list": listing(1),
    "number": canonical.dumps(1),
    "twice": listing(json.loads(manifest())["files"] * 2),
    "spare": listing([], run="me"),
    "no check": canonical.dumps({"format": 1, "kind": "model", "files": []}),
    "large": b" " * (atomic.MANIFEST_BYTES + 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_manifests_are_refused(tmp_path, name):
    (tmp_path / "MANIFEST.json").write_bytes(HOSTILE[name])
    (tmp_path / f"model-{'0' * 16}.json").write_bytes(b"1\n")
    start = time.perf_counter()
    with pytest.raises(StorageError):
        load(tmp_path)
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("which", ["MANIFEST.json", "model"])
@pytest.mark.parametrize("how", ["link", "dangling", "pipe", "folder", "sparse"])
def test_only_regular_files_are_read(tmp_path, which, how):
    save(tmp_path / "m", OLD)
    path = next(p for p in (tmp_path / "m").iterdir() if p.name.startswith(which))
    outside = tmp_path / "outside"
    shutil.copy(path, outside)
    path.unlink()
    match how:
        case "link":
            path.symlink_to(outside)
        case "dangling":
            path.symlink_to(tmp_path / "nowhere")
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "sparse":
            with open(path, "wb") as file:
                file.truncate(2**40)
    start = time.perf_counter()
    with pytest.raises(StorageError):
        load(tmp_path / "m")
    assert time.perf_counter() - start < 1


def test_a_reader_meets_a_writer(tmp_path, monkeypatch):
    save(tmp_path, OLD)
    real, done = os.open, []

    def replaced_meanwhile(name, *args, **kwargs):
        if str(name).startswith("model-") and not done:
            done.append(name)
            save(tmp_path, NEW)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(atomic.os, "open", replaced_meanwhile)
    assert load(tmp_path) == NEW
    assert done


def test_a_file_that_grows_is_refused(tmp_path, monkeypatch):
    save(tmp_path, OLD)
    monkeypatch.setattr(atomic.os, "read", lambda fd, n: b"x" * n)
    with pytest.raises(StorageError, match="grows"):
        load(tmp_path)


def test_an_unreadable_file_is_named(tmp_path, monkeypatch):
    save(tmp_path, OLD)
    monkeypatch.setattr(atomic.os, "read", failing(errno.EIO))
    with pytest.raises(StorageError, match="EIO"):
        load(tmp_path)


def test_one_writer_at_a_time(tmp_path, monkeypatch):
    save(tmp_path, OLD)
    with atomic._locked(tmp_path), pytest.raises(StorageError, match="another program"):
        save(tmp_path, NEW)
    monkeypatch.setattr(atomic.fcntl, "flock", failing(errno.ENOLCK))  # a file system without locks
    save(tmp_path, NEW)
    assert load(tmp_path) == NEW


def test_a_file_that_cannot_be_removed_harms_nothing(tmp_path, monkeypatch):
    save(tmp_path, OLD)
    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "unlink", failing(errno.EBUSY))
        save(tmp_path, NEW)
    assert load(tmp_path) == NEW


def test_loading_opens_nothing_else_and_runs_nothing(tmp_path):
    save(tmp_path, OLD)
    load(tmp_path)
    seen, watching = [], [True]

    def hook(event, args):
        if watching and (event in WATCHED or event.startswith(("os.", "subprocess.", "ctypes.", "pickle."))):
            seen.append((event, args))

    sys.addaudithook(hook)
    load(tmp_path)
    watching.clear()
    opened = {os.path.basename(str(args[0])) for event, args in seen if event == "open"}
    assert opened == {tmp_path.name, *names(tmp_path)}
    assert all(event == "open" and not args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) for event, args in seen)


WATCHED = {"open", "exec", "compile", "import", "socket.__new__"}
