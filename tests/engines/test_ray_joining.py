"""`workers=(1, 2)`: a fit begins with those that are there, and others join and leave while it runs."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from unittest import mock

import numpy as np
import pytest
from tests.engines.conformance import ScriptedBlocks, equal
from tests.engines.crew import crew, lent
from tests.engines.fakes import FloatSum, Seen, random_blocks
from tests.engines.test_conformance import reference

import shardlearn
from shardlearn import engines
from shardlearn.core.events import Staffed
from shardlearn.core.query import Query
from shardlearn.engines.pool import Inbox, PoolEngine
from shardlearn.engines.ray import Crew, Patience
from shardlearn.engines.ray_pool import RayPool
from shardlearn.engines.room import Room
from shardlearn.engines.rounds import Policy, Ticket
from shardlearn.engines.spread import Spread
from shardlearn.engines.work import Task
from shardlearn.linear_model import LogisticRegression


class Holder:
    """Has a CPU of the cluster."""

    def there(self) -> bool:
        return True


def holder(ray: Any) -> Any:
    return ray.remote(num_cpus=1)(Holder).remote()


@dataclass
class Scripted(RayPool):
    """Before it starts the n-th piece of all, something happens."""

    script: dict[int, Callable[[], None]] = field(default_factory=dict)
    started: int = 0

    def start(self, ticket: Ticket, task: Task, inbox: Inbox, /) -> None:
        self.script.pop(self.started, lambda: None)()
        self.started += 1
        super().start(ticket, task, inbox)


@pytest.fixture
def small(ray_cluster: None) -> Iterator[tuple[PoolEngine, Scripted, Any]]:
    """One worker that is there, one that waits for a CPU, and who has it."""
    ray = crew().ray
    with lent(2):
        held = holder(ray)
        ray.get(held.there.remote())
        few = Crew(ray, 1, Patience(start=30.0))
        try:
            few.ready(2, least=1)
            room = Room()
            pool = Scripted(few, 2, room, 1)
            policy = Policy(backup_after=3.0, backup_floor=0.2)
            yield PoolEngine("ray", pool, room, policy, Spread(1, pool.deal), poll=0.01), pool, held
        finally:
            few.close()
            ray.kill(held)


def until(engine: PoolEngine, workers: int) -> None:
    end = monotonic() + 30
    while engine.workers != workers:
        assert monotonic() < end
        sleep(0.01)


def test_one_joins_between_rounds_and_one_leaves(small: tuple[PoolEngine, Scripted, Any]) -> None:
    engine, pool, held = small
    draw = np.random.default_rng(0)
    X = draw.standard_normal((8_000, 300))
    y = (X[:, :3].sum(axis=1) + draw.standard_normal(8_000) > 0).astype(float)
    with shardlearn.engine("threads", workers=2):
        wanted = shardlearn.fingerprint(LogisticRegression(tol=1e-3).fit(X, y))
    more: list[Any] = []

    def joins() -> None:
        pool.crew.ray.kill(held)
        until(engine, 2)

    def leaves() -> None:
        """Its CPU is somebody else's from now on."""
        more.append(holder(pool.crew.ray))
        [worker] = [slot.hello for slot in pool.crew.slots if slot.hello is not None and slot.number == 0]
        os.kill(worker.pid, signal.SIGKILL)
        until(engine, 1)

    pool.script = {5: joins, 15: leaves}
    try:
        with mock.patch.object(engines, "current", return_value=engine):
            model = LogisticRegression(tol=1e-3).fit(X, y)
    finally:
        for one in more:
            pool.crew.ray.kill(one)
    assert not pool.script
    assert shardlearn.fingerprint(model) == wanted
    assert (model.report_.fewest_workers, model.report_.workers) == (1, 2)
    assert "ray, 1 to 2 workers" in repr(model.report_)


def test_one_joins_within_a_round(small: tuple[PoolEngine, Scripted, Any], tmp_path: Path) -> None:
    """The first worker hangs: all else waits for the one that joins, which overtakes it too."""
    engine, pool, held = small
    blocks, seen = ScriptedBlocks(random_blocks(), {1: ["hang"]}, str(tmp_path)), Seen()
    data = {"train": engine.open(blocks)}
    pool.script = {3: lambda: pool.crew.ray.kill(held)}
    began = monotonic()
    answer = engine.fold(data, Query(FloatSum()), emit=seen)
    assert monotonic() - began < 30.0, "half of what it hangs"
    assert equal(answer, reference(random_blocks(), Query(FloatSum())))
    assert blocks.fired_all()
    assert not pool.script
    assert not seen.of(Staffed)
    engine.fold(data, Query(FloatSum()), emit=seen)
    assert [event.workers for event in seen.of(Staffed)] in ([2], [1, 2], []), "who hung may be on its way again"
