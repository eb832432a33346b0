"""Ctrl-C comes between any two steps of the main thread: what it was doing to the crew is whole, or is done again."""

from __future__ import annotations

from threading import current_thread, main_thread
from typing import Any

import pytest
from tests.engines.conformance import equal
from tests.engines.crew import WORKERS, crew, lent, pid, ray_engine
from tests.engines.fakes import FloatSum, random_blocks
from tests.engines.test_conformance import reference

from shardlearn.core.events import ignore
from shardlearn.core.query import Query
from shardlearn.engines.ray import Crew, Slot

pytestmark = pytest.mark.usefixtures("ray_cluster")


@pytest.fixture
def struck(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ctrl-C, once, when the main thread has called an actor and not yet noted that; the slots it has struck."""
    expect, slots = Crew._expect, list[int]()

    def interrupted(self: Crew, slot: Slot, ref: Any) -> None:
        if current_thread() is main_thread() and not slots:
            slots.append(slot.number)
            raise KeyboardInterrupt
        expect(self, slot, ref)

    monkeypatch.setattr(Crew, "_expect", interrupted)
    return slots


def test_work_is_given_out_where_ctrl_c_does_not_come(struck: list[int]) -> None:
    """Or a worker would be ended whose answer nobody expects."""
    blocks, engine = random_blocks(), ray_engine()
    before = [pid(number) for number in range(WORKERS)]
    data = {"train": engine.open(blocks)}
    for _ in range(3):
        answer = engine.fold(data, Query(FloatSum()), emit=ignore)
        assert equal(answer, reference(blocks, Query(FloatSum())))
    assert not struck
    assert [pid(number) for number in range(WORKERS)] == before


def test_a_worker_that_was_half_made_is_made_again(struck: list[int]) -> None:
    blocks = random_blocks()
    with lent(1):
        with pytest.raises(KeyboardInterrupt):
            crew()
        assert struck == [WORKERS - 1]
        engine = ray_engine(WORKERS)  # waits for all of them
        answer = engine.fold({"train": engine.open(blocks)}, Query(FloatSum()), emit=ignore)
        assert equal(answer, reference(blocks, Query(FloatSum())))


def test_a_crew_that_has_no_actor_yet_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interrupt reaches the caller, not what Ray says of an actor that is none."""
    mine = Crew(crew().ray)

    def struck(slot: Slot) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(mine, "_bear", struck)
        patched.setattr(mine, "_look_at_clock", lambda now: None)
        with pytest.raises(KeyboardInterrupt):
            mine.ready(1, 1)
        mine.close()
    assert mine.slots == []
