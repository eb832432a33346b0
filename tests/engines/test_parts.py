"""Rows in memory go to workers in parts, each once, when somebody is to work with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from tests.engines.conformance import equal
from tests.engines.fakes import FloatSum, IdSum, random_blocks
from tests.engines.test_conformance import reference
from tests.engines.test_shipping import Store, done

import shardlearn
from shardlearn.core.block import Block
from shardlearn.core.engine import Held, Sharded
from shardlearn.core.events import ignore
from shardlearn.core.matrix import Csr, raw
from shardlearn.core.query import Query
from shardlearn.core.tree import Tree
from shardlearn.data import lay_out
from shardlearn.data.spec import Spec
from shardlearn.engines import parts
from shardlearn.engines.parts import Parted, part_size, parts_of
from shardlearn.engines.rounds import Done
from shardlearn.engines.shipping import Shipper
from shardlearn.engines.work import FoldTask
from shardlearn.engines.worker import Worker

N = 1_000


def matrices() -> dict[str, Any]:
    draw = np.random.default_rng(0)
    X = draw.standard_normal((N, 80)) * (draw.random((N, 80)) < 0.4)
    return {
        "rows": X,
        "columns": np.asfortranarray(X),
        "float32": X.astype(np.float32),
        "every other": np.repeat(X, 2, axis=1)[:, ::2],
        "integers": (8 * X).astype(np.int16),
        "sparse": scipy.sparse.csr_matrix(X),
        "missing": np.where(X > 2, np.nan, X),
    }


def frame() -> Any:
    """With a text column as the target, integers, and holes."""
    draw = np.random.default_rng(0)
    columns = {f"x{i}": draw.standard_normal(N) for i in range(80)} | {"whole": draw.integers(0, 9, N)}
    columns["x3"] = np.where(columns["x3"] > 2, np.nan, columns["x3"])
    return pd.DataFrame(columns | {"unused": ["-"] * N, "label": [str(i) for i in draw.integers(0, 3, N)]})


def laid(name: str, first: int = 0) -> Any:
    if name == "frame":
        data = shardlearn.read(frame(), drop_columns=["unused"], missing="drop")
        return lay_out(data, "label", "whole", Spec(first=first)).blocks
    draw = np.random.default_rng(1)
    y, weight = draw.standard_normal(N), draw.random(N)
    X = matrices()[name]
    spec = Spec(first=first, missing="drop" if name == "missing" else None)
    out = lay_out(X, None if name == "float32" else y, weight if name == "columns" else None, spec).blocks
    assert isinstance(out, Held)
    return out


def same(one: Block, other: Block) -> bool:
    pairs = [(one.y, other.y), (one.weight, other.weight), (one.row_ids(), other.row_ids())]
    if isinstance(one.X, Csr):
        assert isinstance(other.X, Csr)
        inside, outside = (slice(X.indptr[0], X.indptr[-1]) for X in (one.X, other.X))
        pairs += [(one.X.data[inside], other.X.data[outside]), (one.X.indices[inside], other.X.indices[outside])]
        pairs.append((np.diff(one.X.indptr), np.diff(other.X.indptr)))
    else:
        pairs.append((one.X, raw(other.X).data))
    return all((a is None) == (b is None) and (a is None or equal(a, b)) for a, b in pairs)


@pytest.mark.parametrize("first", [0, 70])
@pytest.mark.parametrize("name", [*matrices(), "frame"])
def test_a_part_has_the_same_blocks(name: str, first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shardlearn.core.grid.TARGET_BYTES", 64 * 80 * 8)
    blocks = laid(name, first)
    numbers = blocks.grid.blocks
    assert len(numbers) > 5
    whole = dict(blocks.read(numbers, emit=ignore))
    for span in (range(numbers.start, numbers.start + 2), numbers[3:5], numbers[-2:], numbers):
        some = blocks.part(span)
        assert some.grid.blocks == span
        assert some.held() <= blocks.held()
        for number, block in some.read(span, emit=ignore):
            assert same(block, whole[number])
    assert blocks.part(numbers[3:4]).held() < blocks.held() / 5


def test_sizes() -> None:
    assert part_size(random_blocks()) is None, "a source that can't be parted"
    few = lay_out(np.zeros((N, 80))).blocks
    assert part_size(few) is None
    many = lay_out(np.broadcast_to(np.zeros(1), (5_000_000, 40))).blocks  # 1.6 GB, if it were real
    assert part_size(many) == 8
    assert parts_of(range(7, 17), 8) == range(3)
    assert parts_of(range(8, 8), 8) == range(0)
    huge = lay_out(np.broadcast_to(np.zeros(1), (10**9, 40))).blocks
    size = part_size(huge)
    assert size is not None
    assert len(parts_of(huge.grid.blocks, size)) <= 2 * parts.MOST


@pytest.mark.parametrize("name", ["rows", "columns", "sparse", "frame"])
def test_workers_get_what_they_work_with(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shardlearn.core.grid.TARGET_BYTES", 64 * 80 * 8)
    monkeypatch.setattr(parts, "PART", 50_000)
    store, blocks = Store(), laid(name)
    shipper, workers = Shipper(store.put), [Worker(1, "here", store.get) for _ in range(2)]
    size = part_size(blocks)
    assert size is not None
    whole, middle = len(blocks.grid.blocks), len(blocks.grid.blocks) // 2
    exact = name in ("sparse", "frame")
    data, query = Sharded(1, blocks), Query(IdSum() if exact else FloatSum(80))
    tree = Tree(query.measure.merge, 0, whole)
    for worker, piece in zip(workers, ((0, middle), (middle, whole)), strict=True):
        before = len(store.held)
        end = done(worker, shipper, FoldTask(data, query, piece), piece)
        assert isinstance(end, Done)
        added = len(store.held) - before
        assert added <= len(parts_of(range(*piece), size)) + (not before), "no more than this piece needs"
        assert added >= 2
        if not exact:
            tree.add(end.answer)  # type: ignore[arg-type]  # nodes
    if not exact:
        assert equal(tree.root(), reference(blocks, query))
    assert len(store.fetched) == len(store.held) + 1 + (middle % size > 0), "each part once, by who needs it"
    done(workers[0], shipper, FoldTask(data, query, (0, middle)), (0, middle))
    assert len(store.fetched) == len(store.held) + 1 + (middle % size > 0), "and never again"
    for side in (shipper, *workers):
        side.hand_over(1, 2)
    refined = Sharded(2, blocks)
    done(workers[0], shipper, FoldTask(refined, query, (0, middle)), (0, middle))
    assert len(store.fetched) == len(store.held) + 1 + (middle % size > 0)
    assert isinstance(workers[0].data["blocks 2"], Parted)
    for side in (shipper, *workers):
        side.forget(2)
    assert workers[0].data == {}


def test_what_lies_in_files_goes_by_its_description(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": np.arange(N) / 7}), tmp_path / "a.parquet")
    assert part_size(lay_out(str(tmp_path / "a.parquet")).blocks) is None
