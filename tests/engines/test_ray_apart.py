"""S1: an isolated cluster is reached by nobody but its program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from tests.engines.test_ray_joined import ROOT
from tests.engines.test_threads import in_a_forked_child

import shardlearn
from shardlearn.core.errors import EngineError, ParameterError
from shardlearn.engines import ray_apart
from shardlearn.engines.ray_thread import thread

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")


@needs_root
def test_an_isolated_cluster() -> None:
    """Three clusters in one process: isolated, not, isolated."""
    command = [sys.executable, "-W", "error", "-m", "tests.engines.ray_isolated"]
    with tempfile.TemporaryDirectory(prefix="i", dir="/tmp") as short:
        env = os.environ | {"TMPDIR": short}
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, cwd=ROOT, env=env)
    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout)
    assert out["equal"] == [True, True, True], "also when a worker was killed"
    assert out["during"]
    assert out["changed"] == {}, "no process, thread, folder, handler"
    assert out["started"] >= 6
    assert len(out["space"]) == 1, "all that was started is in one namespace"
    assert out["apart"], "and it is not the program's"
    assert out["inside"] >= 5, "servers listen there"
    assert out["here"] == [], "none here"
    assert out["reached"] == [], "nobody gets there from here"
    assert out["then"]
    assert out["reached then"], "without isolate=True they are reached"
    assert out["again"]
    assert out["space"][0] not in namespaces(), "it is gone with the program"


def namespaces() -> list[str]:
    """Of all threads of this machine."""
    found = set()
    for task in Path("/proc").glob("[0-9]*/task/*/ns/net"):
        with suppress(OSError):
            found.add(os.readlink(task))
    return sorted(found)


@needs_root
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # it has threads, and is forked: on purpose
def test_who_may_not_is_told_what_it_takes() -> None:
    def refused() -> bool:
        os.setuid(65534)
        with pytest.raises(EngineError, match="may not make a network namespace") as caught:
            ray_apart.enter()
        assert caught.value.found == "Operation not permitted"
        return "CAP_SYS_ADMIN" in caught.value.needed

    assert in_a_forked_child(refused)


@needs_root
def test_one_namespace_serves_a_process() -> None:
    here, seen = os.readlink("/proc/thread-self/ns/net"), []
    for _ in range(2):
        with thread() as do:
            do(ray_apart.enter)
            seen.append(do(lambda: os.readlink("/proc/thread-self/ns/net")))
    assert seen[0] == seen[1] != here
    assert os.readlink("/proc/thread-self/ns/net") == here


@pytest.mark.parametrize("address", ["auto", "10.0.0.1:6379", None])
def test_only_a_private_cluster_is_isolated(address: str | None) -> None:
    with (
        pytest.raises(ParameterError, match="Only a private cluster can be isolated"),
        shardlearn.engine("ray", address=address, isolate=True),
    ):
        pass
    with pytest.raises(ParameterError, match="isolate are for the engine 'ray'"):
        shardlearn.set_engine("threads", isolate=True)
