"""The reference engine: order, carries, rows, runs, parts, streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from tests.engines.fakes import ArrayBlocks, FloatSum, IdSum, LastColumn, Seen, SpreadSum, Walk, random_blocks

from shardlearn.core.block import Block
from shardlearn.core.events import CarryBuilt, PassFinished, PassStarted, PieceFinished, ignore
from shardlearn.core.query import Carry, Query
from shardlearn.core.rows import Hashed, Ids, Range
from shardlearn.engines.serial import SerialEngine

Array = np.ndarray[Any, Any]


def by_hand(statistic: Any, answers: list[Any]) -> Any:
    """The fixed tree from its definition: the left side the largest power of two."""
    if len(answers) == 1:
        return answers[0]
    half = 1 << (len(answers) - 1).bit_length() - 1
    return statistic.merge(by_hand(statistic, answers[:half]), by_hand(statistic, answers[half:]))


def ask(blocks: ArrayBlocks, query: Query[Any], **settings: Any) -> Any:
    engine = SerialEngine()
    return engine.fold({"train": engine.open(blocks)}, query, emit=settings.get("emit", ignore))


@pytest.mark.parametrize("n", [1, 64, 65, 1000, 1024])
@pytest.mark.parametrize("at", [None, (0,), (0, 3, 4, 9)])
def test_floats_are_merged_in_the_fixed_tree(n: int, at: tuple[int, ...] | None) -> None:
    blocks = random_blocks(n=n, at=at)
    leaves = [FloatSum().of(block) for _, block in blocks.read(blocks.grid.blocks, emit=ignore)]
    assert ask(blocks, Query(FloatSum())).tobytes() == by_hand(FloatSum(), leaves).tobytes()


def test_the_data_show_the_order_of_adding() -> None:
    blocks = random_blocks()
    assert ask(blocks, Query(FloatSum())).tobytes() != FloatSum().of(Block(blocks.X, None, None, 0)).tobytes()


def test_no_rows_give_the_identity() -> None:
    blocks = random_blocks(n=0)
    assert ask(blocks, Query(FloatSum())).tolist() == [0, 0, 0, 0]
    assert ask(blocks, Query(IdSum())).tolist() == [0, 0, np.iinfo(np.int64).max]


@pytest.mark.parametrize(
    ("rows", "ids"),
    [
        (Range(130, 140), range(130, 140)),
        (Ids(np.array([3, 64, 999])), [3, 64, 999]),
        (Hashed(purpose=5, below=1 << 64), range(1000)),
        (Range(5, 5), []),
    ],
)
def test_selected_rows(rows: Any, ids: Any) -> None:
    answer = ask(random_blocks(), Query(IdSum(), rows=rows))
    assert answer[:2].tolist() == [len(ids), sum(ids)]


def test_a_block_without_a_selected_row_is_not_read() -> None:
    read: list[int] = []

    class Watched(ArrayBlocks):
        def block(self, number: int) -> Block:
            read.append(number)
            return super().block(number)

    plain = random_blocks()
    ask(Watched(plain.X, plain.y), Query(IdSum(), rows=Ids(np.array([70, 700]))))
    assert read == [1, 10]


def test_dropped_rows_stay_away() -> None:
    keep = np.arange(1000) % 3 > 0
    blocks = replace(random_blocks(), keep=keep)
    assert ask(blocks, Query(IdSum())).tolist() == [keep.sum(), np.flatnonzero(keep).sum(), 1]
    answer = ask(blocks, Query(IdSum(), rows=Range(60, 66)))
    assert answer.tolist() == [4, 61 + 62 + 64 + 65, 61]


@dataclass(frozen=True)
class First:
    def __call__(self, block: Block, /) -> Mapping[str, Array]:
        return {"v": block.X[:, 0].copy()}


@dataclass(frozen=True)
class Doubled:
    times: int = 1

    def __call__(self, block: Block, /) -> Mapping[str, Array]:
        return {"v": block.extra["c/v"] * 2.0**self.times}


@dataclass(frozen=True)
class FirstDoubled:
    times: int

    def __call__(self, block: Block, /) -> Mapping[str, Array]:
        return {"v": block.X[:, 0] * 2.0**self.times}


def test_a_carry_steps_from_the_last_version_and_is_rebuilt_otherwise() -> None:
    engine, seen = SerialEngine(), Seen()
    data = {"train": engine.open(random_blocks())}
    answers = []
    for version in (0, 1, 3):
        carry = Carry("c", version, FirstDoubled(version), Doubled())
        answers.append(engine.fold(data, Query(LastColumn(), (carry,)), emit=seen))
    assert [event.rebuilt for event in seen.of(CarryBuilt)] == [True] * 16 + [False] * 16 + [True] * 16
    assert answers[1][0] == 2 * answers[0][0]
    assert answers[2][0] == 8 * answers[0][0]


def test_carried_columns_belong_to_all_rows_of_a_block() -> None:
    engine = SerialEngine()
    data = {"train": engine.open(random_blocks())}
    carry = Carry("c", 0, First(), Doubled())
    some = engine.fold(data, Query(LastColumn(), (carry,), rows=Range(0, 10)), emit=ignore)
    assert some[-1] == 10
    step = Carry("c", 1, FirstDoubled(1), Doubled())
    stepped = engine.fold(data, Query(LastColumn(), (step,)), emit=ignore)
    assert stepped.tobytes() == ask(random_blocks(), Query(LastColumn(), (step,))).tobytes()


def test_empty_data_with_a_carry() -> None:
    carry = Carry("c", 0, First(), Doubled())
    assert ask(random_blocks(n=0), Query(LastColumn(), (carry,))).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("runs", [1, 3, 16, 20])
def test_runs_walk_contiguous_blocks(runs: int) -> None:
    blocks = random_blocks()
    leaves = []
    for run in range(runs):
        span = range(run * 16 // runs, (run + 1) * 16 // runs)
        if span:
            rows = blocks.X[span.start * 64 : span.stop * 64]
            leaves.append((run, Walk().of(Block(rows, None, None, span.start * 64))))
    if runs == len(leaves):
        expected = by_hand(Walk(), [answer for _, answer in leaves])
        assert ask(blocks, Query(Walk(), runs=runs)).tobytes() == expected.tobytes()
    assert ask(blocks, Query(Walk(), runs=runs))[1] == 1000


def test_runs_need_a_statistic_that_walks() -> None:
    with pytest.raises(TypeError, match="FloatSum"):
        ask(random_blocks(), Query(FloatSum(), runs=2))


def test_a_spread_answer_is_finished_by_parts() -> None:
    blocks = random_blocks()
    assert ask(blocks, Query(SpreadSum())).tobytes() == ask(blocks, Query(FloatSum())).tobytes()


@dataclass(frozen=True)
class Halved:
    def __call__(self, block: Block, /) -> Block:
        return replace(block, X=block.X / 2)


def test_refine_rewrites_what_is_read() -> None:
    engine = SerialEngine()
    plain = engine.open(random_blocks())
    fine = engine.refine(plain, Halved())
    assert fine.key != plain.key
    answer = engine.fold({"train": fine}, Query(FloatSum()), emit=ignore)
    assert (answer[:-1] * 2).tobytes() == ask(random_blocks(), Query(FloatSum()))[:-1].tobytes()
    streamed = np.concatenate([block.X for block in engine.stream(fine, Halved(), emit=ignore)])
    assert streamed.tobytes() == (random_blocks().X / 4).tobytes()


def test_events_tell_the_pass() -> None:
    seen = Seen()
    ask(random_blocks(at=(0, 10)), Query(IdSum()), emit=seen)
    assert seen.of(PassStarted) == [PassStarted(16, 1000, "train")]
    assert seen.of(PieceFinished) == [PieceFinished(0, 10, 640), PieceFinished(10, 16, 360)]
    assert seen.of(PassFinished) == [PassFinished("train")]


def test_it_is_one_worker_without_a_limit() -> None:
    engine = SerialEngine()
    assert (engine.name, engine.workers, engine.memory) == ("serial", 1, None)
