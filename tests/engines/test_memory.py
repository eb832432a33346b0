"""Caches fill what the limit leaves, passes share it, and what can't fit is refused before reading."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from tests.engines.conformance import equal
from tests.engines.fakes import ArrayBlocks, FloatSum, IdSum, LastColumn, Seen, random_blocks
from tests.engines.test_conformance import reference, threads
from tests.engines.test_serial import Doubled, FirstDoubled, Halved
from tests.engines.test_threads import Waiting

from shardlearn.core.block import Block
from shardlearn.core.errors import EngineError, MemoryLimitError
from shardlearn.core.events import CarryBuilt, Emit, PassPlanned, ignore
from shardlearn.core.query import Carry, Query
from shardlearn.engines.machine import trim
from shardlearn.engines.pool import PoolEngine
from shardlearn.engines.room import LARGE, Room
from shardlearn.engines.serial import SerialEngine
from shardlearn.engines.threads import ThreadPool


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


@dataclass(frozen=True)
class Widened:
    """Answers that are much wider than the rows."""

    def __call__(self, block: Block, /) -> Block:
        return replace(block, X=np.empty((block.n, 0)), extra={"out/p": np.ones((block.n, 1000))})


@pytest.mark.parametrize("resident", [True, False])
def test_wide_answers_of_a_stream_are_counted(resident: bool) -> None:
    blocks, wide = replace(counted(), resident=resident), 64 * 8 * 1000
    for limit, workers in ((None, 2), (20 * wide, 2), (6 * wide, 1)):
        engine, seen = threads(2, limit), Seen()
        streamed = list(engine.stream(engine.open(blocks), Widened(), emit=seen))
        assert all(block.nbytes >= wide for block in streamed)
        plan = seen.of(PassPlanned)[0]
        assert plan.answers >= (2 * workers + 1 + 2 * workers) * wide * 9 // 10
        assert plan.workers == workers
    blocks.log.clear()
    engine = threads(2, 4 * wide)
    with pytest.raises(MemoryLimitError) as caught:
        next(engine.stream(engine.open(blocks), Widened(), emit=ignore))
    assert "answers" in caught.value.needed
    assert "predict has one" in caught.value.fix
    assert "p x p" not in caught.value.fix
    assert not blocks.log


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
    room = Room(12_000 + 6 * blocks.footprint().block, patience=0.05)
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


@dataclass
class Needs:
    need: int


@pytest.mark.parametrize("limit", [None, 5 * LARGE, 3 * LARGE])
def test_what_a_large_pass_took_goes_back_to_the_system(limit: int | None) -> None:
    """At once where memory is scarce, else when the data are closed: the next pass may want it again."""
    told: list[str] = []
    room = Room(limit, trim=lambda: told.append("trimmed"))
    with room.reserve(lambda free: Needs(LARGE - 1)):
        pass
    room.settle()
    assert not told
    with room.reserve(lambda free: Needs(LARGE)):
        assert not told
    assert bool(told) == (limit == 3 * LARGE)
    for _ in range(2):
        room.settle()
        assert told == ["trimmed"]
    trim()


def test_ctrl_c_while_caches_give_way_leaves_nothing_reserved() -> None:
    """Or the fits that come after it would have less memory, or none."""

    def struck(nbytes: int) -> None:
        raise KeyboardInterrupt

    room = Room(1_000, evict=struck)
    assert room.keep(900)
    with pytest.raises(KeyboardInterrupt), room.reserve(lambda free: Needs(500)):
        raise AssertionError("it was not to begin")
    assert room.reserved == 0
    assert room.free == 1_000


@pytest.mark.parametrize("engine", [SerialEngine(), threads(1, None)], ids=["serial", "threads"])
def test_closed_data_leave_nothing_with_the_allocator(engine: SerialEngine | PoolEngine) -> None:
    told: list[str] = []
    engine.room.trim = lambda: told.append("trimmed")
    data = engine.open(counted())
    with engine.room.reserve(lambda free: Needs(LARGE)):
        pass
    assert not told
    engine.close(data)
    assert told == ["trimmed"]
