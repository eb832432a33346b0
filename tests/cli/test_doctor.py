"""What `shardlearn doctor` says: of facts, and where there is no cluster. `tests/engines/test_ray_nodes.py` has one."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from shardlearn.cli import findings
from shardlearn.core.errors import EngineError
from shardlearn.engines.ray_nodes import Cluster, Node, Silent

HERE = {"shardlearn": "0.1.0", "Python": "3.11.7", "Ray": "2.60.0"}
NODE = Node("b (10.0.0.2)", HERE, 8 * 10**9, "/tmp/ray", 50 * 10**9, 100 * 10**9, ahead=0.2, within=0.01)


def found(node: Node | Silent, free: float = 2.0) -> dict[str, findings.Finding]:
    return {one.what: one for one in findings.of(HERE, Cluster((node,), free, 4.0))}


def test_a_sound_cluster() -> None:
    every = found(NODE)
    assert [*every] == [
        "CPUs",
        *(f"b (10.0.0.2) {what}" for what in ("answers", "versions", "clock", "disk", "memory")),
    ]
    assert all(one.ok and not one.fix for one in every.values())
    assert every["CPUs"].found == "2 of 4 are free, on 1 node"
    assert every["b (10.0.0.2) clock"].found == "0.210 s from the one here at most"


@pytest.mark.parametrize(
    ("node", "what", "words", "fix"),
    [
        (replace(NODE, versions=HERE | {"Ray": "2.56.0"}), "versions", "Ray 2.56.0, here 2.60.0", "the same on every"),
        (replace(NODE, versions={}), "versions", "Python None, here 3.11.7", "the same on every"),
        (replace(NODE, ahead=-6.0), "clock", "6.0 s behind the one here", "NTP"),
        (replace(NODE, ahead=5.02), "clock", "5.0 s ahead of the one here", "NTP"),
        (replace(NODE, disk_free=5 * 10**9), "disk", "5.0 GB of 100 GB free in /tmp/ray", "--temp-dir"),
        (replace(NODE, free=9 * 10**8), "memory", "900 MB free", "1.0 GB at least"),
        (Silent(NODE.name, "no answer within 60 s"), "answers", "no answer", "on all of its ports"),
        (Silent(NODE.name, "No module named 'shardlearn'"), "answers", "No module", "install the shardlearn"),
    ],
)
def test_a_node_that_is_not(node, what, words, fix) -> None:
    every = found(node)
    bad = every.pop(f"b (10.0.0.2) {what}")
    assert not bad.ok
    assert words in bad.found
    assert fix in bad.fix
    assert all(one.ok for one in every.values())


@pytest.mark.parametrize(
    "node", [replace(NODE, ahead=5.02, within=0.03), replace(NODE, disk_free=6 * 10**9), replace(NODE, free=10**9)]
)
def test_what_is_just_enough(node) -> None:
    assert all(one.ok for one in found(node).values())


def test_no_cpu_is_free() -> None:
    bad = found(NODE, free=0.5)["CPUs"]
    assert not bad.ok
    assert "ray status" in bad.fix


def test_tokens() -> None:
    assert findings.token(True, "do") == findings.Finding(True, "token", findings.token(True, "do").found)
    bad = findings.token(False, "do")
    assert (bad.ok, bad.fix) == (False, "do")
    assert "can run programs on it" in bad.found


@pytest.mark.parametrize(
    ("error", "what", "fix"),
    [
        (EngineError("a", code="SL4010", fix="pip"), "Ray here", "pip"),
        (EngineError("a", code="SL4012", fix="export"), "token", "export"),
        (EngineError("a", code="SL4013", fix="print"), "token", "print"),
        (EngineError("a", code="SL4014", found="Version mismatch: b"), "cluster", "install the Python and the Ray"),
        (EngineError("a", code="SL4014", found="b\n  c"), "cluster", "log"),
    ],
)
def test_why_a_cluster_could_not_be_joined(error, what, fix) -> None:
    bad = findings.refused(error)
    assert (bad.ok, bad.what, bad.found) == (False, what, " ".join(["a", *error.found.split()]))
    assert fix in bad.fix


def test_without_ray_it_says_how_to_install_it(call, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = call("doctor")
    assert done.code == 1
    assert done.out.splitlines() == [
        "not ok  Ray here: The engine 'ray' needs the package ray.",
        '        do: pip install "shardlearn[ray]"',
        "1 of 1 not ok",
    ]
    in_json = call("doctor", "--json")
    assert in_json.code == in_json.json["exit"] == 1
    assert in_json.json["findings"][0]["fix"] == 'pip install "shardlearn[ray]"'


def test_nobody_is_there(spawn) -> None:
    """A port that nobody listens on."""
    done = spawn("doctor", "--address", "127.0.0.1:9")
    assert done.code == 1
    assert done.err == ""
    assert "\nnot ok  cluster: No Ray cluster answers at " in done.out


def test_ray_clients_are_wrong_usage(call) -> None:
    pytest.importorskip("ray")
    done = call("doctor", "--address", "ray://head:10001")
    assert done.code == 2
    assert "run the program on the cluster, as a job" in done.err
