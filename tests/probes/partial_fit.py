"""partial_fit: the same solver goes on with a source whose first row id is the number of rows seen so far.

One walk over all rows in three calls gives the bits of one call, although the cuts lie inside blocks.
"""

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

from .plain import OPEN, Array, Probe


@dataclass(frozen=True)
class Online:
    """A step for each row, shorter the later its id; counts rows, and checks that ids go on without a gap."""

    w: Array
    seen: int
    exact: ClassVar[bool] = False

    def of(self, block: Block, /) -> tuple[Array, int]:
        return self.add((self.w.copy(), self.seen), block)

    def add(self, into: Any, block: Block, /) -> Any:
        w, seen = into[0].copy(), into[1]
        for i, id_ in enumerate(block.row_ids().tolist()):
            assert id_ == seen
            error = -block.y[i]
            for t in range(len(w)):
                error += block.X[i, t] * w[t]
            w -= error * block.X[i] / (10 + id_)
            seen += 1
        return w, seen

    def merge(self, left: Any, right: Any, /) -> Any:
        raise AssertionError("one run has nothing to merge")

    def bytes(self) -> int:
        return 8 * len(self.w) + 8


@allow("probes.PartialFit")
@dataclass(frozen=True)
class State:
    w: Array
    seen: int = 0
    status: Status = OPEN

    @property
    def figures(self) -> Mapping[str, float]:
        return {"rows": float(self.seen)}


@dataclass(frozen=True)
class PartialFit:
    def init(self, p: int, /) -> State:
        return State(np.zeros(p))

    def ask(self, p: int, state: State, /) -> Query[Any]:
        return Query(Online(state.w, state.seen), runs=1)

    def tell(self, p: int, state: State, answer: Any, /) -> State:
        return replace(state, w=answer[0], seen=answer[1], status=Status.OUT_OF_ROUNDS)


draw = np.random.default_rng(9)
X = draw.standard_normal((400, 3))
Y = X[:, 0] - X[:, 1] + 0.1 * draw.standard_normal(400)


def piece(start: int, stop: int) -> Mapping[str, ArrayBlocks]:
    return {"train": ArrayBlocks(X[start:stop], Y[start:stop], first=start)}


def check(state: State) -> None:
    assert state.seen == 400
    whole = Online(np.zeros(3), 0).of(ArrayBlocks(X, Y, rows=512).block(0))
    assert state.w.tobytes() == whole[0].tobytes()


def reopen(state: State) -> State:
    return replace(state, status=OPEN)


PROBE = Probe("partial_fit", PartialFit(), 3, (piece(0, 100), piece(100, 101), piece(101, 400)), check, reopen)
