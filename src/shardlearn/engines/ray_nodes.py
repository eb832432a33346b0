"""What every node of a Ray cluster says of itself when it is asked; `shardlearn doctor` judges it."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from time import monotonic, time
from typing import Any

from .machine import free_memory
from .worker import versions

WAIT = 60.0  # seconds that all nodes together have; the first task on a node starts a process
LOAD = bytes(1 << 20)  # to each node and back: more than fits into a message, so the ports of the stores are tried too
LOOKS = 3  # at a clock; the quickest counts


@dataclass(frozen=True, slots=True)
class Node:
    """A node that answered."""

    name: str
    versions: Mapping[str, str]
    free: int  # bytes of memory
    folder: str  # that Ray keeps its files in, and objects that don't fit into memory
    disk_free: int
    disk: int
    ahead: float = 0.0  # seconds that its clock is ahead of ours
    within: float = 0.0  # and how exactly that is known


@dataclass(frozen=True, slots=True)
class Silent:
    """A node that did not."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """Its nodes, and its CPUs."""

    nodes: tuple[Node | Silent, ...]
    free: float
    cpus: float


def here(ray: Any) -> Mapping[str, str]:
    """Versions that have to be the same on all nodes."""
    return {**versions(), "Ray": ray.__version__}


def look(load: bytes) -> tuple[Node, bytes]:
    """Runs on a node."""
    import ray

    folder = ray.get_runtime_context().get_temp_dir()
    disk = shutil.disk_usage(folder)
    return Node(socket.gethostname(), here(ray), free_memory()[0], folder, disk.free, disk.total), load


def clock() -> float:
    """Runs on a node."""
    return time()


def asked(ray: Any, wait: float = WAIT) -> Cluster:
    """Ask all nodes at once, and those that answer for the time."""
    alive = [node for node in ray.nodes() if node["Alive"]]
    load = ray.put(LOAD)
    refs = {_on(ray, look, node).remote(load): node for node in alive}
    done, _ = ray.wait(list(refs), num_returns=len(refs), timeout=wait)
    nodes = tuple(_answer(ray, ref, node, wait if ref not in done else None) for ref, node in refs.items())
    free, total = (what().get("CPU", 0.0) for what in (ray.available_resources, ray.cluster_resources))
    return Cluster(nodes, free, total)


def _on(ray: Any, what: Any, node: Mapping[str, Any]) -> Any:
    """The function on this node, without a CPU: a node that is busy can be asked too."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    return ray.remote(num_cpus=0, max_retries=0)(what).options(scheduling_strategy=there)


def _answer(ray: Any, ref: Any, node: Mapping[str, Any], waited: float | None) -> Node | Silent:
    name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
    if waited is not None:
        ray.cancel(ref, force=True)
        return Silent(name, f"no answer within {waited:g} s")
    try:
        found: Node = ray.get(ref, timeout=WAIT)[0]
        ahead, within = min(_times(ray, node), key=lambda time: time[1])
    except Exception as error:  # whatever a node fails with is what it has to say
        return Silent(name, (str(error).strip() or type(error).__name__).splitlines()[-1])
    return replace(found, name=name, ahead=ahead, within=within)


def _times(ray: Any, node: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
    """How far ahead the node's clock is, and half of the time that the question was on its way."""
    ask = _on(ray, clock, node)
    for _ in range(LOOKS):
        started, now = monotonic(), time()
        there = ray.get(ask.remote(), timeout=WAIT)
        half = (monotonic() - started) / 2
        yield there - (now + half), half
