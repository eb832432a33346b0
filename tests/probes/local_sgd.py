"""Local SGD: replicas walk over runs of blocks in an epoch's order of rows, then they are averaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from tests.engines.fakes import ArrayBlocks

from shardlearn.core import rng
from shardlearn.core.block import Block
from shardlearn.core.query import Query
from shardlearn.core.rows import Shuffled
from shardlearn.core.solver import Status
from shardlearn.storage.state import allow

from .plain import OPEN, Array, Probe

TEST = rng.Purpose.EPOCH


@dataclass(frozen=True)
class Walked:
    """One replica on its way, or the weighted sum of several (`total`)."""

    w: Array
    rows: int
    total: Array | None = None

    @property
    def weighted(self) -> Array:
        return self.rows * self.w if self.total is None else self.total


@dataclass(frozen=True)
class LocalSteps:
    """A step for each row of a least-squares problem; inside a block in the order of the epoch."""

    w: Array
    rate: float
    count: int
    epoch: int
    exact: ClassVar[bool] = False

    def of(self, block: Block, /) -> Walked:
        return self.add(Walked(self.w.copy(), 0), block)

    def add(self, into: Walked, block: Block, /) -> Walked:
        w = into.w.copy()
        for i in np.argsort(rng.permuted(block.row_ids(), self.count, 0, TEST, self.epoch)):
            error = -block.y[i]
            for t in range(len(w)):
                error += block.X[i, t] * w[t]
            w -= self.rate * error * block.X[i]
        return Walked(w, into.rows + block.n)

    def merge(self, left: Walked, right: Walked, /) -> Walked:
        return Walked(left.w, left.rows + right.rows, left.weighted + right.weighted)

    def bytes(self) -> int:
        return 16 * len(self.w) + 8


@allow("probes.LocalSGD")
@dataclass(frozen=True)
class State:
    w: Array
    round: int = 0
    seen: int = 0
    status: Status = OPEN

    @property
    def figures(self) -> Mapping[str, float]:
        return {"round": float(self.round)}


@dataclass(frozen=True)
class LocalSGD:
    replicas: int
    rounds: int

    def init(self, shape: tuple[int, int], /) -> State:
        return State(np.zeros(shape[1]))

    def ask(self, shape: tuple[int, int], state: State, /) -> Query[Any]:
        epoch, half = divmod(state.round, 2)
        middle = shape[0] // 2
        first, last = (0, middle) if half == 0 else (middle, shape[0])
        steps = LocalSteps(state.w, 0.05 / (1 + state.round), shape[0], epoch)
        return Query(steps, rows=Shuffled(TEST, epoch, first, last), runs=self.replicas)

    def tell(self, shape: tuple[int, int], state: State, answer: Walked, /) -> State:
        done = state.round + 1 == self.rounds
        w = answer.weighted / answer.rows
        status = Status.OUT_OF_ROUNDS if done else OPEN
        return replace(state, w=w, round=state.round + 1, seen=state.seen + answer.rows, status=status)


draw = np.random.default_rng(6)
X = draw.standard_normal((500, 3))
Y = X[:, 0] - 2 * X[:, 1] + 0.5 * X[:, 2] + 0.01 * draw.standard_normal(500)


def check(state: State) -> None:
    assert state.seen == 3 * len(X)  # each row once an epoch
    assert np.allclose(state.w, [1, -2, 0.5], atol=0.02)


PROBE = Probe("local_sgd", LocalSGD(4, 6), X.shape, ({"train": ArrayBlocks(X, Y)},), check)
