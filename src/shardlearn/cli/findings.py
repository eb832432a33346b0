"""What is to be said of a Ray cluster: facts go in, findings come out, each with what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shardlearn.core.errors import EngineError
from shardlearn.engines.ray_nodes import Cluster, Node, Silent
from shardlearn.observe.words import percent, plural, size

FULL = 0.95  # of a disk: from there on Ray spills nothing there
LITTLE = 10**9  # bytes of memory, of which a worker may take half
APART = 5.0  # seconds between clocks
WHAT = {  # the line that an error of the engine belongs to
    "SL4010": "Ray here",
    "SL4012": "token",
    "SL4013": "token",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line."""

    ok: bool
    what: str
    found: str
    fix: str = ""  # where not ok


def joined(at: str) -> Finding:
    """The cluster is there."""
    return Finding(True, "cluster", "a private one, started for this" if at == "local" else at)


def refused(error: EngineError) -> Finding:
    """Why the cluster could not be joined."""
    return Finding(False, WHAT.get(error.code, "cluster"), _one_line(error), error.fix or _mend(error))


def token(asks: bool, fix: str) -> Finding:
    """Whether the cluster that was joined asks for one."""
    if asks:
        return Finding(True, "token", "asked for, and the one that is here is taken")
    return Finding(False, "token", "not asked for: whoever reaches the cluster can run programs on it", fix)


def of(here: Mapping[str, str], cluster: Cluster) -> Iterator[Finding]:
    """All lines on a cluster that was joined."""
    yield _cpus(cluster)
    for node in cluster.nodes:
        if isinstance(node, Silent):
            yield _silent(node)
        else:
            yield Finding(True, f"{node.name} answers", "1 MB went there and back")
            yield _versions(node, here)
            yield _clock(node)
            yield _disk(node)
            yield _memory(node)


def _cpus(cluster: Cluster) -> Finding:
    found = f"{cluster.free:g} of {cluster.cpus:g} are free, on {plural(len(cluster.nodes), 'node')}"
    fix = "wait, or end what holds them: `ray status` shows what is in use, `ray list actors` by whom"
    return Finding(cluster.free >= 1, "CPUs", found, "" if cluster.free >= 1 else fix)


def _silent(node: Silent) -> Finding:
    if "No module named 'shardlearn" in node.why:
        return Finding(False, f"{node.name} answers", node.why, "install the shardlearn that is here on that node")
    fix = "see whether Ray stands still there; nodes have to reach each other on all of its ports (docs/cluster.md)"
    return Finding(False, f"{node.name} answers", node.why, fix)


def _versions(node: Node, here: Mapping[str, str]) -> Finding:
    other = [
        f"{name} {node.versions.get(name)}, here {here[name]}" for name in here if node.versions.get(name) != here[name]
    ]
    what = f"{node.name} versions"
    if other:
        return Finding(False, what, "; ".join(other), "install the same on every node: bits depend on it")
    return Finding(True, what, ", ".join(f"{name} {here[name]}" for name in here))


def _clock(node: Node) -> Finding:
    what, off = f"{node.name} clock", abs(node.ahead)
    side = "ahead of" if node.ahead > 0 else "behind"
    if off - node.within > APART:
        fix = "run an NTP service there: object stores refuse a clock that is wrong, and logs can't be compared"
        return Finding(False, what, f"{off:.1f} s {side} the one here", fix)
    return Finding(True, what, f"{off + node.within:.3f} s from the one here at most")


def _disk(node: Node) -> Finding:
    used = 1 - node.disk_free / max(node.disk, 1)
    found = f"{size(node.disk_free)} of {size(node.disk)} free in {node.folder}"
    fix = f"free some: Ray moves what memory can't hold there, and stops at {percent(FULL)}; or `ray start --temp-dir`"
    return Finding(used < FULL, f"{node.name} disk", found, "" if used < FULL else fix)


def _memory(node: Node) -> Finding:
    ok = node.free >= LITTLE
    fix = f"{size(LITTLE)} at least: end what takes it, give the node or its container more, or leave it out"
    return Finding(ok, f"{node.name} memory", f"{size(node.free)} free", "" if ok else fix)


def _one_line(error: EngineError) -> str:
    found = " ".join(error.found.split())
    return f"{error.first} {found}".strip()


def _mend(error: EngineError) -> str:
    if "Version mismatch" in error.found:
        return "install the Python and the Ray that the cluster runs"
    return "the node's own log says more: session_latest/logs in Ray's folder there"
