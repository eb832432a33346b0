"""The log has every event at DEBUG, and costs nothing when nobody listens."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace

from shardlearn.core import events as ev
from shardlearn.observe import stop, watch

ENGINE = SimpleNamespace(name="serial", workers=1, memory=None)


def test_events_reach_the_log(caplog) -> None:
    with caplog.at_level(logging.DEBUG, logger="shardlearn"), watch("Ridge", ENGINE) as watched:
        watched.emit(ev.PassFinished("train"))
    assert [record.event for record in caplog.records] == [ev.PassFinished("train"), ev.FitFinished("Ridge")]
    assert caplog.records[0].levelno == logging.DEBUG
    assert "PassFinished(data='train')" in caplog.text


@dataclass(frozen=True)
class Loud(ev.Event):
    def __repr__(self) -> str:
        raise AssertionError("formatted although nobody listens")


def test_nothing_is_formatted_in_vain() -> None:
    with watch("Ridge", ENGINE) as watched:
        watched.emit(Loud())


def test_events_may_come_from_any_thread() -> None:
    with watch("Ridge", ENGINE) as watched, ThreadPoolExecutor(4) as pool:
        for _ in range(1000):
            pool.submit(watched.emit, ev.PieceFinished(0, 1, 3))
    assert watched.report().rows_visited == 3000


def test_a_wish_to_stop() -> None:
    with watch("Ridge", ENGINE) as watched:
        assert not watched.after()
        stop.request()
        assert watched.after()
        stop.clear()
        assert not watched.after()
