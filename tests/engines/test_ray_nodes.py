"""What the nodes of a cluster say of themselves, and `shardlearn doctor` of them."""

from __future__ import annotations

import json
import os
from time import time

import pytest
from tests.engines.crew import crew

from shardlearn.cli.running import run
from shardlearn.engines.ray_nodes import Node, Silent, asked, here

pytestmark = pytest.mark.usefixtures("ray_cluster")


def test_a_node_tells_what_it_is_and_has() -> None:
    ray = crew().ray
    cluster = asked(ray)
    (node,) = cluster.nodes
    assert isinstance(node, Node)
    assert node.versions == here(ray)
    assert {"shardlearn", "numerics", "Python", "Ray"} == set(node.versions)
    assert os.path.isdir(node.folder)
    assert 0 < node.disk_free < node.disk
    assert node.free > 0
    assert abs(node.ahead) <= node.within + 0.01, "it is the clock of this machine"
    assert cluster.cpus == ray.cluster_resources()["CPU"]
    assert cluster.free <= cluster.cpus - 3, "the workers of these tests have theirs"


def test_a_clock_that_is_behind_the_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one here."""
    monkeypatch.setattr("shardlearn.engines.ray_nodes.time", lambda: time() - 3)
    (node,) = asked(crew().ray).nodes
    assert isinstance(node, Node)
    assert abs(node.ahead - 3) <= node.within + 0.01


def test_a_node_that_does_not_answer_in_time() -> None:
    (node,) = asked(crew().ray, wait=0.0).nodes
    assert isinstance(node, Silent)
    assert node.why == "no answer within 0 s"


def test_a_node_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(load: bytes) -> None:
        raise ModuleNotFoundError("No module named 'shardlearn'")

    monkeypatch.setattr("shardlearn.engines.ray_nodes.look", look)
    (node,) = asked(crew().ray).nodes
    assert isinstance(node, Silent)
    assert "No module named 'shardlearn'" in node.why


def test_the_doctor_sees_all_of_a_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    crew()
    code = run(["doctor", "--json"])
    said = json.loads(capsys.readouterr().out)
    whats = [one["what"].split()[-1] for one in said["findings"]]
    assert whats == ["here", "cluster", "token", "CPUs", "answers", "versions", "clock", "disk", "memory"]
    bad = [what for what, one in zip(whats, said["findings"], strict=True) if not one["ok"]]
    assert set(bad) <= {"CPUs", "disk", "memory"}, "what depends on the machine"
    assert code == said["exit"] == bool(bad)
    assert said["address"] == "auto"
