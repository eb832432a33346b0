"""R5: a checkpoint with one wrong byte, or cut short, is never loaded: it is named, and the step before is taken."""

from __future__ import annotations

import shutil
import warnings

import numpy as np
import pytest
from tests.storage.saving import checkpoints, state

from shardlearn.core.errors import StorageError


@pytest.fixture
def folder(tmp_path):
    for number in (1, 2):
        checkpoints(tmp_path / "c").save(state(number))
    return tmp_path / "c"


def newest(folder):
    """The number of the step that is loaded, and what was said of others; its array is what was saved."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        number, array = checkpoints(folder).newest()
    assert np.array_equal(array, state(number)[1])
    return number, [str(one.message) for one in said]


def files(folder):
    return sorted((folder / "step-00000001").iterdir())


def test_every_byte_flipped(folder):
    assert newest(folder) == (2, [])
    flipped = 0
    for path in files(folder):
        whole = path.read_bytes()
        for at in range(len(whole)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
            number, said = newest(folder)
            assert number == 1, (path.name, at)
            assert len(said) == 1
            assert "step-00000001 can't be used, an earlier step is tried" in said[0]
            assert path.name in said[0]
            flipped += 1
        path.write_bytes(whole)
    assert flipped > 1_500
    assert newest(folder) == (2, [])


def test_every_length(folder):
    for path in files(folder):
        whole = path.read_bytes()
        for length in {*range(0, len(whole), 64), len(whole) - 1}:
            path.write_bytes(whole[:length])
            number, said = newest(folder)
            assert (number, len(said)) == (1, 1)
            assert path.name in said[0]
        path.unlink()
        number, said = newest(folder)
        assert number == 1
        assert len(said) == (path.name != "MANIFEST.json")  # without one, it is a save that was cut off
        path.write_bytes(whole)


def test_an_old_manifest_with_new_files(folder, tmp_path):
    shutil.copy(folder / "step-00000000" / "MANIFEST.json", folder / "step-00000001")
    number, said = newest(folder)
    assert (number, len(said)) == (1, 1)


def test_all_steps_damaged(folder):
    for step in folder.iterdir():
        next(step.glob("state-*.safetensors")).write_bytes(b"")
    with pytest.warns(UserWarning, match="earlier"), pytest.raises(StorageError, match="step-00000001"):
        checkpoints(folder).newest()
