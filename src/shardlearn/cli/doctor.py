"""`shardlearn doctor`: whether a Ray cluster is fit for a fit, and what to do where it isn't."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from shardlearn.core.errors import EngineError
from shardlearn.engines import ray_cluster, ray_nodes
from shardlearn.engines.machine import cpus

from . import findings
from .findings import Finding
from .flags import Output
from .output import answering


def doctor(address: str, insecure: bool, output: Output) -> int:
    """The verb; returns the exit code."""
    with answering(output) as answer:
        found = []
        for one in examined(address, insecure):
            found.append(one)
            answer.say(
                f"{'ok' if one.ok else 'not ok':<6}  {one.what}: {one.found}",
                *([f"        do: {one.fix}"] if one.fix else []),
            )
        bad = sum(not one.ok for one in found)
        answer.say(f"{bad} of {len(found)} not ok" if bad else "all ok")
        answer.put(address=address, findings=[asdict(one) for one in found])
        return answer.finish(1 if bad else 0)


def examined(address: str, insecure: bool) -> Iterator[Finding]:
    """One finding after the other, as far as one gets."""
    try:
        ray = ray_cluster.ray_package()
        here = ray_nodes.here(ray)
        yield Finding(True, "here", ", ".join(f"{name} {version}" for name, version in here.items()))
        with ray_cluster.connected(address, cpus()[0], insecure) as (at, said):
            yield findings.joined(at)
            yield findings.token(said != ray_cluster.OPEN, ray_cluster.SWITCH_ON)
            yield from findings.of(here, ray_nodes.asked(ray))
    except EngineError as error:
        yield findings.refused(error)
