"""Carried columns that vanish: by a wrapper that any engine runs, and by an engine that forgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from shardlearn.core import rng
from shardlearn.core.block import Block
from shardlearn.core.engine import Sharded
from shardlearn.core.query import Carry, Columns, Query
from shardlearn.engines.serial import SerialEngine
from shardlearn.engines.shelf import Shelf

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Mixed:
    """Steps some blocks and rebuilds the others; which, is drawn for each block and version."""

    carry: Carry
    share: float
    seed: int

    def __call__(self, block: Block, /) -> Mapping[str, Array]:
        ids = np.array([block.start], np.int64)
        draw = rng.uniform(rng.philox(self.seed, rng.Purpose.TEST, ids, self.carry.version & 0xFFFFFFFF))[0]
        if draw >= self.share:
            return self.carry.step(block)
        return self.carry.rebuild(replace(block, extra={}))


@dataclass(frozen=True)
class Shaken:
    """Any solver, with that share of its blocks rebuilt in every round. 1.0: all columns are lost each round."""

    solver: Any
    share: float
    seed: int = 0

    def init(self, problem: Any, /) -> Any:
        return self.solver.init(problem)

    def ask(self, problem: Any, state: Any, /) -> Query[Any]:
        query = self.solver.ask(problem, state)
        return replace(query, carry=tuple(self.shaken(carry) for carry in query.carry))

    def tell(self, problem: Any, state: Any, answer: Any, /) -> Any:
        return self.solver.tell(problem, state, answer)

    def shaken(self, carry: Carry) -> Carry:
        step: Columns = Mixed(carry, self.share, self.seed)
        return Carry(carry.name, carry.version, carry.rebuild, step)


class Forgetful(Shelf):
    """A cache of columns, half of which are gone when they are asked for."""

    random = np.random.default_rng(0)

    def get(self, key: Any, /) -> Any:
        return None if self.random.random() < 0.5 else super().get(key)


class ForgetfulEngine(SerialEngine):
    """Serial, with a cache that forgets."""

    def open(self, blocks: Any, /) -> Sharded:
        data = super().open(blocks)
        self._carried[data.key] = Forgetful(self.room)
        return data
