"""Clusters: what is started, what it listens on, who is let in, and that nothing of it is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from socket import gethostname
from time import monotonic
from typing import Any

import pytest
from tests.engines.crew import crew
from tests.engines.fakes import FloatSum, random_blocks

import shardlearn
from shardlearn.core.errors import EngineError, ParameterError
from shardlearn.core.events import ignore
from shardlearn.core.query import Query
from shardlearn.engines import current, ray_cluster, ray_session
from shardlearn.engines.pool import PoolEngine
from shardlearn.engines.ray import Actor, Crew, Patience
from shardlearn.engines.ray_pool import RayPool
from shardlearn.engines.room import Room
from shardlearn.engines.worker import Hello

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def alone() -> Any:
    """What a process found that started a cluster and stopped it. Nothing else has ever started Ray in it."""
    command = [sys.executable, "-W", "error", "-m", "tests.engines.ray_alone"]
    with tempfile.TemporaryDirectory(prefix="a", dir="/tmp") as short:  # no folders of others
        env = os.environ | {"TMPDIR": short}
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "not a word of Ray's"
    assert len(done.stdout.splitlines()) == 1, "not a word of Ray's"
    return json.loads(done.stdout)


def test_threads_and_serial_open_no_socket(alone: Any) -> None:
    assert alone["threads"] == []
    assert alone["serial"] == []


def test_a_private_cluster_lets_nobody_in(alone: Any) -> None:
    """Head, node (two servers), workers and this process; Ray binds all interfaces, whatever address it is given."""
    assert len(alone["ray"]) >= 5
    assert [text[:45] for text in alone["told"]] == ["Ray's servers listen on all of this machine's"]
    told = {told for _, _, told in alone["ray"]}
    assert told == {"UNAUTHENTICATED", "HTTP/1.1 401 Unauthorized"}, alone["ray"]


def test_nothing_is_left_of_a_private_cluster(alone: Any) -> None:
    """Processes, threads, folders, shared memory, environment, handlers of signals, loggers."""
    assert alone["changed"] == {}
    assert alone["during"], "handlers are back as soon as Ray has started"


def test_threads_in_a_worker_give_the_same_bits(alone: Any) -> None:
    assert alone["engine"] == ["ray", 1]
    assert alone["equal"]
    assert "threads_per_worker=2" in alone["other workers"]


def test_without_the_package_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EngineError, match="needs the package ray") as caught, shardlearn.engine("ray"):
        pass
    assert caught.value.fix == 'pip install "shardlearn[ray]"'


@pytest.mark.parametrize("address", ["ray://head:10001", "auto"])
def test_ray_clients_are_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "ray://head:10001")
    with pytest.raises(ParameterError, match="run the program on the cluster, as a job"):
        ray_cluster.must_be_joined_directly(address)


def test_nobody_answers() -> None:
    """A port that nobody listens on."""
    with pytest.raises(EngineError, match="No Ray cluster answers at") as caught:
        ray_cluster.probed("127.0.0.1:9", insecure=False)
    assert 'engine("ray", address="local")' in caught.value.fix


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        ("none", "SL4014", "No Ray cluster was found"),
        ("open", "SL4012", "lets anybody in"),
        ("no token", "SL4013", "there is none here"),
        ("refused", "SL4013", "refuses the one that is here"),
    ],
)
def test_clusters_that_are_not_joined(state: str, code: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = subprocess.CompletedProcess([], 0, json.dumps({"state": state, "at": "10.0.0.1:6379"}))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: said)
    with pytest.raises(EngineError, match=words) as caught:
        ray_cluster.probed("auto", insecure=False)
    assert caught.value.code == code
    if state == "open":
        assert "RAY_AUTH_MODE=token" in caught.value.fix
        assert ray_cluster.probed("auto", insecure=True) == ("10.0.0.1:6379", False)


@pytest.mark.usefixtures("ray_cluster")
def test_the_cluster_of_these_tests_asks_for_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    at = crew().ray.get_runtime_context().gcs_address
    assert ray_cluster.probed(at, insecure=False) == (at, True)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "of somebody else, and long enough to be one")
    with pytest.raises(EngineError, match="refuses the one that is here"):
        ray_cluster.probed(at, insecure=False)


@pytest.mark.usefixtures("ray_cluster")
def test_no_free_cpus_is_an_error_in_time() -> None:
    """All CPUs of the cluster are others'."""
    crowded = Crew(crew().ray, 1, Patience(start=1.0))
    try:
        with pytest.raises(EngineError, match=r"Only 0 of 2 workers started within 1 s") as caught:
            crowded.ready(2, least=2)
    finally:
        crowded.close()
    assert caught.value.found == "0 of the cluster's 3 CPUs are free"
    assert caught.value.needed == "2 x 1 CPUs (workers x threads_per_worker)"
    assert "`shardlearn doctor`" in caught.value.fix


