"""Gradient descent that looks at `data="validation"` after every step and keeps the best point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from tests.engines.fakes import ArrayBlocks

from shardlearn.core.block import Block
from shardlearn.core.query import Query
from shardlearn.core.solver import Status
from shardlearn.storage.state import allow

from .plain import OPEN, Array, Probe, products, summed


@dataclass(frozen=True)
class Squares:
    """Rows, sum of squared errors, and its gradient: floats, so in the fixed tree."""

    w: Array
    exact: ClassVar[bool] = False

    def of(self, block: Block, /) -> tuple[int, float, Array]:
        error = products(block.X, self.w) - block.y
        return block.n, float(summed(error * error)), summed(2 * error[:, None] * block.X)

    def merge(self, left: Any, right: Any, /) -> Any:
        return tuple(a + b for a, b in zip(left, right, strict=True))

    def bytes(self) -> int:
        return 8 * len(self.w) + 16


@allow("probes.EarlyStopping")
@dataclass(frozen=True)
class State:
    w: Array
    best: Array
    best_error: float = float("inf")
    stale: int = 0
    looking: bool = False
    round: int = 0
    status: Status = OPEN

    @property
    def figures(self) -> Mapping[str, float]:
        return {"validation": self.best_error}


@dataclass(frozen=True)
class Stopped:
    rate: float
    patience: int

    def init(self, p: int, /) -> State:
        return State(np.zeros(p), np.zeros(p))

    def ask(self, p: int, state: State, /) -> Query[Any]:
        return Query(Squares(state.w), data="validation" if state.looking else "train")

    def tell(self, p: int, state: State, answer: Any, /) -> State:
        count, error, gradient = answer
        after = replace(state, looking=not state.looking, round=state.round + 1)
        if not state.looking:
            return replace(after, w=state.w - self.rate * gradient / count)
        if error / count < state.best_error:
            return replace(after, best=state.w, best_error=error / count, stale=0)
        enough = state.stale + 1 == self.patience
        return replace(after, stale=state.stale + 1, status=Status.CONVERGED if enough else OPEN)


draw = np.random.default_rng(8)
X = draw.standard_normal((90, 30))
TRUE = draw.standard_normal(30) * (np.arange(30) < 3)
Y = X @ TRUE + 2 * draw.standard_normal(90)
V = draw.standard_normal((400, 30))
VY = V @ TRUE + 2 * draw.standard_normal(400)


def check(state: State) -> None:
    assert state.status is Status.CONVERGED
    error = products(V, state.best) - VY
    assert np.isclose((error * error).mean(), state.best_error)
    assert state.best_error < np.mean((products(V, state.w) - VY) ** 2)


DATA = {"train": ArrayBlocks(X, Y), "validation": ArrayBlocks(V, VY)}
PROBE = Probe("early_stopping", Stopped(0.05, 3), 30, (DATA,), check)
