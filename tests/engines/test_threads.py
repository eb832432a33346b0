"""Threads: contexts travel, errors come as they are, Ctrl-C leaves nobody working, two fits share one limit."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from tests.engines.conformance import ScriptedBlocks
from tests.engines.fakes import ArrayBlocks, FloatSum, IdSum, LastColumn, Seen, Walk, random_blocks
from tests.engines.test_conformance import equal, reference, threads
from tests.engines.test_serial import Doubled, FirstDoubled, Halved

from shardlearn.core.block import Block
from shardlearn.core.errors import EngineError, MemoryLimitError, SourceChangedError
from shardlearn.core.events import CarryBuilt, Emit, PassFinished, PassStarted, PieceFinished, Timed, ignore
from shardlearn.core.query import Carry, Query
from shardlearn.engines.pool import PoolEngine
from shardlearn.engines.room import Room
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


def test_a_stream_keeps_its_order_and_is_closed_early() -> None:
    for resident in (True, False):
        blocks = random_blocks(n=6400, resident=resident, at=(0, 30, 31), reader=500)
        engine, seen = threads(3), Seen()
        data = engine.open(blocks)
        rows = engine.stream(data, Halved(), emit=seen)
        first = [next(rows), next(rows)]
        assert [block.start for block in first] == [0, 64]
        rows.close()
        assert engine.room.reserved == 0
        assert isinstance(engine.pool, ThreadPool)
        assert not engine.pool.busy
        whole = np.concatenate([block.X for block in engine.stream(data, Halved(), emit=ignore)])
        assert whole.tobytes() == (blocks.X / 2).tobytes()


def test_a_stream_reads_no_further_than_its_window() -> None:
    read: list[int] = []

    class Watched(ArrayBlocks):
        def block(self, number: int) -> Block:
            read.append(number)
            return super().block(number)

    plain = random_blocks(n=64_000)
    engine = threads(2)
    blocks = Watched(plain.X, plain.y, resident=False, at=(0,))
    rows = engine.stream(engine.open(blocks), Halved(), emit=ignore)
    next(rows)
    assert max(read) < 24
    rows.close()


def test_a_stream_goes_on_after_a_failure(tmp_path: Path) -> None:
    inner = random_blocks(resident=False, at=(0,))
    blocks = ScriptedBlocks(inner, {0: ["raise"], 7: ["raise", "raise"], 8: ["hang"]}, str(tmp_path))
    engine = threads(2, deadline=0.3)
    whole = np.concatenate([block.X for block in engine.stream(engine.open(blocks), Halved(), emit=ignore)])
    blocks.release()
    assert whole.tobytes() == (inner.X / 2).tobytes()
    assert blocks.fired_all()


def test_a_stream_hands_on_what_came_before_an_error(tmp_path: Path) -> None:
    blocks = ScriptedBlocks(random_blocks(), {7: ["raise"]}, str(tmp_path), ValueError)
    engine, got = threads(3), []
    with pytest.raises(ValueError, match="block 7"):
        got.extend(block.start for block in engine.stream(engine.open(blocks), Halved(), emit=ignore))
    assert got == [64 * i for i in range(len(got))]
    assert len(got) >= 4


@dataclass(frozen=True)
class CountedBlocks(ArrayBlocks):
    """How often blocks were read, and how many readers were open at once."""

    log: list[int] = field(default_factory=list)
    open_now: list[int] = field(default_factory=lambda: [0, 0])

    def read(self, numbers: Sequence[int], /, *, emit: Emit) -> Iterator[tuple[int, Block]]:
        self.open_now[0] += 1
        self.open_now[1] = max(self.open_now)
        try:
            for number, block in super().read(numbers, emit=emit):
                self.log.append(number)
                yield number, block
        finally:
            self.open_now[0] -= 1


def counted(**settings: Any) -> CountedBlocks:
    plain = random_blocks(n=4096)
    return CountedBlocks(plain.X, plain.y, resident=False, reader=10_000, **settings)


def test_one_reader_reads_each_block_once_while_others_compute() -> None:
    """Memory for one reader, three threads: no block is read twice, and no second reader is opened."""
    blocks = counted(at=(0, 20, 40))
    engine = threads(3, 26_000)
    data = {"train": engine.open(blocks)}
    expected = reference(random_blocks(n=4096), Query(FloatSum()))
    for _ in range(5):
        blocks.log.clear()
        assert equal(engine.fold(data, Query(FloatSum()), emit=ignore), expected)
        assert len(blocks.log) == len(set(blocks.log))
    assert blocks.open_now == [0, 1]


def test_blocks_are_cached_as_far_as_there_is_room() -> None:
    block = counted().footprint().block
    for room_for, least, most in ((1000, 0, 0), (40, 10, 24), (0, 62, 64)):
        blocks = counted()
        engine = threads(1, 10_000 + (2 + room_for) * block + 2000)
        data = {"train": engine.open(blocks)}
        engine.fold(data, Query(IdSum()), emit=ignore)
        assert len(blocks.log) == 64
        blocks.log.clear()
        engine.fold(data, Query(FloatSum()), emit=ignore)
        assert least <= len(blocks.log) <= most
        engine.close(data["train"])
        assert engine.room.idle


def test_a_refined_handle_takes_over_what_is_cached() -> None:
    blocks = counted()
    engine = threads(2)
    plain = engine.open(blocks)
    engine.fold({"train": plain}, Query(IdSum()), emit=ignore)
    fine = engine.refine(plain, Halved())
    blocks.log.clear()
    answers = [engine.fold({"train": fine}, Query(FloatSum()), emit=ignore) for _ in range(2)]
    assert not blocks.log
    halved = replace(random_blocks(n=4096), X=random_blocks(n=4096).X / 2)
    assert equal(answers[0], reference(halved, Query(FloatSum())))
    assert equal(*answers)
    engine.close(fine)
    assert engine.room.idle


def test_rewrites_of_resident_blocks_are_done_once() -> None:
    calls: list[int] = []

    def coded(block: Block, /) -> Block:
        calls.append(block.start)
        assert block.y is not None
        return replace(block, y=block.y * 2)

    engine = threads(2)
    fine = engine.refine(engine.open(random_blocks()), coded)
    for _ in range(3):
        engine.fold({"train": fine}, Query(FloatSum()), emit=ignore)
    assert sorted(calls) == [64 * i for i in range(16)]
    assert engine.room.kept == 8 * 1000


def test_carried_columns_come_before_cached_blocks() -> None:
    blocks = counted()
    engine = threads(1, 10_000 + 20 * blocks.footprint().block)
    data = {"train": engine.open(blocks)}
    engine.fold(data, Query(IdSum()), emit=ignore)
    full = engine.room.kept
    carry = Carry("c", 0, FirstDoubled(0), Doubled())
    engine.fold(data, Query(LastColumn(), (carry,)), emit=ignore)
    seen = Seen()
    engine.fold(data, Query(LastColumn(), (replace(carry, version=1, rebuild=FirstDoubled(1)),)), emit=seen)
    assert full
    assert sum(not event.rebuilt for event in seen.of(CarryBuilt)) > 20


def test_too_little_memory_is_refused_before_reading() -> None:
    blocks = counted()
    engine = threads(2, 9_000)
    data = {"train": engine.open(blocks)}
    with pytest.raises(MemoryLimitError) as caught:
        engine.fold(data, Query(FloatSum()), emit=ignore)
    assert not blocks.log
    assert caught.value.code == "SL3001"
    assert "memory=" in caught.value.fix
    with pytest.raises(MemoryLimitError):
        next(engine.stream(data["train"], Halved(), emit=ignore))


def test_two_fits_at_once_share_the_pool_and_the_limit() -> None:
    """The second pass waits until the first one gives its memory back."""
    blocks = counted()
    engine = threads(2, 12_000 + 3 * blocks.footprint().block)
    waiting, answers = Waiting(), {}
    data = [{"train": engine.open(blocks)} for _ in range(2)]

    def fit(which: int, statistic: Any) -> None:
        answers[which] = engine.fold(data[which], Query(statistic), emit=ignore)

    first = threading.Thread(target=fit, args=(0, waiting))
    first.start()
    waiting.at_work.wait(30)
    second = threading.Thread(target=fit, args=(1, FloatSum()))
    second.start()
    second.join(0.1)
    assert second.is_alive()
    assert engine.room.limit is not None
    assert engine.room.reserved <= engine.room.limit
    waiting.go_on.set()
    first.join()
    second.join()
    assert equal(answers[0], answers[1])


def test_a_pass_waits_no_longer_than_its_patience() -> None:
    blocks = counted()
    room = Room(12_000 + 3 * blocks.footprint().block, patience=0.05)
    engine = PoolEngine("threads", ThreadPool(2, room), room)
    data = engine.open(blocks)
    rows = engine.stream(data, Halved(), emit=ignore)
    next(rows)
    with pytest.raises(EngineError) as caught:
        engine.fold({"train": data}, Query(FloatSum()), emit=ignore)
    assert caught.value.code == "SL4003"
    rows.close()
    engine.fold({"train": data}, Query(FloatSum()), emit=ignore)


def test_caches_give_way_to_passes() -> None:
    blocks = counted()
    engine = threads(1, 10_000 + 40 * blocks.footprint().block)
    one, two = engine.open(blocks), engine.open(blocks)
    engine.fold({"train": one}, Query(IdSum()), emit=ignore)
    kept = engine.room.kept
    rows = engine.stream(two, Halved(), emit=ignore)
    next(rows)
    assert engine.room.limit is not None
    assert engine.room.kept < kept
    assert engine.room.reserved + engine.room.kept <= engine.room.limit
    rows.close()


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
