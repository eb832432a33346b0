"""R7: the head, this machine's node or both are killed in a fit, and the caller is told; nobody's program ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.engines.ray_alone import family
from tests.engines.test_ray_joined import ROOT, TOKEN, clean, running

HEAD, NODE = "The head of the Ray cluster", r"[Tt]his machine's node of the Ray cluster"
BACKGROUND = ["sh", "-c", '"$@" & exit', "sh"]  # Ray treats a program otherwise whose parent has gone


@pytest.fixture
def short() -> Iterator[Path]:
    """Where Ray's sockets have room, and nobody else's clusters are."""
    with tempfile.TemporaryDirectory(prefix="h", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def lost(folder: Path, *arguments: str, **environment: str) -> Any:
    """What a process found whose cluster was killed."""
    command = [*BACKGROUND, sys.executable, "-W", "error", "-m", "tests.engines.ray_headless", *arguments]
    env = clean() | {"TMPDIR": str(folder)} | environment
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=env, start_new_session=True
    )
    try:
        out, err = process.communicate(timeout=120)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert out, f"the program has ended: {err}"
    return json.loads(out)


def the_same_after(out: Any, killed: int) -> None:
    """Nothing of the cluster stays, and the fit goes on elsewhere."""
    assert out["killed"] == killed
    assert out["changed"] == {}
    assert out["resumed"]
    assert out["equal"]
    assert "inside `with shardlearn.checkpoint(...)` it goes on from its last round" in out["error"]


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        ("gcs_server,raylet", f"{HEAD}|{NODE}"),
        pytest.param("gcs_server", HEAD, marks=pytest.mark.slow),
        pytest.param("raylet", NODE, marks=pytest.mark.slow),
    ],
)
def test_a_private_cluster(servers: str, words: str, short: Path) -> None:
    out = lost(short, servers)
    assert re.match(words, out["error"])
    assert "Connection refused" in out["error"]
    assert out["seconds"] < 5
    assert out["then"] == "", "the next fit starts a cluster of its own"
    the_same_after(out, 1 + servers.count(","))


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
def test_an_isolated_cluster(short: Path) -> None:
    out = lost(short, "gcs_server,raylet", "isolated")
    assert re.match(f"{HEAD}|{NODE}", out["error"])
    assert out["then"] == ""
    the_same_after(out, 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("servers", "words", "least"), [("gcs_server", HEAD, 3), ("raylet", NODE, 0), ("gcs_server,raylet", NODE, 0)]
)
def test_a_cluster_that_somebody_runs(servers: str, words: str, least: float, short: Path) -> None:
    """Its head is waited for, for 3 s here in place of 30: it may come back."""
    with running(short / "head", RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=TOKEN) as (at, starter):
        os.kill(starter, signal.SIGSTOP)  # or it would end the others when one has died
        try:
            out = lost(short, servers, at, str(starter), RAY_AUTH_TOKEN=TOKEN)
        finally:
            for pid in [*family(starter), starter]:
                os.kill(pid, signal.SIGKILL)
    assert re.search(words, out["error"])
    assert least <= out["seconds"] < least + 5
    assert re.match(r"No Ray cluster (answers|was found)|The Ray cluster at .* could not be joined", out["then"])
    the_same_after(out, 1 + servers.count(","))
