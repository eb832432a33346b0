"""The loop: ask, measure, tell; stop, go on, resume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from tests.engines.fakes import FloatSum, LastColumn, Seen, random_blocks
from tests.engines.test_conformance import threads
from tests.engines.test_serial import Doubled, FirstDoubled

from shardlearn.core.errors import MemoryLimitError
from shardlearn.core.events import CarryBuilt, PassPlanned, RoundFinished
from shardlearn.core.query import Carry, Query
from shardlearn.core.solver import Status, held
from shardlearn.engines.room import Room
from shardlearn.engines.serial import SerialEngine
from shardlearn.run import run


@dataclass(frozen=True)
class Counting:
    """A state that counts rounds and remembers the last answer."""

    rounds: int
    last: float
    status: Status

    @property
    def figures(self) -> Mapping[str, float]:
        return {"last": self.last}


@dataclass(frozen=True)
class Count:
    """Asks for sums so many times."""

    def init(self, problem: int, /) -> Counting:
        return Counting(0, 0.0, Status.RUNNING)

    def ask(self, problem: int, state: Counting, /) -> Query[Any]:
        return Query(FloatSum())

    def tell(self, problem: int, state: Counting, answer: np.ndarray, /) -> Counting:
        rounds = state.rounds + 1
        return Counting(rounds, float(answer[0]), Status.CONVERGED if rounds == problem else Status.RUNNING)


def test_rounds_until_the_state_says_stop() -> None:
    engine, seen = SerialEngine(), Seen()
    data = {"train": engine.open(random_blocks())}
    end = run(Count(), 3, data, engine, emit=seen)
    assert (end.rounds, end.status) == (3, Status.CONVERGED)
    finished = seen.of(RoundFinished)
    assert [event.index for event in finished] == [0, 1, 2]
    assert finished[-1].figures == {"last": end.last}


def test_stopped_and_gone_on_with() -> None:
    engine = SerialEngine()
    data = {"train": engine.open(random_blocks())}
    half = run(Count(), 5, data, engine, after=lambda state: state.rounds == 2)
    assert (half.rounds, half.status) == (2, Status.RUNNING)
    assert run(Count(), 5, data, engine, state=half) == run(Count(), 5, data, engine)


@dataclass(frozen=True)
class Square(Counting):
    """A state of arrays, some of them deep inside, one of them twice."""

    square: np.ndarray
    parts: tuple[Mapping[str, np.ndarray], ...]


@dataclass(frozen=True)
class Growing(Count):
    """Holds eighty kilobytes from the first round on."""

    def tell(self, problem: int, state: Counting, answer: np.ndarray, /) -> Square:
        square = np.zeros((100, 50))
        parts = ({"a": square, "b": np.zeros(5_000)},)
        rounds = state.rounds + 1
        return Square(rounds, 0.0, Status.CONVERGED if rounds == problem else Status.RUNNING, square, parts)


def test_what_a_solver_holds_counts_against_the_limit() -> None:
    assert held((1, "text", Counting(1, 0.0, Status.RUNNING))) == 0
    for engine in (threads(2, 200_000), SerialEngine(Room(200_000))):
        data, seen = {"train": engine.open(random_blocks(resident=False))}, Seen()
        run(Growing(), 3, data, engine, emit=seen)
        first, *later = (plan.room for plan in seen.of(PassPlanned))
        assert [first - room for room in later] == [80_000, 80_000]
    for engine in (threads(2, 60_000), SerialEngine(Room(60_000))):
        data = {"train": engine.open(random_blocks(resident=False))}
        with pytest.raises(MemoryLimitError, match="answers 8"):
            run(Growing(), 3, data, engine)


def test_a_finished_state_asks_nothing() -> None:
    engine = SerialEngine()
    done = Counting(3, 0.0, Status.STALLED)
    assert run(Count(), 5, {}, engine, state=done) is done


@dataclass(frozen=True)
class Carrying(Count):
    """Asks with a column that is doubled each round."""

    def ask(self, problem: int, state: Counting, /) -> Query[Any]:
        return Query(LastColumn(), (Carry("c", state.rounds, FirstDoubled(state.rounds), Doubled()),))


def test_carried_columns_of_one_run_are_never_stepped_by_another() -> None:
    engine, seen = SerialEngine(), Seen()
    data = {"train": engine.open(random_blocks(n=64))}
    first = run(Carrying(), 1, data, engine, emit=seen)
    resumed = run(Carrying(), 3, data, engine, state=replace(first, status=Status.RUNNING), emit=seen)
    assert [event.rebuilt for event in seen.of(CarryBuilt)] == [True, True, False]
    assert resumed == run(Carrying(), 3, data, engine)
