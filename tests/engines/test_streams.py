"""Streams: row order, a bounded window, failures, an early end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.engines.conformance import ScriptedBlocks
from tests.engines.fakes import ArrayBlocks, Seen, random_blocks
from tests.engines.test_conformance import threads
from tests.engines.test_serial import Halved

from shardlearn.core.block import Block
from shardlearn.core.events import ignore
from shardlearn.engines.threads import ThreadPool


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
