"""What a solver will ask is known before any row is, as far as moments are all that it asks for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from tests.engines.fakes import ArrayBlocks

from shardlearn.core.query import Query
from shardlearn.core.solver import Status
from shardlearn.engines.serial import SerialEngine
from shardlearn.run import run
from shardlearn.solvers.ahead import MOST, ahead
from shardlearn.solvers.registry import SOLVERS
from shardlearn.statistics.moments import Moments


class Kept(SerialEngine):
    """Remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.queries: list[Query[Any]] = []

    def fold(self, data: Any, query: Query[Any], /, *, emit: Any) -> Any:
        self.queries.append(query)
        return super().fold(data, query, emit=emit)


def likeness(query: Query[Any]) -> tuple[Any, ...]:
    return type(query.measure), query.measure.bytes(), str(query.rows), query.runs, query.beside


@pytest.mark.parametrize("name", SOLVERS)
def test_the_first_questions(name: str) -> None:
    """The very ones of a fit, but for what stands in their arrays; the last one is more than moments."""
    example = SOLVERS[name]()
    blocks = ArrayBlocks(example.rows.X, example.rows.y, example.rows.weight, rows=example.problem.shape.grid.rows)
    engine = Kept()
    run(example.solver, example.problem, {"train": engine.open(blocks)}, engine)
    known = list(ahead(example.solver, example.problem, blocks.empty()))
    assert 1 <= len(known) <= MOST
    for query, asked in zip(known, engine.queries, strict=False):
        assert likeness(query) == likeness(asked)
    assert not isinstance(known[-1].measure, Moments)
    assert all(isinstance(query.measure, Moments) for query in known[:-1])


@dataclass(frozen=True)
class Always:
    """Moments, for ever."""

    status: Status = Status.RUNNING

    def init(self, problem: Any, /) -> "Always":
        return self

    def ask(self, problem: Any, state: Any, /) -> Query[Any]:
        return Query(Moments(2))

    def tell(self, problem: Any, state: Any, answer: Any, /) -> Any:
        return state


def test_it_ends() -> None:
    assert len(list(ahead(Always(), None, ArrayBlocks(np.zeros((1, 2))).empty()))) == MOST
