"""Law 8: every engine equals serial under every failure script. Law 2: and for any workers, order and cuts."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines.conformance import DEADLY, SCRIPTS, ScriptedBlocks, equal
from tests.engines.fakes import ArrayBlocks, FloatSum, IdSum, LastColumn, Seen, SpreadSum, Walk, random_blocks
from tests.engines.simulated_pool import SimulatedPool
from tests.engines.subprocess_pool import SubprocessPool, subprocess_engine
from tests.engines.test_serial import Doubled, FirstDoubled, Halved

from shardlearn.core.errors import EngineError
from shardlearn.core.events import AnswerDropped, PieceRetried, ignore
from shardlearn.core.query import Carry, Query
from shardlearn.core.rows import Hashed, Ids, Range
from shardlearn.engines.pool import PoolEngine
from shardlearn.engines.room import Room
from shardlearn.engines.rounds import Policy
from shardlearn.engines.serial import SerialEngine
from shardlearn.engines.threads import ThreadPool

QUERIES: dict[str, Query[Any]] = {
    "floats": Query(FloatSum()),
    "exact, in place": Query(IdSum()),
    "some rows": Query(FloatSum(), rows=Hashed(purpose=5, below=1 << 61)),
    "a range": Query(FloatSum(), rows=Range(300, 700)),
    "ids": Query(FloatSum(), rows=Ids(np.array([7, 300, 301, 999]))),
    "no row": Query(FloatSum(), rows=Ids(np.array([], np.int64))),
    "runs": Query(Walk(), runs=5),
    "long runs": Query(Walk(), runs=2),
    "more runs than blocks": Query(Walk(), runs=20),
    "parts": Query(SpreadSum()),
}


def threads(workers: int, memory: int | None = None, **policy: Any) -> PoolEngine:
    room = Room(memory)
    return PoolEngine("threads", ThreadPool(workers, room), room, Policy(**policy), poll=0.01, grace=1.0)


def reference(blocks: Any, query: Query[Any]) -> Any:
    engine = SerialEngine()
    return engine.fold({"train": engine.open(blocks)}, query, emit=ignore)


@pytest.fixture(scope="module")
def children() -> Iterator[SubprocessPool]:
    with SubprocessPool(2) as pool:
        yield pool


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("name", SCRIPTS)
def test_threads_under_every_script(name: str, resident: bool, tmp_path: Path) -> None:
    inner = random_blocks(at=(0, 4, 5, 13), resident=resident, reader=100)
    for kind, query in (("floats", Query(FloatSum())), ("exact", Query(IdSum()))):
        folder = tmp_path / kind
        folder.mkdir()
        blocks = ScriptedBlocks(inner, SCRIPTS[name], str(folder))
        engine, seen = threads(3, deadline=0.3, attempts=50), Seen()
        answer = engine.fold({"train": engine.open(blocks)}, query, emit=seen)
        blocks.release()
        assert equal(answer, reference(inner, query))
        assert blocks.fired_all()
        assert bool(seen.of(PieceRetried)) == bool(SCRIPTS[name])


@pytest.mark.parametrize("name", [*SCRIPTS, *DEADLY])
def test_processes_under_every_script(name: str, tmp_path: Path, children: SubprocessPool) -> None:
    inner = random_blocks(at=(0, 4, 5, 13), resident=False, reader=100)
    blocks = ScriptedBlocks(inner, (SCRIPTS | DEADLY)[name], str(tmp_path))
    engine = subprocess_engine(children, deadline=1.0, attempts=50)
    answer = engine.fold({"train": engine.open(blocks)}, Query(FloatSum()), emit=ignore)
    assert equal(answer, reference(inner, Query(FloatSum())))
    assert blocks.fired_all()


@pytest.mark.parametrize("name", QUERIES)
def test_processes_answer_every_query(name: str, children: SubprocessPool) -> None:
    engine = subprocess_engine(children)
    blocks = random_blocks(resident=False, at=(0, 6, 9))
    answer = engine.fold({"train": engine.open(blocks)}, QUERIES[name], emit=ignore)
    assert equal(answer, reference(blocks, QUERIES[name]))


@settings(max_examples=60)
@given(
    workers=st.sampled_from([1, 2, 3, 7]),
    n=st.integers(0, 1500),
    first=st.sampled_from([0, 64, 100, 5000]),
    cuts=st.none() | st.sets(st.integers(0, 110), max_size=12),
    resident=st.booleans(),
    memory=st.sampled_from([None, 40_000, 16_000]),
    drop=st.booleans(),
    query=st.sampled_from(list(QUERIES)),
)
def test_threads_answer_as_serial_does(
    workers: int,
    n: int,
    first: int,
    cuts: set[int] | None,
    resident: bool,
    memory: int | None,
    drop: bool,
    query: str,
) -> None:
    at = None if cuts is None else tuple(cuts)
    blocks = random_blocks(n=n, first=first, at=at, resident=resident, reader=3000)
    if drop:
        blocks = replace(blocks, keep=np.arange(n) % 7 != 3)
    engine = threads(workers, memory)
    with_engine = engine.open(blocks)
    for _ in range(2):  # the second time some blocks are cached
        answer = engine.fold({"train": with_engine}, QUERIES[query], emit=ignore)
        assert equal(answer, reference(blocks, QUERIES[query]))
    streamed = [block.X for block in engine.stream(with_engine, Halved(), emit=ignore)]
    expected = [block.X for block in SerialEngine().stream(with_engine, Halved(), emit=ignore)]
    assert [X.tobytes() for X in streamed] == [X.tobytes() for X in expected]
    assert not engine.room.reserved
    engine.close(with_engine)
    assert engine.room.idle


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), workers=st.sampled_from([1, 2, 3, 7]), query=st.sampled_from(list(QUERIES)))
def test_replies_may_be_repeated_late_and_out_of_order(seed: int, workers: int, query: str) -> None:
    blocks = random_blocks(at=(0, 3, 9))
    pool = SimulatedPool(workers, seed)
    engine = PoolEngine("simulated", pool, poll=0.001)
    assert equal(
        engine.fold({"train": engine.open(blocks)}, QUERIES[query], emit=ignore), reference(blocks, QUERIES[query])
    )


def test_repeated_replies_are_dropped_and_counted() -> None:
    seen, pool = Seen(), SimulatedPool(3, 1)
    engine = PoolEngine("simulated", pool, poll=0.001)
    answer = engine.fold({"train": engine.open(random_blocks())}, Query(IdSum()), emit=seen)
    assert answer[:2].tolist() == [1000, 1000 * 999 // 2]
    assert pool.repeated > 0
    assert seen.of(AnswerDropped)


def carries(versions: list[int]) -> list[Query[Any]]:
    return [Query(LastColumn(), (Carry("c", version, FirstDoubled(version), Doubled()),)) for version in versions]


@pytest.mark.parametrize("memory", [None, 9_000, 6_500])
def test_carried_columns_step_or_are_rebuilt(memory: int | None) -> None:
    """With room for all columns, for some, for none: the answers are the same."""
    blocks = random_blocks(resident=False)
    serial, engine = SerialEngine(), threads(2, memory)
    data = {"serial": serial.open(blocks), "threads": engine.open(blocks)}
    for query in carries([0, 1, 2, 5, 6]):
        expected = serial.fold({"train": data["serial"]}, query, emit=ignore)
        assert equal(engine.fold({"train": data["threads"]}, query, emit=ignore), expected)


def test_carried_columns_survive_the_death_of_workers(children: SubprocessPool) -> None:
    blocks = random_blocks(resident=False)
    serial, engine = SerialEngine(), subprocess_engine(children)
    data = {"serial": serial.open(blocks), "processes": engine.open(blocks)}
    for i, query in enumerate(carries([0, 1, 2, 3])):
        expected = serial.fold({"train": data["serial"]}, query, emit=ignore)
        assert equal(engine.fold({"train": data["processes"]}, query, emit=ignore), expected)
        children.kill(i)


def test_a_worker_may_be_killed_in_any_piece(children: SubprocessPool) -> None:
    blocks, engine = random_blocks(), subprocess_engine(children)
    expected, killed = reference(blocks, Query(FloatSum())), children.killed
    data = {"train": engine.open(blocks)}
    for round_ in range(2):
        children.kill_on = {(round_, first, attempt) for first in (0, 6, 14) for attempt in (1,)}
        assert equal(engine.fold(data, Query(FloatSum()), emit=ignore), expected)
    children.kill_on = set()
    assert children.killed - killed == 6


def test_workers_may_be_killed_at_any_moment(children: SubprocessPool) -> None:
    blocks, engine = random_blocks(n=4000, rows=64), subprocess_engine(children, attempts=50)
    expected, killed = reference(blocks, Query(FloatSum())), children.killed
    data, draw, pause = {"train": engine.open(blocks)}, random.Random(1), threading.Event()

    def shoot() -> None:
        for _ in range(4):
            pause.wait(draw.random() * 0.3)
            children.kill(draw.randrange(2))

    shooter = threading.Thread(target=shoot)
    shooter.start()
    while shooter.is_alive():
        assert equal(engine.fold(data, Query(FloatSum()), emit=ignore), expected)
    shooter.join()
    assert children.killed - killed == 4


def test_a_shard_that_kills_its_worker_is_named_after_four_attempts(tmp_path: Path, children: SubprocessPool) -> None:
    inner = random_blocks(at=(0, 8, 12), first=64, file="shard.parquet")
    blocks = ScriptedBlocks(inner, {8: ["die"] * 9}, str(tmp_path))
    engine = subprocess_engine(children)
    with pytest.raises(EngineError) as caught:
        engine.fold({"train": engine.open(blocks)}, Query(FloatSum()), emit=ignore)
    assert blocks.readings(8) == 4
    assert caught.value.code == "SL4001"
    assert caught.value.where == "shard.parquet, rows 448 to 575 (blocks 8 to 9)"
    assert caught.value.found.count("exit code 7") == 4


def test_streams_through_processes(children: SubprocessPool, tmp_path: Path) -> None:
    inner = random_blocks(resident=False, at=(0, 5))
    engine = subprocess_engine(children)
    blocks = ScriptedBlocks(inner, {2: ["raise"], 9: ["die"]}, str(tmp_path))
    streamed = [block.X for block in engine.stream(engine.open(blocks), Halved(), emit=ignore)]
    assert np.concatenate(streamed).tobytes() == (inner.X / 2).tobytes()
    assert blocks.fired_all()


def test_refined_data_in_processes(children: SubprocessPool) -> None:
    engine, serial = subprocess_engine(children), SerialEngine()
    blocks: ArrayBlocks = random_blocks(resident=False)
    with ExitStack() as stack:
        answers = []
        for one in (engine, serial):
            plain = one.open(blocks)
            one.fold({"train": plain}, Query(IdSum()), emit=ignore)
            fine = one.refine(plain, Halved())
            stack.callback(one.close, fine)
            answers.append(one.fold({"train": fine}, Query(FloatSum()), emit=ignore))
    assert equal(*answers)
