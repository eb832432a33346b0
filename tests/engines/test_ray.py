"""Law 8 on Ray: equals serial under every failure script, for every query, through deaths."""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from socket import gethostname
from time import monotonic, sleep
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import pytest
from tests.engines.conformance import DEADLY, SCRIPTS, ScriptedBlocks, equal
from tests.engines.crew import crew, kill, pid, ray_engine, until_replaced
from tests.engines.fakes import ArrayBlocks, FloatSum, IdSum, Seen, random_blocks
from tests.engines.test_conformance import QUERIES, carries, reference
from tests.engines.test_serial import Halved
from tests.engines.test_threads import in_a_forked_child

from shardlearn.core.block import Block
from shardlearn.core.errors import EngineError
from shardlearn.core.events import Event, PieceFinished, PieceRetried, Timed, ignore
from shardlearn.core.query import Query
from shardlearn.engines.serial import SerialEngine


@pytest.fixture(autouse=True)
def _cluster(ray_cluster: None) -> None:
    """There is one."""


@pytest.mark.parametrize("name", [*SCRIPTS, *DEADLY])
def test_every_script(name: str, tmp_path: Path) -> None:
    inner = random_blocks(at=(0, 4, 5, 13), resident=False, reader=100)
    blocks = ScriptedBlocks(inner, (SCRIPTS | DEADLY)[name], str(tmp_path))
    engine, seen = ray_engine(deadline=1.0, attempts=50), Seen()
    answer = engine.fold({"train": engine.open(blocks)}, Query(FloatSum()), emit=seen)
    assert equal(answer, reference(inner, Query(FloatSum())))
    assert blocks.fired_all()
    assert bool(seen.of(PieceRetried)) == (name != "nothing")


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("name", QUERIES)
def test_every_query(name: str, workers: int) -> None:
    engine = ray_engine(workers)
    for blocks in (random_blocks(resident=False, at=(0, 6, 9), first=320), random_blocks()):
        with_engine = engine.open(blocks)
        for _ in range(2):  # the second time blocks are cached
            answer = engine.fold({"train": with_engine}, QUERIES[name], emit=ignore)
            assert equal(answer, reference(blocks, QUERIES[name]))
        engine.close(with_engine)
    assert engine.room.idle


def test_no_rows() -> None:
    engine, blocks = ray_engine(), random_blocks(n=0)
    answer = engine.fold({"train": engine.open(blocks)}, Query(IdSum()), emit=ignore)
    assert equal(answer, reference(blocks, Query(IdSum())))


def test_carried_columns_survive_the_death_of_workers() -> None:
    blocks = random_blocks(resident=False)
    serial, engine = SerialEngine(), ray_engine()
    data = {"serial": serial.open(blocks), "ray": engine.open(blocks)}
    for i, query in enumerate(carries([0, 1, 2, 3])):
        expected = serial.fold({"train": data["serial"]}, query, emit=ignore)
        assert equal(engine.fold({"train": data["ray"]}, query, emit=ignore), expected)
        kill(i % 2)


def test_a_death_is_told_in_words(tmp_path: Path) -> None:
    blocks, engine, seen = ScriptedBlocks(random_blocks(), {3: ["die"]}, str(tmp_path)), ray_engine(1), Seen()
    before = pid(0)
    engine.fold({"train": engine.open(blocks)}, Query(FloatSum()), emit=seen)
    [retried] = seen.of(PieceRetried)
    assert retried.why == f"attempt 1: worker 0 (process {before} on {gethostname()}) died"


def test_a_shard_that_kills_its_worker_is_named_after_four_attempts(tmp_path: Path) -> None:
    inner = random_blocks(at=(0, 8, 12), first=64, file="shard.parquet")
    blocks = ScriptedBlocks(inner, {12: ["die"] * 9}, str(tmp_path))
    engine = ray_engine()
    with pytest.raises(EngineError) as caught:
        engine.fold({"train": engine.open(blocks)}, Query(FloatSum()), emit=ignore)
    assert blocks.readings(12) == 4
    assert caught.value.code == "SL4001"
    assert caught.value.where == "shard.parquet, rows 704 to 999 (blocks 12 to 16)"
    assert caught.value.found.count("died") == 4


