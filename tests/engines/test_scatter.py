"""Answers that stay with workers: the same bits as serial, whoever dies, and when; what is lost is asked for again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines.conformance import DEADLY, SCRIPTS, ScriptedBlocks, equal
from tests.engines.fakes import CutIds, CutSum, CutWalk, Seen, SpreadSum, Where, random_blocks
from tests.engines.simulated_pool import SimulatedPool
from tests.engines.subprocess_pool import SubprocessPool, subprocess_engine
from tests.engines.test_conformance import reference

from shardlearn.core.errors import EngineError
from shardlearn.core.events import PieceFinished, PieceRetried, Timed, ignore
from shardlearn.core.query import Query
from shardlearn.core.rows import Hashed, Ids, Range
from shardlearn.engines.pool import PoolEngine
from shardlearn.engines.rounds import Ticket
from shardlearn.engines.scatter import LOST, WORTH, Gone, Left, Scatter, portions_of
from shardlearn.engines.spread import Spread
from shardlearn.observe.retries import told

ALWAYS = Spread(large=0)
QUERIES: dict[str, Query[Any]] = {
    "parts": Query(CutSum()),
    "parts that are finished": Query(SpreadSum()),
    "exact, in place": Query(CutIds()),
    "some rows": Query(CutSum(), rows=Hashed(purpose=5, below=1 << 61)),
    "a range": Query(CutSum(), rows=Range(300, 700)),
    "ids": Query(CutIds(), rows=Ids(np.array([7, 300, 301, 999]))),
    "no row": Query(CutSum(), rows=Ids(np.array([], np.int64))),
    "no row, finished": Query(SpreadSum(), rows=Range(5000, 6000)),
    "runs": Query(CutWalk(), runs=5),
    "more runs than blocks": Query(CutWalk(), runs=20),
}


@pytest.fixture(scope="module")
def children() -> Iterator[SubprocessPool]:
    with SubprocessPool(3) as pool:
        yield pool


# -- the order of rounds -----------------------------------------------------------------------------------------------
class Script:
    """Answers of workers; `lost`: by round of merging, which pieces can't be had for which portions."""

    def __init__(self, lost: Sequence[dict[tuple[int, int], tuple[int, ...]]], answered: bool = True) -> None:
        self.lost, self.answered = list(lost), answered
        self.said: list[Any] = []

    def ask(self, attempts: Mapping[tuple[int, int], int]) -> Iterator[Any]:
        self.said.append(("ask", attempts))
        return iter([(piece, Left(self.answered, ())) for piece in attempts])

    def merge(self, portions: Sequence[tuple[int, int]], left: Any) -> Iterator[Any]:
        self.said.append(("merge", *portions))
        lost = self.lost.pop(0)
        return iter([(s, Gone(lost[s]) if s in lost else [f"part {i}" for i in range(*s)]) for s in reversed(portions)])

    def run(self, attempts: int = 4) -> list[Any]:
        return Scatter([(4, 9), (0, 4)], [(0, 2), (2, 3)], self.ask, self.merge, attempts).results()


def test_pieces_are_asked_then_portions_are_merged() -> None:
    script = Script([{}])
    assert script.run() == ["part 0", "part 1", "part 2"]
    assert script.said == [("ask", {(4, 9): 1, (0, 4): 1}), ("merge", (0, 2), (2, 3))]


def test_what_is_lost_is_asked_again_and_nothing_else() -> None:
    script = Script([{(0, 2): (1,)}, {(0, 2): (0, 1)}, {}])
    assert script.run() == ["part 0", "part 1", "part 2"]
    assert script.said[2:] == [
        ("ask", {(4, 9): 2}),
        ("merge", (0, 2)),
        ("ask", {(4, 9): 3, (0, 4): 2}),
        ("merge", (0, 2)),
    ]


def test_what_is_lost_four_times_is_given_up() -> None:
    """One answer: that others are lost as often together is no reason."""
    assert Script([{(2, 3): (i % 2,)} for i in range(6)] + [{}]).run() == ["part 0", "part 1", "part 2"]
    script = Script([{(2, 3): (0,)}] * 4)
    with pytest.raises(EngineError, match="lost 4 times") as caught:
        script.run()
    assert caught.value.code == "SL4004"
    assert "1 of 2 answers" in caught.value.found
    assert script.lost == []


def test_nothing_is_merged_where_nothing_was_answered() -> None:
    script = Script([], answered=False)
    assert script.run() == []
    assert script.said == [("ask", {(4, 9): 1, (0, 4): 1})]


