"""Checkpoints in object stores: what is torn is not there, what fails is said, what is hostile is refused."""

from __future__ import annotations

import numpy as np
import pytest
from pyarrow import fs
from tests.storage.saving import state

from shardlearn.core.errors import StorageError
from shardlearn.storage.checkpoints import Checkpoints
from shardlearn.storage.places import Local, Remote, place_of


class Failing(fs.FileSystemHandler):
    """A store over another one, whose n-th write fails, in the middle."""

    def __init__(self, inner, at):
        self.inner, self.left = inner, at

    def open_output_stream(self, path, metadata):
        self.left -= 1
        out = self.inner.open_output_stream(path)
        if self.left == 0:
            out.write(b"{")
            out.close()
            raise OSError(28, "No space left on device")
        return out

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def normalize_path(self, path):
        return path

    def get_type_name(self):
        return "failing"

    def get_file_info(self, paths):
        return self.inner.get_file_info(paths)

    def get_file_info_selector(self, selector):
        return self.inner.get_file_info(selector)

    def create_dir(self, path, recursive):
        self.inner.create_dir(path, recursive=recursive)

    def delete_dir(self, path):
        self.inner.delete_dir(path)

    def delete_dir_contents(self, path, missing_dir_ok=False):
        self.inner.delete_dir_contents(path)

    def delete_root_dir_contents(self):
        raise AssertionError

    def delete_file(self, path):
        self.inner.delete_file(path)

    def move(self, source, destination):
        raise AssertionError("an object store can't rename")

    def copy_file(self, source, destination):
        raise AssertionError

    def open_input_stream(self, path):
        return self.inner.open_input_stream(path)

    def open_input_file(self, path):
        return self.inner.open_input_file(path)

    def open_append_stream(self, path, metadata):
        raise AssertionError("an object store can't append")


def store(kind, tmp_path):
    if kind == "mock":
        return fs._MockFileSystem()
    if kind == "local":
        return fs.LocalFileSystem()
    return fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())


@pytest.mark.parametrize("kind", ["mock", "local", "subtree"])
def test_steps_in_a_store(tmp_path, kind):
    path = f"{tmp_path}/bucket/x" if kind == "local" else "bucket/x"
    place = Remote(store(kind, tmp_path), path, "mem://bucket/x")
    kept = Checkpoints(place, {"data": "stamp"})
    assert kept.newest() is None
    assert place.names() == []
    for number in range(5):
        kept.save(state(number))
        assert kept.newest()[0] == number
        assert np.array_equal(kept.newest()[1], state(number)[1])
    assert place.names() == ["step-00000003", "step-00000004"]
    with pytest.raises(StorageError, match="data: stamp then, other now"):
        Checkpoints(place, {"data": "other"}).newest()
    assert place.get("command.json", 9) is None
    place.put("command.json", b"{}\n")
    assert place.get("command.json", 9) == b"{}\n"
    with pytest.raises(StorageError, match="more than 2 bytes"):
        place.get("command.json", 2)


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_write_that_fails_leaves_the_step_before(tmp_path, at):
    """Each of the four files of a step; the manifest is the last."""
    inner = store("subtree", tmp_path)
    whole = Checkpoints(Remote(inner, "x", "mem://x"), {})
    whole.save(state(0))
    system = fs.PyFileSystem(Failing(inner, at))
    failing = Checkpoints(Remote(system, "x", "mem://x"), {})
    with pytest.raises(StorageError) as caught:
        failing.save(state(1))
    assert "Can't save to mem://x/step-00000001." in str(caught.value)
    assert "No space left on device" in str(caught.value)
    assert whole.newest()[0] == 0
    assert whole.place.names() == ["step-00000000"]
    failing.save(state(2))
    assert whole.newest()[0] == 2


@pytest.mark.parametrize("left", [0, 1, 2, 3])
def test_a_save_that_was_cut_off_is_not_there(tmp_path, left):
    """A kill after so many of the four files."""
    system = store("subtree", tmp_path)
    kept = Checkpoints(Remote(system, "x", "mem://x"), {})
    kept.save(state(0))
    kept.save(state(1))
    manifest = "x/step-00000001/MANIFEST.json"
    files = sorted(
        (info.path for info in system.get_file_info(fs.FileSelector("x/step-00000001"))), key=manifest.__eq__
    )
    assert files[-1] == manifest
    for path in files[left:]:
        system.delete_file(path)
    assert kept.newest()[0] == 0
    kept.save(state(2))
    assert kept.newest()[0] == 2


