"""Law 6: stop after k rounds, save, load in a new process, go on: the same bits."""

import json
import subprocess
import sys
from functools import cache

import pytest
from tests.laws.subjects import SOLVED
from tests.probes.plain import fingerprint
from tests.probes.registry import fit

from shardlearn.core.solver import Status
from shardlearn.engines.serial import SerialEngine
from shardlearn.storage import state as storage


@cache
def reference(name):
    """The fingerprint, and the number of rounds."""
    rounds = []
    state, _ = fit(SOLVED[name], SerialEngine(), after=lambda now, stage: bool(rounds.append(stage)))
    return fingerprint(state), len(rounds)


@pytest.mark.parametrize("name", SOLVED)
def test_every_round_goes_to_files_and_back(name):
    probe, state, stage = SOLVED[name], None, 0
    while stage < len(probe.stages):
        state, stage = fit(probe, SerialEngine(), state, stage, after=lambda now, stage: True)
        files = storage.to_files(state)
        state = storage.from_files(files, "here")
        assert storage.to_files(state) == files
    assert fingerprint(state) == reference(name)[0]


def test_a_new_process_goes_on(tmp_path):
    """Each solver is left after a third and after two thirds of its rounds."""
    expected = {}
    for name in SOLVED:
        whole, rounds = reference(name)
        for share in (1, 2):
            folder = tmp_path / f"{len(expected)}"
            storage.dump(left(name, max(1, share * rounds // 3)), folder)
            expected[f"{name}={folder}"] = whole
    command = [sys.executable, "-m", "tests.laws.go_on", *expected]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert json.loads(done.stdout) == expected


def left(name, rounds):
    """(stage, state) after so many rounds."""
    count = []

    def after(now, stage):
        count.append(stage)
        return len(count) == rounds

    state, stage = fit(SOLVED[name], SerialEngine(), after=after)
    return stage, state


def test_a_solver_that_has_ended_stays_ended():
    for name, probe in SOLVED.items():
        if len(probe.stages) == 1:
            state, stage = fit(probe, SerialEngine())
            assert state.status is not Status.RUNNING, name
            assert fingerprint(fit(probe, SerialEngine(), state, stage)[0]) == reference(name)[0]
