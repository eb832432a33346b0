"""What `deploy/` holds is what the page says, and what Ray takes."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
import yaml
from tests.project.sources import ROOT

SCRIPT = ROOT / "deploy" / "ray-start.sh"
PAGE = (ROOT / "docs" / "cluster.md").read_text()
CLUSTER = yaml.safe_load((ROOT / "deploy" / "raycluster.yaml").read_text())


def pods() -> list[Any]:
    groups = [CLUSTER["spec"]["headGroupSpec"], *CLUSTER["spec"]["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


def test_the_cluster_asks_for_a_token() -> None:
    assert (CLUSTER["apiVersion"], CLUSTER["kind"]) == ("ray.io/v1", "RayCluster")
    assert CLUSTER["spec"]["authOptions"] == {"mode": "token"}


def fields(part: Any) -> set[str]:
    """Names of all fields, at any depth."""
    parts = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return (set(part) if isinstance(part, dict) else set()).union(*map(fields, parts))


def test_every_field_is_named_in_the_page() -> None:
    table = "\n".join(line for line in PAGE.splitlines() if line.startswith("| `"))
    assert not [name for name in fields(CLUSTER) if not re.search(rf"[`.]{name}\b", table)]


def test_all_nodes_are_the_same() -> None:
    """One image, as versions have to be equal, and the data at one path."""
    containers = [container for pod in pods() for container in pod["containers"]]
    assert len({container["image"] for container in containers}) == 1
    assert containers[0]["image"].endswith(f":{CLUSTER['spec']['rayVersion']}")
    assert {mount["mountPath"] for container in containers for mount in container["volumeMounts"]} == {"/data"}
    for pod in pods():
        names = {volume["name"] for volume in pod["volumes"]}
        assert {mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]} == names


def ran(folder: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The script, with a `ray` that says how it was called."""
    ray = folder / "ray"
    ray.write_text('#!/bin/sh\necho "$RAY_AUTH_MODE $@"\n')
    ray.chmod(0o755)
    env = {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(["sh", SCRIPT, *arguments], env=env, capture_output=True, text=True)


def test_options_of_ray_start(tmp_path) -> None:
    pytest.importorskip("ray")
    from ray.scripts.scripts import start

    known = {name for option in start.params for name in option.opts}
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("token")
    for arguments, first in ((["head"], "--head"), (["worker", "10.0.0.1:6379"], "--address=10.0.0.1:6379")):
        done = ran(tmp_path, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        mode, start_, *options = done.stdout.split()
        assert (mode, start_, options[0]) == ("token", "start", first)
        assert {option.split("=")[0] for option in options} <= known


def test_ports_of_the_firewall_line(tmp_path) -> None:
    (ports,) = re.findall(r"--dports (\S+)", PAGE)
    open_ = [range(int(first), int(last) + 1) for first, last in re.findall(r"(\d+):(\d+)", ports)]
    used = [int(port) for port in re.findall(r"port=(\d+)", ran(tmp_path, "head").stdout)]
    assert len(used) == 9
    assert all(any(port in part for part in open_) for port in used)


def test_a_worker_without_the_token_is_not_started(tmp_path) -> None:
    done = ran(tmp_path, "worker", "10.0.0.1:6379")
    assert (done.returncode, done.stdout) == (1, "")
    assert "auth_token" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["stop"]])
def test_called_wrongly_it_says_how(arguments, tmp_path) -> None:
    done = ran(tmp_path, *arguments)
    assert done.returncode == 2
    assert "sh deploy/ray-start.sh worker HEAD:6379" in done.stderr
