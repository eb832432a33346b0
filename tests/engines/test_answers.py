"""No more answers are alive at once than a plan counts, whatever the order in which pieces are answered."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import product
from threading import Lock
from time import sleep
from typing import Any, ClassVar

import numpy as np
import pytest
from tests.engines.fakes import ArrayBlocks, Seen
from tests.engines.simulated_pool import SimulatedPool
from tests.engines.test_conformance import threads

from shardlearn.core.block import Block
from shardlearn.core.events import PassPlanned
from shardlearn.core.query import Query
from shardlearn.engines.plan import answers_held
from shardlearn.engines.pool import PoolEngine
from shardlearn.engines.serial import SerialEngine

BYTES = 1000


@dataclass
class Tally:
    """Answers that are alive, and the most that were."""

    now: int = 0
    most: int = 0
    lock: Lock = field(default_factory=Lock)

    def add(self, one: int) -> None:
        with self.lock:
            self.now += one
            self.most = max(self.most, self.now)


class Answer:
    """Counts itself."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        tally.add(1)

    def __del__(self) -> None:
        self.tally.add(-1)


@dataclass(frozen=True)
class Counted:
    """Makes an answer of a block, after a moment; of two in place of one, or a third."""

    tally: Tally
    in_place: bool
    seed: int
    exact: ClassVar[bool] = False

    def of(self, block: Block, /) -> Answer:
        draw = random.Random(self.seed * 10_007 + block.start)
        if draw.random() < 0.03:
            sleep(0.002)  # so that pieces overtake each other; that the law holds does not depend on it
        return Answer(self.tally)

    def add(self, into: Answer, block: Block, /) -> Answer:
        return into

    def merge(self, left: Answer, right: Answer, /) -> Answer:
        return left if self.in_place else Answer(self.tally)

    def bytes(self) -> int:
        return BYTES


@dataclass(frozen=True)
class Walked(Counted):
    """In any order; adding makes another answer."""

    exact: ClassVar[bool] = True

    def add(self, into: Answer, block: Block, /) -> Answer:
        return self.merge(into, self.of(block))


def most_alive(engine: Any, blocks: ArrayBlocks, seed: int, runs: int | None, kind: Any = Counted) -> tuple[int, float]:
    """Answers that were alive at once, and what the plan had counted."""
    tally, seen = Tally(), Seen()
    data = engine.open(blocks)
    engine.fold({"train": data}, Query(kind(tally, seed % 2 == 0, seed), runs=runs), emit=seen)
    engine.close(data)
    return tally.most, seen.of(PassPlanned)[0].answers / BYTES


def cut(seed: int) -> ArrayBlocks:
    """Blocks with cuts anywhere, or everywhere."""
    draw = random.Random(seed)
    n, at = draw.choice([1, 3, 20, 100, 300]), None
    if seed % 3:
        at = tuple(sorted(draw.sample(range(n), min(n, draw.choice([1, 4, 30])))))
    first = draw.choice([0, 0, 64 * draw.randrange(100)])
    at = at and tuple(first // 64 + b for b in at)
    return ArrayBlocks(np.zeros((64 * n, 1)), first=first, at=at, resident=seed % 4 == 0, reader=10)


@pytest.mark.parametrize("workers", [0, 1, 2, 3, 5])
def test_no_more_than_planned(workers: int) -> None:
    for seed, runs, limit in product(range(12), (None, 7, 64), (None, 200_000)):
        engines: list[Any] = [threads(workers, limit)] if workers else [SerialEngine()]
        if workers and cut(seed).resident:  # lanes take turns, which one thread alone can't
            engines.append(PoolEngine("simulated", SimulatedPool(workers, seed), poll=0.001))
        for engine in engines:
            most, planned = most_alive(engine, cut(seed), seed, runs)
            assert most <= planned, (seed, runs, limit, engine.name)


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
def test_one_answer_a_worker_where_the_order_does_not_show(workers: int) -> None:
    for seed in range(12):
        engine: Any = threads(workers) if workers else SerialEngine()
        most, planned = most_alive(engine, cut(seed), seed, None, Walked)
        waiting = 2 if workers > 1 else 1  # where those of rows in memory may wait for the driver
        assert most <= planned <= waiting * (3 * max(workers, 1) + 3)


def test_one_worker_is_counted_to_the_answer() -> None:
    """A tree of 64 leaves with one gap: six subtrees, the answer that is made, and one made of two."""
    assert answers_held(range(64), 1, [(i, i + 1) for i in range(64)]) == 8
    seen = [most_alive(threads(1), ArrayBlocks(np.zeros((6400, 1))), seed, 64) for seed in (0, 1)]
    assert [most for most, _ in seen] == [7, 8]
    assert [planned for _, planned in seen] == [8.0, 8.0]
