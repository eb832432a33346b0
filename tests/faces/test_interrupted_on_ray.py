"""R15 on Ray: Ctrl-C and SIGTERM at random times in a fit, in a search, and while a cluster starts or ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

import pytest
from tests.engines.test_ray_joined import ROOT
from tests.faces.test_driver_on_ray import running


def found(seed: int, times: int, folder: str) -> Any:
    command = [sys.executable, "-W", "error", "-m", "tests.faces.interrupted_on_ray", str(seed), str(times)]
    env = os.environ | {"TMPDIR": folder}
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, cwd=ROOT, env=env)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("seed", "times"), [(0, 2), *(pytest.param(seed, 4, marks=pytest.mark.slow) for seed in (0, 1, 2, 3))]
)
def test_stop_means_stop(seed: int, times: int) -> None:
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as short:
        out = found(seed, times, short)
        assert os.listdir(short) == []
    for number in ("SIGINT", "SIGTERM"):
        assert out[f"LogisticRegression {number}"] == ["Interrupted"] * times
        search = out[f"GridSearchCV {number}"]  # between two fits it is scikit-learn that is interrupted
        assert len(search) == times
        assert set(search) <= {"Interrupted", "KeyboardInterrupt"}
        assert "Interrupted" in search or times < 4
    assert "Interrupted" in out["GridSearchCV SIGINT"] + out["GridSearchCV SIGTERM"]
    assert out["opening"] == ["KeyboardInterrupt"] * (times // 2)
    assert out["others"] == [], "processes that came or went: nobody had to be ended"
    assert out["equal"]
    assert out["changed"] == {}, "processes, threads, folders, shared memory, handlers, environment"
    assert running(out["started"]) == []


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["one", "all"])
def test_a_search_in_processes_of_joblib(whom: str) -> None:
    """The fits are in other processes; the caller gets joblib's KeyboardInterrupt, and they are gone."""
    command = [sys.executable, "-m", "tests.faces.interrupted_in_joblib", whom]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT, start_new_session=True)
    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout)
    assert out["caught"] in ("KeyboardInterrupt", "Interrupted")
    assert len(out["workers"]) == 2
    assert running(out["workers"]) == []