class Foreign(Actor):
    """A worker of another release."""

    def __init__(self, threads: int):
        super().__init__(threads + 1)  # it takes no CPU of Ray's

    def hello(self) -> Hello:
        hello = super().hello()
        return replace(hello, versions={**hello.versions, "shardlearn": "0.0.1"})


@pytest.mark.usefixtures("ray_cluster")
def test_workers_of_other_versions_are_refused() -> None:
    """At once, not when the time to start is over; and nothing is sent to them."""
    mixed, began = Crew(crew().ray, 0, Patience(start=60.0), Foreign), monotonic()
    try:
        with pytest.raises(EngineError, match="Workers run other versions than this program") as caught:
            mixed.ready(1, least=1)
        assert monotonic() - began < 30
        assert [slot.hello for slot in mixed.slots] == [None]
    finally:
        mixed.close()
    assert caught.value.code == "SL4016"
    assert caught.value.where == gethostname()
    assert f"shardlearn 0.0.1, here {shardlearn.__version__}" in caught.value.found
    assert "Python" in caught.value.found


@pytest.mark.usefixtures("ray_cluster")
def test_work_that_nobody_does_is_an_error_in_time() -> None:
    crowded, room = Crew(crew().ray, 1, Patience(start=1.0)), Room()
    crowded.ready(1, least=0)
    engine = PoolEngine("ray", RayPool(crowded, 1, room), room)
    try:
        with pytest.raises(EngineError, match=r"Only 0 of 1 workers started within 1 s"):
            engine.fold({"train": engine.open(random_blocks())}, Query(FloatSum()), emit=ignore)
    finally:
        crowded.close()


@pytest.mark.usefixtures("ray_cluster")
def test_at_least_and_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDLEARN_ENGINE", "ray:local")
    monkeypatch.setenv("SHARDLEARN_WORKERS", "1-2")
    monkeypatch.setattr(ray_session.SESSIONS, "kept", False)
    with shardlearn.engine(memory="100MB") as engine:
        assert engine.workers == 2, "those that are there"
        with shardlearn.engine(workers=(1, 3)) as other:
            assert other.workers == 3
        with shardlearn.engine(workers=1) as one:
            assert one.workers == 1


@pytest.mark.usefixtures("ray_cluster")
def test_one_cluster_at_a_time() -> None:
    with pytest.raises(EngineError, match="uses Ray in another way already"), shardlearn.engine("ray:10.0.0.1:6379"):
        pass


@pytest.mark.usefixtures("ray_cluster")
def test_settings_name_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDLEARN_ENGINE", "ray:local")
    monkeypatch.setattr(ray_session.SESSIONS, "kept", False)
    with shardlearn.engine(memory="100MB") as engine:
        assert (engine.name, engine.workers, engine.memory) == ("ray", 3, 10**8)


def test_in_a_worker_of_joblib_one_worker_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them would take all CPUs, and the others would wait for none."""
    asked = []

    class Sessions:
        def engine(self, wanted: ray_session.Wanted, memory: int | None) -> Any:
            asked.append(wanted.workers)
            return PoolEngine("ray", object(), Room())  # type: ignore[arg-type]  # no pool is asked

        def keep(self) -> None:
            pass

    monkeypatch.setattr(ray_session, "SESSIONS", Sessions())
    monkeypatch.setattr("shardlearn.config.inside_joblib_worker", lambda: True)
    monkeypatch.setenv("SHARDLEARN_ENGINE", "ray:auto")
    assert "joblib" in current().workers_from
    monkeypatch.setenv("SHARDLEARN_WORKERS", "3")
    current()
    assert asked == [1, 3]