def test_an_error_of_data_reaches_the_caller_as_raised(tmp_path: Path) -> None:
    blocks = ScriptedBlocks(random_blocks(), {3: ["raise"], 12: ["raise"]}, str(tmp_path), error=ValueError)
    engine, seen = ray_engine(), Seen()
    with pytest.raises(ValueError, match="block 3, reading 1") as caught:
        engine.fold({"train": engine.open(blocks)}, Query(FloatSum()), emit=seen)
    assert not seen.of(PieceRetried)
    assert "conformance.py" in caught.value.__notes__[0]


def test_streams(tmp_path: Path) -> None:
    inner = random_blocks(resident=False, at=(0, 5))
    engine = ray_engine()
    blocks = ScriptedBlocks(inner, {2: ["raise"], 9: ["die"]}, str(tmp_path))
    streamed = [block.X for block in engine.stream(engine.open(blocks), Halved(), emit=ignore)]
    assert np.concatenate(streamed).tobytes() == (inner.X / 2).tobytes()
    assert blocks.fired_all()


def test_refined_data() -> None:
    engine, serial = ray_engine(), SerialEngine()
    blocks: ArrayBlocks = random_blocks(resident=False)
    answers = []
    for one in (engine, serial):
        plain = one.open(blocks)
        one.fold({"train": plain}, Query(IdSum()), emit=ignore)
        fine = one.refine(plain, Halved())
        answers.append(one.fold({"train": fine}, Query(FloatSum()), emit=ignore))
        one.close(fine)
    assert equal(*answers)


def test_blocks_stay_with_the_worker_that_read_them(tmp_path: Path) -> None:
    blocks = ScriptedBlocks(random_blocks(resident=False), {}, str(tmp_path))
    engine, seen = ray_engine(), Seen()
    data = {"train": engine.open(blocks)}
    for _ in range(3):
        engine.fold(data, Query(FloatSum()), emit=seen)
    assert [blocks.readings(number) for number in blocks.grid.blocks] == [1] * 16
    assert {event.phase for event in seen.of(Timed)} >= {"compute", "merge"}


@pytest.mark.parametrize("speeds", [{0: 9.0, 1: 1.0}, {0: 1.0, 1: 99.0}, {0: 1e9, 1: 1.0}])
@pytest.mark.parametrize("name", ["floats", "runs", "ids"])
def test_shares_do_not_show_in_the_bits(name: str, speeds: dict[int, float]) -> None:
    engine: Any = ray_engine()
    data = {"train": engine.open(random_blocks())}
    engine.pool.shares.speeds = speeds
    assert equal(engine.fold(data, QUERIES[name], emit=ignore), reference(random_blocks(), QUERIES[name]))
    whole = sum(speeds.values())
    assert engine.pool.shares.now.weights == tuple(speed / whole for speed in speeds.values())


def test_workers_are_under_the_limit_too(tmp_path: Path) -> None:
    """What there is no room for is read again."""
    blocks = ScriptedBlocks(random_blocks(resident=False), {}, str(tmp_path))
    engine = ray_engine(memory=4 * blocks.footprint().block + 1_000)
    data = {"train": engine.open(blocks)}
    for _ in range(3):
        engine.fold(data, Query(FloatSum()), emit=ignore)
    readings = [blocks.readings(number) for number in blocks.grid.blocks]
    assert max(readings) == 3
    assert min(readings) == 1


def test_a_worker_that_stands_still_is_not_waited_for() -> None:
    """SIGSTOP: another does its range, its own process is ended, and a new one takes its place."""
    engine, seen = ray_engine(2, backup_after=3.0, backup_floor=0.2), Seen()
    data, before, slot = {"train": engine.open(random_blocks())}, pid(0), crew().slots[0]
    engine.fold(data, Query(FloatSum()), emit=ignore)
    os.kill(before, signal.SIGSTOP)
    began = monotonic()
    assert equal(engine.fold(data, Query(FloatSum()), emit=seen), reference(random_blocks(), Query(FloatSum())))
    assert monotonic() - began < 5
    assert [retried.why.split(":")[0] for retried in seen.of(PieceRetried)] == ["backup"]
    assert Path(f"/proc/{before}/stat").read_text().split()[2] == "T"
    while slot.hello is not None:
        assert monotonic() - began < 10
        sleep(0.01)
    os.kill(before, signal.SIGCONT)  # or it would be Ray that ends it, five seconds later
    until_replaced(0, before)


