"""Threads: contexts travel, errors come as they are, Ctrl-C leaves nobody working, two fits share one limit."""

from __future__ import annotations

import os
import signal
import threading
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sklearn
from tests.engines.conformance import ScriptedBlocks
from tests.engines.fakes import FloatSum, Seen, Walk, random_blocks
from tests.engines.test_conformance import equal, reference, threads

from shardlearn.core.block import Block
from shardlearn.core.errors import EngineError, SourceChangedError
from shardlearn.core.events import PassFinished, PassStarted, PieceFinished, Timed, ignore
from shardlearn.core.query import Query
from shardlearn.engines.rounds import Policy
from shardlearn.engines.threads import ThreadPool

COLOUR: ContextVar[str] = ContextVar("colour", default="none")


@dataclass(frozen=True)
class Asked(FloatSum):
    """Remembers what it saw around it."""

    seen: list[Any] = field(default_factory=list)

    def of(self, block: Block, /) -> Any:
        self.seen.append((COLOUR.get(), sklearn.get_config()["assume_finite"], threading.current_thread().name))
        return super().of(block)


def test_contexts_travel_to_the_threads() -> None:
    engine, asked = threads(2), Asked()
    data = {"train": engine.open(random_blocks())}
    token = COLOUR.set("green")
    with sklearn.config_context(assume_finite=True):
        engine.fold(data, Query(asked), emit=ignore)
    COLOUR.reset(token)
    assert {entry[:2] for entry in asked.seen} == {("green", True)}
    assert all(name.startswith("shardlearn-") for _, _, name in asked.seen)
    asked.seen.clear()
    engine.fold(data, Query(asked), emit=ignore)
    assert {entry[:2] for entry in asked.seen} == {("none", False)}


def test_events_come_from_the_thread_that_asked() -> None:
    who: set[str] = set()
    seen = Seen()

    def emit(event: Any, /) -> None:
        who.add(threading.current_thread().name)
        seen(event)

    engine = threads(2)
    engine.fold({"train": engine.open(random_blocks(n=1024))}, Query(FloatSum()), emit=emit)
    assert who == {threading.current_thread().name}
    assert isinstance(seen.events[0], PassStarted)
    assert isinstance(seen.events[-1], PassFinished)
    assert sum(event.rows for event in seen.of(PieceFinished)) == 1024
    assert {event.phase for event in seen.of(Timed)} == {"compute", "merge"}


@pytest.mark.parametrize("error", [ValueError, SourceChangedError, FileNotFoundError, MemoryError])
def test_errors_of_data_or_code_are_raised_as_they_are(error: Any, tmp_path: Path) -> None:
    wrong = error if error is not SourceChangedError else ChangedError
    blocks = ScriptedBlocks(random_blocks(at=(0, 4, 8, 12)), {5: ["raise"], 9: ["raise"]}, str(tmp_path), wrong)
    engine = threads(3)
    with pytest.raises(error, match="block 5, reading 1"):
        engine.fold({"train": engine.open(blocks)}, Query(FloatSum()), emit=ignore)
    assert engine.room.reserved == 0


class ChangedError(SourceChangedError):
    def __init__(self, first: str) -> None:
        super().__init__(first, code="SL5001")


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_the_same_error_for_any_number_of_workers(workers: int, tmp_path: Path) -> None:
    script = {block: ["raise"] for block in (3, 4, 11, 15)}
    for resident in (True, False):
        (tmp_path / str(resident)).mkdir()
        inner = random_blocks(resident=resident)
        blocks = ScriptedBlocks(inner, script, str(tmp_path / str(resident)), ValueError)
        engine = threads(workers)
        with pytest.raises(ValueError, match="block 3, reading 1"):
            engine.fold({"train": engine.open(blocks)}, Query(FloatSum()), emit=ignore)


