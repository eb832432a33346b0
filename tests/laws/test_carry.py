"""Law 7: answers are the same, bit for bit, whichever of rebuild and step ran on whichever blocks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines.fakes import ArrayBlocks, LastColumn, Seen
from tests.probes.plain import fingerprint
from tests.probes.registry import PROBES, fit
from tests.probes.shaken import Shaken

from shardlearn.core.block import Block
from shardlearn.core.events import CarryBuilt
from shardlearn.core.query import Carry, Query
from shardlearn.core.rows import Range
from shardlearn.core.solver import Status
from shardlearn.engines.serial import SerialEngine
from shardlearn.run import run

Array = np.ndarray[Any, Any]
CARRYING = ("kmeans", "tree", "smo", "together")


@dataclass(frozen=True)
class Rebuild:
    """The start plus a chain of additions, replayed."""

    start: float
    rounds: int

    def __call__(self, block: Block, /) -> Mapping[str, Array]:
        v = block.X[:, 0] + self.start
        for t in range(self.rounds):
            v = v + 0.1 * t
        return {"v": v}


@dataclass(frozen=True)
class Step:
    round: int

    def __call__(self, block: Block, /) -> Mapping[str, Array]:
        return {"v": block.extra["c/v"] + 0.1 * (self.round - 1)}


@dataclass(frozen=True)
class State:
    answers: tuple[bytes, ...] = ()
    status: Status = Status.RUNNING
    figures: Mapping[str, float] = None


@dataclass(frozen=True)
class Chain:
    """Sums of a carried column; only the first `before` rounds leave the last block out."""

    rounds: int
    before: int = 0

    def init(self, start: float, /) -> State:
        return State()

    def ask(self, start: float, state: State, /) -> Query[Any]:
        t = len(state.answers)
        carry = Carry("c", t, Rebuild(start, t), Step(t))
        rows = Range(0, 128) if t < self.before else Range(0, 1000)
        return Query(LastColumn(2), (carry,), rows)

    def tell(self, start: float, state: State, answer: Array, /) -> State:
        answers = (*state.answers, answer.tobytes())
        return replace(state, answers=answers, status=Status.CONVERGED if len(answers) == self.rounds else state.status)


BLOCKS = ArrayBlocks(np.random.default_rng(0).standard_normal((300, 2)))


def solved(solver, start=0.0, engine=None, data=None, state=None):
    engine = engine or SerialEngine()
    data = data or engine.open(BLOCKS)
    seen = Seen()
    return run(solver, start, {"train": data}, engine, state=state, emit=seen).answers, seen.of(CarryBuilt)


def test_both_ways_are_walked():
    events = solved(Chain(5))[1]
    assert {event.rebuilt for event in events} == {True, False}
    events = solved(Shaken(Chain(5), 1.0))[1]
    assert len(events) == 25


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1), st.integers(0, 2**32), st.integers(0, 4))
def test_any_mixture_of_rebuild_and_step(share, seed, before):
    assert solved(Shaken(Chain(6, before), share, seed))[0] == solved(Chain(6, before))[0]


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(CARRYING), st.floats(0, 1), st.integers(0, 2**32))
def test_any_mixture_in_the_probes(name, share, seed):
    probe = PROBES[name]
    shaken = replace(probe, solver=Shaken(probe.solver, share, seed))
    assert fingerprint(fit(shaken, SerialEngine())[0]) == plain(name)


@cache
def plain(name):
    return fingerprint(fit(PROBES[name], SerialEngine())[0])


@pytest.mark.parametrize("before", [0, 3, 5])
def test_columns_of_another_run_are_never_stepped(before):
    """Two runs on one handle: what the first has left on blocks that the second does not visit at first is not used."""
    engine = SerialEngine()
    data = engine.open(BLOCKS)
    solved(Chain(before or 1), 1000.0, engine, data)
    assert solved(Chain(6, before), 1.0, engine, data)[0] == solved(Chain(6, before), 1.0)[0]
