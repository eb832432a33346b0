"""A worker that is asked for one piece after another reads on where it stands, and reads nothing twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import shardlearn
from shardlearn.core.events import Timed, ignore
from shardlearn.core.query import Query
from shardlearn.core.tree import Tree
from shardlearn.data import lay_out
from shardlearn.engines.plan import Demand
from shardlearn.engines.pool import PoolEngine
from shardlearn.engines.spread import Spread
from shardlearn.engines.work import FoldTask, RunTask
from shardlearn.statistics.gram import Gram

ROWS, WIDTH = 6_000, 3


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Row groups that end within blocks."""
    draw = np.random.default_rng(0)
    table = pa.table({name: draw.standard_normal(ROWS) for name in ("y", "a", "b", "c")})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=500)
    return str(tmp_path / "rows.parquet")


@pytest.fixture
def worker() -> Iterator[PoolEngine]:
    with shardlearn.engine("threads", workers=1) as engine:
        assert isinstance(engine, PoolEngine)
        yield engine


def opened(worker: PoolEngine, file: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[Sequence[int]]]:
    """The data in blocks of 64 rows, and which blocks each reader that is opened is to read."""
    monkeypatch.setattr("shardlearn.core.grid.TARGET_BYTES", 64 * WIDTH * 8)
    data = worker.open(lay_out(file, "y").blocks)
    readers: list[Sequence[int]] = []
    read = type(data.blocks).read

    def counted(blocks: Any, numbers: Sequence[int], /, *, emit: Any) -> Any:
        readers.append(list(numbers))
        return read(blocks, numbers, emit=emit)

    monkeypatch.setattr(type(data.blocks), "read", counted)
    return data, readers


def asked(data: Any, runs: int | None = None) -> tuple[Query[Any], list[tuple[int, int]], tuple[int, ...]]:
    """A question, its pieces for two workers, and where their shares end."""
    query = Query(Gram(WIDTH, 1), runs=runs)
    demand = Demand(data.grid.blocks, data.blocks.cuts(), data.blocks.footprint(), 2, 100)
    if runs is None:
        plan = Spread().fold(demand, None)
    else:
        edges = [i * len(data.grid.blocks) // runs for i in range(runs + 1)]
        plan = Spread().runs(demand, [range(*edge) for edge in pairwise(edges)], None)
    return query, sorted(plan.pieces), plan.ends


@pytest.mark.parametrize("runs", [None, 40])
@pytest.mark.parametrize("taken", [False, True])
def test_each_share_is_read_once(
    worker: PoolEngine, file: str, monkeypatch: pytest.MonkeyPatch, runs: int | None, taken: bool
) -> None:
    """Also where somebody else has taken a piece: the next one is begun anew."""
    data, readers = opened(worker, file, monkeypatch)
    query, pieces, ends = asked(data, runs)
    assert len(pieces) > 8
    assert len(ends) == 2
    last = runs or len(data.grid.blocks)
    tree: Tree[Any] = Tree(query.measure.merge, 0, last)
    order = [*pieces[:2], *pieces[3:], pieces[2]] if taken else pieces
    told = 0
    for piece in order:
        said: list[Any] = []
        make = FoldTask if runs is None else RunTask
        tree.add(worker.answer(make(data, query, piece, ends=ends), said.append, lambda: False))
        told += any(isinstance(event, Timed) and event.phase == "decode" for event in said)
    assert told > 4  # whoever reads on is told, not only who opened the reader
    assert len(readers) == (4 if taken else 2)
    wanted = worker.fold({"train": data}, query, emit=ignore)
    for field, got in zip(wanted, tree.root(), strict=True):
        np.testing.assert_array_equal(field, got)


def test_without_shares_each_piece_is_read_by_itself(
    worker: PoolEngine, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, readers = opened(worker, file, monkeypatch)
    query, pieces, _ = asked(data)
    for piece in pieces:
        worker.answer(FoldTask(data, query, piece), ignore, lambda: False)
    assert len(readers) >= len(pieces)


def test_what_was_left_open_is_closed_for_other_work(
    worker: PoolEngine, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, readers = opened(worker, file, monkeypatch)
    query, pieces, ends = asked(data)
    pool: Any = worker.pool
    for keep, more in ((data.key, 0), (data.key + 1, 1), (None, 1)):
        worker.answer(FoldTask(data, query, pieces[0], ends=ends), ignore, lambda: False)
        pool.place.only(keep)
        count = len(readers)
        worker.answer(FoldTask(data, query, pieces[1], ends=ends), ignore, lambda: False)
        assert len(readers) == count + more
        pool.place.only(None)
        pool.place.shelf(data).forget()