class Killed:
    """A store whose program is gone at the n-th write."""

    def __init__(self, inner, at):
        self.inner, self.left = inner, at

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def open_output_stream(self, path, **how):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return self.inner.open_output_stream(path, **how)


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_killed_at_every_write(tmp_path, at):
    """The manifest is the last of the four, so a step that has one is whole."""
    kept = Checkpoints(Remote(store("subtree", tmp_path), "x", "mem://x"), {})
    kept.save(state(0))
    killed = Checkpoints(Remote(Killed(kept.place.system, at), "x", "mem://x"), {})
    with pytest.raises(KeyboardInterrupt):
        killed.save(state(1))
    assert len(kept.place.inside("step-00000001").names()) == at - 1
    assert kept.newest()[0] == 0


class Stuck(Failing):
    """A store that takes no folder away."""

    def delete_dir(self, path):
        raise OSError(5, "Input/output error")


def test_a_step_that_is_taken_away_loses_its_manifest_first(tmp_path):
    inner = store("subtree", tmp_path)
    kept = Checkpoints(Remote(fs.PyFileSystem(Stuck(inner, 0)), "x", "mem://x"), {})
    for number in range(3):
        kept.save(state(number))
    left = {info.base_name for info in inner.get_file_info(fs.FileSelector("x/step-00000000"))}
    assert len(left) == 3
    assert "MANIFEST.json" not in left
    assert kept.newest()[0] == 2


def test_damage_in_a_store_is_named(tmp_path):
    kept = Checkpoints(Remote(store("subtree", tmp_path), "x", "mem://x"), {})
    kept.save(state(0))
    kept.save(state(1))
    bad = next((tmp_path / "x" / "step-00000001").glob("state-*.json"))
    bad.write_bytes(bad.read_bytes().replace(b"1", b"2", 1))
    with pytest.warns(UserWarning, match=f"mem://x/step-00000001 can't be used.*\n.*{bad.name}"):
        assert kept.newest()[0] == 0
    bad.unlink()
    with pytest.warns(UserWarning, match=f"{bad.name}\n.*the file is missing"):
        assert kept.newest()[0] == 0


class Down(Failing):
    """A store that nobody reaches."""

    def get_file_info_selector(self, selector):
        raise OSError(110, "Connection timed out")

    get_file_info = get_file_info_selector


def test_a_store_that_is_down_is_not_taken_for_an_empty_one(tmp_path):
    place = Remote(fs.PyFileSystem(Down(store("mock", tmp_path), 0)), "x", "mem://x")
    with pytest.raises(StorageError, match=r"mem://x can't be read.\n  found : Connection timed out"):
        Checkpoints(place, {}).newest()
    with pytest.raises(StorageError, match="Connection timed out"):
        place.get("command.json", 9)


def test_places_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert place_of("runs/x") == place_of(f"file://{tmp_path}/runs/x") == Local(tmp_path / "runs" / "x")
    place = place_of("mock://user:hidden@bucket/x/?token=hidden")
    assert str(place.inside("fit-0000")) == "mock://bucket/x/fit-0000"
    with pytest.raises(StorageError) as caught:
        place_of("nowhere://user:hidden@host/x")
    assert caught.value.code == "SL5112"
    assert "hidden" not in str(caught.value)


def test_local_folders_that_can_not_be_read(tmp_path):
    (tmp_path / "file").write_text("")
    place = Local(tmp_path / "file")
    assert place.inside("x").in_the_way() == f"{tmp_path / 'file'} is a file"
    assert Local(tmp_path / "new" / "er").in_the_way() == ""
    with pytest.raises(StorageError, match="can't be read"):
        place.names()
    with pytest.raises(StorageError, match="can't be read"):
        place.get("x", 9)
    with pytest.raises(StorageError, match="Can't save"):
        place.put("x", b"")
    place.remove()
    assert (tmp_path / "file").exists()
