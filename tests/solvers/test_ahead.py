"""What a solver will ask is known before any row is, as far as moments are all that it asks for."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from tests.engines.fakes import ArrayBlocks

from shardlearn.core.query import Query
from shardlearn.core.solver import Status
from shardlearn.engines.serial import SerialEngine
from shardlearn.run import run
from shardlearn.solvers.ahead import MOST, ahead, later
from shardlearn.solvers.registry import SOLVERS, Example
from shardlearn.statistics.curvature import Curvature
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


def fitted(example: Example) -> tuple[ArrayBlocks, list[Query[Any]]]:
    """What a fit asks."""
    blocks = ArrayBlocks(example.rows.X, example.rows.y, example.rows.weight, rows=example.problem.shape.grid.rows)
    engine = Kept()
    run(example.solver, example.problem, {"train": engine.open(blocks)}, engine)
    return blocks, engine.queries


@pytest.mark.parametrize("name", SOLVERS)
def test_the_first_questions(name: str) -> None:
    """The very ones of a fit, but for what stands in their arrays; the last one is more than moments."""
    example = SOLVERS[name]()
    blocks, asked_for = fitted(example)
    known = list(ahead(example.solver, example.problem, blocks.empty()))
    assert 1 <= len(known) <= MOST
    for query, asked in zip(known, asked_for, strict=False):
        assert likeness(query) == likeness(asked)
    assert not isinstance(known[-1].measure, Moments)
    assert all(isinstance(query.measure, Moments) for query in known[:-1])


def test_close_columns_and_several_penalties() -> None:
    close, several = SOLVERS["gram least squares, close columns"](), SOLVERS["gram least squares"]()
    p = close.problem.shape.features
    assert [query.beside // (8 * p * p) for query in later(close.solver, close.problem)] == [6, 3]
    assert [query.beside // (8 * p * p) for query in later(several.solver, several.problem)] == [7, 4]
    ridge = replace(several.problem, alpha=np.ones(2))
    assert [query.beside // (8 * p * p) for query in later(several.solver, ridge)] == [6]
    positive = replace(several.problem, positive=True)
    assert [query.beside // (8 * p * p) for query in later(several.solver, positive)] == [7]
    assert list(later(Always(), ridge)) == []


@pytest.mark.parametrize("name", [name for name in SOLVERS if name.startswith("preconditioned")])
def test_what_a_search_may_come_to(name: str) -> None:
    """Whatever it asks is planned before: as large, and with as much beside it."""
    example = SOLVERS[name]()
    blocks, asked = fitted(replace(example, solver=replace(example.solver, tol=1e-13)))
    planned = [*ahead(example.solver, example.problem, blocks.empty()), *later(example.solver, example.problem)]
    large = [query for query in asked if query.runs is not None]
    assert "sample" in name or any(isinstance(query.measure, Curvature) for query in large)
    for query in large:
        like = [one for one in planned if type(one.measure) is type(query.measure) and one.runs == query.runs]
        assert max(one.measure.bytes() for one in like) >= query.measure.bytes()
        q = example.problem.outputs * (example.problem.shape.features + 1)
        assert max(one.beside for one in planned) + 8 * 40 * q >= query.beside  # pairs of steps are small beside it


def test_too_many_outputs_for_one_metric() -> None:
    """The metric is not made again then, so there is nothing to plan but the first one."""
    example = SOLVERS["preconditioned-lbfgs, multinomial"]()
    many = replace(example.problem, outputs=65)
    assert [type(query.measure).__name__ for query in later(example.solver, many)] == ["Gram"]


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