def test_a_disk_that_never_answers_is_given_up_in_words(tmp_path: Path) -> None:
    blocks = ScriptedBlocks(random_blocks(), {0: ["raise"] * 9}, str(tmp_path))
    engine = threads(2)
    with pytest.raises(EngineError) as caught:
        engine.fold({"train": engine.open(blocks)}, Query(FloatSum()), emit=ignore)
    assert isinstance(caught.value.__cause__, OSError)
    assert blocks.readings(0) == 4
    assert "attempt 4: OSError: block 0, reading 4" in caught.value.found


def test_runs_name_their_rows_when_given_up(tmp_path: Path) -> None:
    blocks = ScriptedBlocks(random_blocks(), {9: ["raise"] * 9}, str(tmp_path))
    engine = threads(2)
    with pytest.raises(EngineError) as caught:
        engine.fold({"train": engine.open(blocks)}, Query(Walk(), runs=2), emit=ignore)
    assert caught.value.where == "rows 512 to 999 (blocks 8 to 15)"


@dataclass(frozen=True)
class Waiting(FloatSum):
    """Says that it is at work, and goes on when it is told."""

    at_work: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def of(self, block: Block, /) -> Any:
        self.at_work.set()
        self.go_on.wait(30)
        return super().of(block)


def test_ctrl_c_stops_all_work_and_reaches_the_caller() -> None:
    engine, waiting = threads(2), Waiting()
    data = {"train": engine.open(random_blocks(n=6400))}

    def press() -> None:
        waiting.at_work.wait(30)
        os.kill(os.getpid(), signal.SIGINT)
        waiting.go_on.set()

    presser = threading.Thread(target=press)
    presser.start()
    with pytest.raises(KeyboardInterrupt):
        engine.fold(data, Query(waiting), emit=ignore)
    presser.join()
    pool = engine.pool
    assert isinstance(pool, ThreadPool)
    assert not pool.busy
    assert engine.room.reserved == 0
    assert equal(engine.fold(data, Query(FloatSum()), emit=ignore), reference(random_blocks(n=6400), Query(FloatSum())))


def test_many_fits_at_once_give_what_each_gives_alone() -> None:
    engine, answers = threads(3), {}
    expected = [reference(random_blocks(seed), Query(FloatSum())) for seed in range(6)]

    def fit(seed: int) -> None:
        data = {"train": engine.open(random_blocks(seed, resident=seed % 2 == 0, at=(0, 5)))}
        answers[seed] = [engine.fold(data, Query(FloatSum()), emit=ignore) for _ in range(5)]

    fits = [threading.Thread(target=fit, args=(seed,)) for seed in range(6)]
    for one in fits:
        one.start()
    for one in fits:
        one.join()
    assert all(equal(answer, expected[seed]) for seed in range(6) for answer in answers[seed])


def test_idle_threads_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shardlearn.engines.threads.IDLE", 0.01)
    engine = threads(3)
    engine.fold({"train": engine.open(random_blocks())}, Query(FloatSum()), emit=ignore)
    pool = engine.pool
    assert isinstance(pool, ThreadPool)
    for thread in [t for t in threading.enumerate() if t.name.startswith("shardlearn-") and t in pool.threads]:
        thread.join(10)
    assert not pool.threads
    engine.fold({"train": engine.open(random_blocks())}, Query(FloatSum()), emit=ignore)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_has_its_own_threads() -> None:
    engine = threads(2)
    blocks = random_blocks()
    data = {"train": engine.open(blocks)}
    expected = engine.fold(data, Query(FloatSum()), emit=ignore)
    assert in_a_forked_child(lambda: equal(engine.fold(data, Query(FloatSum()), emit=ignore), expected))
    assert isinstance(engine.pool, ThreadPool)
    assert engine.pool.epoch == 0
    assert equal(engine.fold(data, Query(FloatSum()), emit=ignore), expected)


def in_a_forked_child(check: Any) -> bool:
    """Whether the check holds in a child of this process."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if check() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_policy_of_threads_has_no_backups() -> None:
    assert Policy().backup_after is None
