"""Streams: row order, a bounded window, failures, an early end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.engines.conformance import ScriptedBlocks, equal
from tests.engines.fakes import ArrayBlocks, Seen, Walk, random_blocks
from tests.engines.test_conformance import reference, threads
from tests.engines.test_serial import Halved

from shardlearn.core.block import Block
from shardlearn.core.events import Emit, ignore
from shardlearn.core.query import Query
from shardlearn.engines.reading import Attempt
from shardlearn.engines.stopping import Stopped, still_wanted
from shardlearn.engines.threads import ThreadPool
from shardlearn.engines.work import StreamTask


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


def test_who_stops_does_not_wait_for_the_end_of_a_block() -> None:
    steps: list[int] = []

    class Long:
        def __call__(self, block: Block, /) -> Block:
            for step in range(9):
                still_wanted()
                steps.append(step)
            return block

    engine = threads(2)
    task = StreamTask(engine.open(random_blocks(n=640)), Long(), (0, 10))
    assert isinstance(engine.pool, ThreadPool)
    with pytest.raises(Stopped):
        task.do(engine.pool.place, Attempt("who", None, ignore, lambda: len(steps) == 5))
    assert steps == [0, 1, 2, 3, 4]
    still_wanted()  # by whoever asks outside


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
    engine = threads(2, deadline=0.3, attempts=50)
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


@pytest.mark.parametrize("runs", [1, 2, 8])
def test_a_reader_that_hangs_in_a_run_is_given_up(runs: int, tmp_path: Path) -> None:
    inner = random_blocks(n=2048, resident=False, at=(0,), reader=5_000)
    script = {3: ["hang"], 20: ["raise", "hang"], 30: ["hang"]}
    blocks = ScriptedBlocks(inner, script, str(tmp_path))
    engine = threads(3, 40_000, deadline=0.3, attempts=50)
    answer = engine.fold({"train": engine.open(blocks)}, Query(Walk(), runs=runs), emit=ignore)
    blocks.release()
    assert equal(answer, reference(inner, Query(Walk(), runs=runs)))
    assert blocks.fired_all()


def test_one_reader_serves_the_runs_one_after_the_other() -> None:
    """No block is read twice, in whatever pieces runs are walked."""
    for runs in (2, 8, 64, 100):
        opened: list[list[int]] = []

        class Watched(ArrayBlocks):
            def read(self, numbers: Sequence[int], /, *, emit: Emit) -> Iterator[tuple[int, Block]]:
                opened.append(list(numbers))  # noqa: B023  called inside the loop
                return super().read(numbers, emit=emit)

        plain = random_blocks(n=4096)
        blocks = Watched(plain.X, plain.y, resident=False, at=(0, 20, 50), reader=5_000)
        engine = threads(2)
        engine.fold({"train": engine.open(blocks)}, Query(Walk(), runs=runs), emit=ignore)
        assert len(opened) <= 3
