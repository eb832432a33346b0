"""Clusters that somebody else runs, as `ray start` makes them: with a token joined, without one refused."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TOKEN = "0123456789abcdef" * 3

pytestmark = pytest.mark.slow  # two clusters are started


@contextmanager
def running(folder: Path, cpus: int = 2, **environment: str) -> Iterator[tuple[str, int]]:
    """A head node: where it is, and the process that looks after its servers."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    command = [
        Path(sys.executable).with_name("ray"),
        "start",
        "--head",
        "--block",
        f"--port={port}",
        f"--num-cpus={cpus}",
    ]
    more = ["--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={folder}"]
    env = clean() | environment
    with open(folder / "log", "wb") as log:
        head = subprocess.Popen([*command, *more], stdout=log, stderr=log, env=env, start_new_session=True)
        try:
            until = monotonic() + 60
            while b"Ray runtime started" not in (folder / "log").read_bytes():
                assert monotonic() < until, (folder / "log").read_text()
                assert head.poll() is None, (folder / "log").read_text()
                sleep(0.1)
            yield f"127.0.0.1:{port}", head.pid
        finally:
            head.send_signal(signal.SIGTERM)
            head.wait(30)


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}


def joined(at: str, insecure: bool = False, **environment: str) -> Any:
    command = [sys.executable, "-W", "error", "-m", "tests.engines.ray_joined", at, str(int(insecure))]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=True, cwd=ROOT, env=clean() | environment
    )
    out = json.loads(done.stdout)
    assert out.pop("changed") == []
    return out


@pytest.fixture
def short(tmp_path: Path) -> Iterator[Path]:
    """A folder with a short name, for sockets."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="head-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "ray"


def test_a_cluster_with_a_token(short: Path) -> None:
    with running(short, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=TOKEN) as (at, _):
        out = joined(at, RAY_AUTH_TOKEN=TOKEN)
        assert out.pop("who").startswith("the free CPUs of the Ray cluster")
        assert out == {"equal": True, "workers": 2}
        assert "there is none here" in joined(at, HOME=str(short))["error"]
        assert "refuses the one that is here" in joined(at, RAY_AUTH_TOKEN=TOKEN[::-1])["error"]


def test_a_cluster_without_a_token(short: Path) -> None:
    with running(short, RAY_AUTH_MODE="disabled") as (at, _):
        refused = joined(at)["error"]
        assert "lets anybody in who can reach it" in refused
        assert "export RAY_AUTH_MODE=token on every node before `ray start`" in refused
        assert joined(at, insecure=True)["equal"]


def test_two_processes_of_joblib_on_one_cluster(short: Path, tmp_path: Path) -> None:
    """Each takes a worker of it, the caller a third for its last fit, and the search ends as it does here."""
    with running(short, 3, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=TOKEN) as (at, _):
        command = [sys.executable, "-W", "error", "-m", "tests.engines.ray_searched", str(tmp_path)]
        env = clean() | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN, "SHARDLEARN_ENGINE": f"ray:{at}"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True, cwd=ROOT, env=env)
    assert json.loads(done.stdout) == {"equal": True, "who": ["ray 1", "ray 1"]}