@given(st.integers(1, 300), st.integers(1, 40), st.integers(0, 30 * WORTH))
def test_portions_cover_the_parts(parts: int, workers: int, nbytes: int) -> None:
    portions = portions_of(parts, workers, nbytes)
    assert [i for portion in portions for i in range(*portion)] == list(range(parts))
    assert len(portions) == min(parts, workers, max(2, nbytes // WORTH))
    assert max(stop - first for first, stop in portions) - min(stop - first for first, stop in portions) <= 1


# -- on pools ----------------------------------------------------------------------------------------------------------
@settings(max_examples=100)
@given(
    seed=st.integers(0, 2**32),
    workers=st.sampled_from([1, 2, 3, 7]),
    query=st.sampled_from(list(QUERIES)),
    n=st.sampled_from([0, 1, 64, 1000]),
)
def test_replies_may_be_repeated_late_and_out_of_order(seed: int, workers: int, query: str, n: int) -> None:
    blocks = random_blocks(n=n, at=(0, 3, 9))
    engine = PoolEngine("simulated", SimulatedPool(workers, seed), plans=ALWAYS, poll=0.001)
    answer = engine.fold({"train": engine.open(blocks)}, QUERIES[query], emit=ignore)
    assert equal(answer, reference(blocks, QUERIES[query]))
    assert engine.room.idle


@pytest.mark.parametrize("name", QUERIES)
def test_processes_answer_every_query(name: str, children: SubprocessPool) -> None:
    engine = subprocess_engine(children, ALWAYS)
    blocks = random_blocks(resident=False, at=(0, 6, 9), first=320)
    answer = engine.fold({"train": engine.open(blocks)}, QUERIES[name], emit=ignore)
    assert equal(answer, reference(blocks, QUERIES[name]))


@pytest.mark.parametrize("name", [*SCRIPTS, *DEADLY])
def test_processes_under_every_script(name: str, tmp_path: Path, children: SubprocessPool) -> None:
    inner = random_blocks(at=(0, 4, 5, 13), resident=False, reader=100)
    blocks = ScriptedBlocks(inner, (SCRIPTS | DEADLY)[name], str(tmp_path))
    engine = subprocess_engine(children, ALWAYS, deadline=1.0, attempts=50)
    answer = engine.fold({"train": engine.open(blocks)}, Query(CutSum()), emit=ignore)
    assert equal(answer, reference(inner, Query(CutSum())))
    assert blocks.fired_all()


def test_large_answers_alone_stay_with_workers(children: SubprocessPool) -> None:
    """And what is finished is finished there."""
    blocks = random_blocks()
    for plans, here in ((Spread(large=31), False), (Spread(large=32), True)):
        engine, seen = subprocess_engine(children, plans), Seen()
        answer = engine.fold({"train": engine.open(blocks)}, Query(Where()), emit=seen)
        pids = {int(answer[2]), int(answer[5])}
        assert (pids == {os.getpid()}) == here
        assert (os.getpid() in pids) == here
        assert sum(piece.rows for piece in seen.of(PieceFinished)) == 1000
        assert "merge" in {event.phase for event in seen.of(Timed)}


def test_a_death_while_parts_are_merged(children: SubprocessPool, tmp_path: Path) -> None:
    """Also of the worker that keeps some of them: what it had is asked for again."""
    engine, seen = subprocess_engine(children, ALWAYS), Seen()
    query = Query(Where(grave=str(tmp_path / "grave"), crowd=3))
    answer = engine.fold({"train": engine.open(random_blocks())}, query, emit=seen)
    assert np.array_equal(np.delete(answer, [2, 5]), reference(random_blocks(), Query(SpreadSum())))
    merging = [retried for retried in seen.of(PieceRetried) if retried.merging]
    assert [told(retried) for retried in merging] == [
        "parts 1 to 1 of an answer merged again: the worker died (exit code 7)"
    ]
    assert LOST in {retried.why for retried in seen.of(PieceRetried)}
    assert sum(piece.rows for piece in seen.of(PieceFinished)) == 1000


@pytest.mark.parametrize("times", [1, 3])
def test_a_death_between_answer_and_merging(times: int, children: SubprocessPool) -> None:
    """What it kept is asked for again, and only that."""
    engine, seen, left = subprocess_engine(children, ALWAYS), Seen(), [times]

    def shoot(ticket: Ticket, child: int) -> None:
        if ticket.range[0] == 0 and left[0]:
            left[0] -= 1
            children.kill(child)

    children.after_kept = shoot
    try:
        answer = engine.fold({"train": engine.open(random_blocks())}, Query(CutSum()), emit=seen)
    finally:
        children.after_kept = lambda ticket, child: None
    assert equal(answer, reference(random_blocks(), Query(CutSum())))
    lost = [one for one in seen.of(PieceRetried) if one.why == LOST]  # another's answer too, where one child had both
    assert [(one.attempt, one.rows) for one in lost if one.first == 0] == [(2 + i, (0, 320)) for i in range(times)]


def test_answers_that_are_always_lost_are_given_up(children: SubprocessPool) -> None:
    engine = subprocess_engine(children, ALWAYS)
    children.after_kept = lambda ticket, child: children.kill(child) if ticket.range[0] == 0 else None
    try:
        with pytest.raises(EngineError, match="lost 4 times"):
            engine.fold({"train": engine.open(random_blocks())}, Query(CutSum()), emit=ignore)
    finally:
        children.after_kept = lambda ticket, child: None


def test_a_portion_that_is_never_merged_is_given_up(children: SubprocessPool) -> None:
    engine = subprocess_engine(children, ALWAYS)
    children.kill_on = {(1, 0, attempt) for attempt in range(1, 5)}
    try:
        with pytest.raises(EngineError, match="failed in each of 4 attempts") as caught:
            engine.fold({"train": engine.open(random_blocks())}, Query(CutSum()), emit=ignore)
    finally:
        children.kill_on = set()
    assert caught.value.where == "parts 0 to 1 of an answer, as they were merged"