def test_a_pass_that_is_given_up_leaves_workers_free(tmp_path: Path) -> None:
    """As after Ctrl-C: whoever hangs has noticed when the error is there."""
    blocks = ScriptedBlocks(random_blocks(), {12: ["hang"]}, str(tmp_path))
    engine = ray_engine()

    def interrupted(event: Event) -> None:
        if isinstance(event, PieceFinished):
            raise KeyboardInterrupt

    before = [pid(0), pid(1)]
    with pytest.raises(KeyboardInterrupt):
        engine.fold({"train": engine.open(blocks)}, Query(FloatSum()), emit=interrupted)
    assert all(slot.job is None for slot in crew().slots)
    answer = engine.fold({"train": engine.open(random_blocks())}, Query(FloatSum()), emit=ignore)
    assert equal(answer, reference(random_blocks(), Query(FloatSum())))
    assert [pid(0), pid(1)] == before


class Sealed:
    """An answer that can't be loaded."""

    def __reduce__(self) -> Any:
        return unseal, ()


def unseal() -> None:
    raise ValueError("sealed")


@dataclass(frozen=True)
class SealedSum(FloatSum):
    def of(self, block: Block, /) -> Any:
        return Sealed()

    def merge(self, left: Any, right: Any, /) -> Any:
        return left


def test_what_goes_wrong_here_is_raised_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the thread that reads answers: it must not leave everybody waiting."""
    engine = ray_engine()
    data = {"train": engine.open(random_blocks())}
    with pytest.raises(ValueError, match="sealed"):
        engine.fold(data, Query(SealedSum()), emit=ignore)
    with monkeypatch.context() as patched:
        patched.setattr(crew(), "_look_at_clock", lambda _: 1 / 0)  # after each answer
        with pytest.raises(ZeroDivisionError):
            engine.fold(data, Query(FloatSum()), emit=ignore)
    assert equal(engine.fold(data, Query(FloatSum()), emit=ignore), reference(random_blocks(), Query(FloatSum())))


def test_two_fits_at_once() -> None:
    def fold(seed: int) -> bool:
        blocks, engine = random_blocks(seed), ray_engine()
        data = {"train": engine.open(blocks)}
        expected = reference(blocks, Query(FloatSum()))
        return all(equal(engine.fold(data, Query(FloatSum()), emit=ignore), expected) for _ in range(5))

    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(fold, range(3)))


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # it has threads, and is forked: on purpose
def test_a_forked_child_is_told_so() -> None:
    def refused() -> bool:
        engine = ray_engine()
        with pytest.raises(EngineError, match="A forked process can't use the Ray connection"):
            engine.fold({"train": engine.open(random_blocks())}, Query(FloatSum()), emit=ignore)
        return True

    assert in_a_forked_child(refused)


def less(block: Block) -> Block:
    return block.take(np.arange(min(block.n, 1)))


def test_a_transform_that_workers_do_not_have_travels_with_the_task() -> None:
    """As one that stands in a script does; of a module that they can't import they say so."""
    engine, blocks = ray_engine(), random_blocks()
    module: Any = ModuleType("only_here")
    module.less = FunctionType(less.__code__, {"np": np, "__name__": "only_here"}, "less")
    streamed = list(engine.stream(engine.open(blocks), module.less, emit=ignore))
    assert [block.n for block in streamed] == [1] * 16
    sys.modules["only_here"] = module
    try:
        with pytest.raises(ModuleNotFoundError, match="only_here") as caught:
            list(engine.stream(engine.open(blocks), module.less, emit=ignore))
    finally:
        del sys.modules["only_here"]
    assert "On a worker" in caught.value.__notes__[0]
