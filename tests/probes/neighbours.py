"""The k nearest rows of a streamed base for many queries, a chunk of queries a pass: exact, walks in place."""

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

from .plain import OPEN, Array, Probe, squares

LAST = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Nearest:
    """Exact: the k smallest (distance, row id) for each query."""

    queries: Array  # (q, p)
    k: int
    exact: ClassVar[bool] = True

    def of(self, block: Block, /) -> tuple[Array, Array]:
        shape = len(self.queries), self.k
        return self.add((np.full(shape, np.inf), np.full(shape, LAST)), block)

    def add(self, into: Any, block: Block, /) -> Any:
        d2 = squares(self.queries, block.X)
        return self.best(into, (d2, np.broadcast_to(block.row_ids(), d2.shape)))

    def merge(self, left: Any, right: Any, /) -> Any:
        return self.best(left, right)

    def best(self, left: Any, right: Any) -> tuple[Array, Array]:
        d2, ids = (np.concatenate([a, b], axis=1) for a, b in zip(left, right, strict=True))
        order = np.lexsort((ids, d2))[:, : self.k]
        return np.take_along_axis(d2, order, 1), np.take_along_axis(ids, order, 1)

    def bytes(self) -> int:
        return 16 * len(self.queries) * self.k


@allow("probes.Neighbours")
@dataclass(frozen=True)
class State:
    found: tuple[tuple[Array, Array], ...] = ()
    status: Status = OPEN

    @property
    def figures(self) -> Mapping[str, float]:
        return {"chunks": float(len(self.found))}


@dataclass(frozen=True)
class Neighbours:
    k: int
    chunk: int

    def init(self, queries: Array, /) -> State:
        return State()

    def ask(self, queries: Array, state: State, /) -> Query[Any]:
        start = len(state.found) * self.chunk
        return Query(Nearest(queries[start : start + self.chunk], self.k))

    def tell(self, queries: Array, state: State, answer: Any, /) -> State:
        found = (*state.found, answer)
        done = len(found) * self.chunk >= len(queries)
        return replace(state, found=found, status=Status.CONVERGED if done else OPEN)


draw = np.random.default_rng(2)
BASE = draw.integers(-3, 4, (700, 3)).astype(np.float64)  # few values: many ties, which the row id decides
QUERIES = draw.standard_normal((25, 3))


def check(state: State) -> None:
    d2 = squares(QUERIES, BASE)
    order = np.argsort(d2, axis=1, kind="stable")[:, :5]
    assert np.array_equal(np.concatenate([ids for _, ids in state.found]), order)
    assert np.array_equal(np.concatenate([d for d, _ in state.found]), np.take_along_axis(d2, order, 1))


PROBE = Probe("neighbours", Neighbours(5, 10), QUERIES, ({"train": ArrayBlocks(BASE)},), check)
