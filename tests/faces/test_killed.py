"""R3: the program is killed at random moments, goes on in a new process, is killed again, and gives the same model."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from tests.faces.ending import Stopped, ended
from tests.faces.stored import CASES

import shardlearn

FEW, MANY = 1, 34


def run(case: str, folder: object, at: int | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "tests.faces.stored", case, str(folder)]
    return subprocess.run([*command, *([] if at is None else [str(at)])], timeout=120, capture_output=True, text=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a fit that nobody kills prints, of each kind."""

    @cache
    def of(case: str) -> dict[str, object]:
        done = run(case, tmp_path_factory.mktemp(case) / "c")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return of


@pytest.mark.parametrize(
    "seed", [*range(FEW), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(FEW, FEW + MANY))]
)
def test_killed_and_killed_again_while_going_on(whole, tmp_path, seed) -> None:
    draw = np.random.default_rng(seed)
    case = list(CASES)[seed % len(CASES)]
    moments = whole(case)["moments"]
    for at in (draw.integers(1, 7 * moments // 10), draw.integers(1, moments // 5)):
        killed = run(case, tmp_path / "c", int(at))
        assert killed.returncode == -signal.SIGKILL, (at, killed.stdout, killed.stderr)
    done = run(case, tmp_path / "c")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["fingerprint"] == whole(case)["fingerprint"]


@pytest.mark.parametrize("case", CASES)
def test_ended_after_every_round(tmp_path, case) -> None:
    whole = CASES[case](str(tmp_path / "c"))
    rounds = whole.report_.rounds
    for k in range(1, rounds + 1):
        folder = tmp_path / str(k)
        with shardlearn.checkpoint(folder, every=0), ended(k, Stopped()), pytest.raises(Stopped):
            CASES[case](str(tmp_path / "c"))
        with shardlearn.checkpoint(folder):
            model = CASES[case](str(tmp_path / "c"))
        assert shardlearn.fingerprint(model) == shardlearn.fingerprint(whole)
        assert model.report_.passes == model.report_.rounds == rounds - k


def test_the_fits_are_what_they_are_without_checkpoints(whole, tmp_path) -> None:
    for case in ("conjugate", "files"):
        assert shardlearn.fingerprint(CASES[case](str(tmp_path / "c"))) == whole(case)["fingerprint"]
