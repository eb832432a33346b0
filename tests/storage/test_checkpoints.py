"""A fit that is killed goes on from its newest whole checkpoint, with the same bits."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.probes.plain import fingerprint
from tests.probes.registry import PROBES, fit

from shardlearn.core.errors import StorageError
from shardlearn.engines.serial import SerialEngine
from shardlearn.storage import atomic
from shardlearn.storage.checkpoints import Checkpoints
from shardlearn.storage.places import Local

SAME = {"class": "Ridge", "parameter alpha": "1.0", "data": "stamp"}


def steps(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_is_taken_and_few_are_kept(tmp_path):
    kept = Checkpoints(Local(tmp_path / "c"), SAME)
    assert kept.newest() is None
    for i in range(5):
        kept.save((i, np.arange(i)))
        assert kept.newest()[0] == i
    assert steps(tmp_path / "c") == ["step-00000003", "step-00000004"]


def test_a_damaged_step_is_named_and_the_one_before_is_taken(tmp_path):
    kept = Checkpoints(Local(tmp_path), SAME, keep=3)
    for i in range(3):
        kept.save(i)
    bad = next((tmp_path / "step-00000002").glob("state-*.json"))
    bad.write_bytes(bad.read_bytes()[:-3])
    with pytest.warns(UserWarning, match=bad.name):
        assert kept.newest() == 1
    (tmp_path / "step-00000001" / "MANIFEST.json").unlink()  # a save that was cut off is no damage
    with pytest.warns(UserWarning, match="step-00000002"):
        assert kept.newest() == 0
    (tmp_path / "step-00000000" / "MANIFEST.json").write_bytes(b"{}")
    with pytest.warns(UserWarning, match="earlier"), pytest.raises(StorageError, match="step-00000002"):
        kept.newest()


def test_another_fit_is_refused_and_the_difference_named(tmp_path):
    Checkpoints(Local(tmp_path), SAME).save(1)
    for other in (SAME | {"parameter alpha": "2.0"}, SAME | {"parameter tol": "1"}, {"class": "Ridge"}):
        with pytest.raises(StorageError) as caught:
            Checkpoints(Local(tmp_path), other).newest()
        assert caught.value.code == "SL5111"
        assert "parameter" in caught.value.found
        assert "class" not in caught.value.found


def test_what_another_program_saved_meanwhile_stays(tmp_path, monkeypatch):
    """Two that go on with the same fit: their steps are the same."""
    kept = Checkpoints(Local(tmp_path), SAME)
    kept.save(1)
    monkeypatch.setattr(Checkpoints, "_steps", lambda self: [])
    with pytest.raises(StorageError, match="Can't save"):
        kept.save(2)
    monkeypatch.undo()
    assert kept.newest() == 1


def test_other_files_are_refused(tmp_path):
    atomic.write_folder(tmp_path / "step-00000000", "checkpoint", {"identity.json": b"1\n"}, overwrite=False)
    with pytest.warns(UserWarning, match="earlier"), pytest.raises(StorageError):
        Checkpoints(Local(tmp_path), SAME).newest()


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    kept = Checkpoints(Local(tmp_path), SAME)
    kept.save(1)
    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "fsync", no_room)
        with pytest.raises(StorageError, match="ENOSPC"):
            kept.save(2)
    assert kept.newest() == 1
    kept.save(2)
    assert kept.newest() == 2


def no_room(_):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("name", ["kmeans", "smo"])
def test_killed_again_and_again(tmp_path, name):
    """Shot in the middle of a save, wherever that is, also while going on."""
    draw = np.random.default_rng(len(name))
    command = [sys.executable, "-m", "tests.storage.checkpointed", name, str(tmp_path / "c")]
    for at in draw.integers(30, 150, 2):
        done = subprocess.run([*command, str(at)], timeout=60, check=False)
        assert done.returncode == -signal.SIGKILL
    done = subprocess.run(command, timeout=60, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == fingerprint(fit(PROBES[name], SerialEngine())[0])
    assert len(steps(Path(tmp_path / "c"))) <= 4
