"""R3 on Ray: the driver is killed in a round; threads, or another cluster, go on to the same bits; no worker stays."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest
from tests.faces.driver_on_ray import fitted

import shardlearn
from shardlearn.engines.ray_folder import sweep

SECONDS = 20.0  # until all of a cluster is gone whose driver was killed, but for:
AGENTS = {"ray::DashboardA", "ray::RuntimeEnv"}  # Ray's; they wait a minute for the server that is gone


@pytest.fixture
def short() -> Iterator[str]:
    """Where Ray's sockets have room, and nobody else's clusters are."""
    with tempfile.TemporaryDirectory(prefix="k", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield folder


def killed(folder: Path, rounds: int, temporary: str) -> list[int]:
    """The processes that a driver leaves which is killed after so many rounds."""
    command = [sys.executable, "-W", "error", "-m", "tests.faces.driver_on_ray", str(folder), str(rounds)]
    settings = os.environ | {"TMPDIR": temporary}
    done = subprocess.run(command, timeout=120, capture_output=True, text=True, env=settings)
    assert done.returncode == -signal.SIGKILL, done.stderr
    started: list[int] = json.loads(done.stdout)
    return started


def running(pids: list[int]) -> list[str]:
    """Names of those that are there and not only waiting to be forgotten."""
    names = []
    for pid in pids:
        with suppress(OSError):
            name, _, fields = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
            names += [] if fields.split()[0] == "Z" else [name]
    return names


def left(pids: list[int]) -> set[str]:
    """Names of those that still run when there was time enough to end, agents aside; all are ended here."""
    until = monotonic() + SECONDS
    while (names := {*running(pids)} - AGENTS) and monotonic() < until:
        sleep(0.05)
    for pid in pids:
        if running([pid]):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    return names


def went_on(folder: Path, copy: Path, engine: dict[str, Any]) -> Any:
    shutil.copytree(folder, copy)
    with shardlearn.engine(**engine), shardlearn.checkpoint(copy):
        return fitted()


@pytest.mark.usefixtures("ray_cluster")
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_the_driver_is_killed_in_a_round(tmp_path: Path, short: str, seed: int) -> None:
    whole, shared = fitted(), {*os.listdir("/dev/shm")}
    rounds = int(np.random.default_rng(seed).integers(1, whole.report_.rounds))
    started = killed(tmp_path / "c", rounds, short)
    assert len(started) >= 6, "two servers, two agents and two workers"
    assert left(started) == set()
    assert {*os.listdir("/dev/shm")} <= shared
    assert [path.name for path in Path(short).iterdir() if path.name.startswith("shardlearn-")]
    sweep(Path(short))
    assert os.listdir(short) == [], "the next cluster removes its folder"
    for engine in ({"kind": "threads", "workers": 2}, {"kind": "ray", "address": "local", "workers": 2}):
        model = went_on(tmp_path / "c", tmp_path / str(engine["kind"]), engine)
        assert model.report_.engine == engine["kind"]
        assert model.report_.resumed
        assert model.report_.rounds == whole.report_.rounds - rounds
        assert shardlearn.fingerprint(model) == shardlearn.fingerprint(whole)
