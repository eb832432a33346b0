"""Blocks: rows stay together, ids stay with their rows."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from shardlearn.core.block import Block, Dropped, join
from shardlearn.core.matrix import Csr, to_dense


def block(n: int = 6, start: int = 10, **parts: Any) -> Block:
    return Block(np.arange(2.0 * n).reshape(n, 2), np.arange(float(n)), np.ones(n), start, **parts)


def test_ids_of_a_whole_block() -> None:
    assert block().row_ids().tolist() == [10, 11, 12, 13, 14, 15]
    assert (block().n, block().p) == (6, 2)


def test_take_keeps_ids_with_rows() -> None:
    some = block(extra={"c/v": np.arange(6)}).take(np.array([1, 4]))
    assert some.row_ids().tolist() == [11, 14]
    assert some.X.tolist() == [[2, 3], [8, 9]]
    assert some.y is not None
    assert some.y.tolist() == [1, 4]
    assert some.extra["c/v"].tolist() == [1, 4]
    assert some.take(np.array([1])).row_ids().tolist() == [14]


def test_slices_share_memory() -> None:
    whole = block()
    part = whole.slice(2, 5)
    assert part.row_ids().tolist() == [12, 13, 14]
    assert np.shares_memory(part.X, whole.X)
    chosen = whole.take(np.array([0, 3, 5])).slice(1, 3)
    assert chosen.row_ids().tolist() == [13, 15]


def test_target_and_weight_may_be_absent() -> None:
    bare = Block(np.zeros((3, 1)), None, None, 0)
    assert bare.take(np.array([0])).y is None
    assert bare.slice(0, 1).weight is None
    assert bare.nbytes == 24
    assert block().nbytes == 6 * 8 * 4


def test_columns_of_a_carry_replace_its_own_only() -> None:
    one = block(extra={"a/x": np.zeros(6), "b/x": np.ones(6)}).with_extra("a", {"y": np.full(6, 2.0)})
    assert sorted(one.extra) == ["a/y", "b/x"]


@pytest.mark.parametrize("cut", [0, 2, 6])
def test_join_undoes_slice(cut: int) -> None:
    whole = block(extra={"c/v": np.arange(6)})
    again = join(whole.slice(0, cut), whole.slice(cut, 6))
    assert again.ids is None
    assert again.row_ids().tolist() == whole.row_ids().tolist()
    assert again.X.tolist() == whole.X.tolist()
    assert again.extra["c/v"].tolist() == list(range(6))


def test_join_keeps_ids_and_counts_what_was_dropped() -> None:
    left = block(dropped=Dropped(2, np.array([2, 1])))
    right = block(start=20, dropped=Dropped(1, np.array([0, 1])))
    both = join(left, right)
    assert both.row_ids().tolist() == [*range(10, 16), *range(20, 26)]
    assert both.dropped is not None
    assert both.dropped.rows == 3
    assert both.dropped.columns.tolist() == [2, 2]
    assert join(block(), block(start=16)).dropped is None
    one_sided = join(block(), block(start=16, dropped=Dropped(1, np.array([1])))).dropped
    assert one_sided is not None
    assert one_sided.rows == 1


def test_join_of_sparse_blocks_without_target() -> None:
    X = Csr(np.array([1.0, 2.0]), np.array([0, 1], np.int32), np.array([0, 1, 2]), 2)
    both = join(Block(X, None, None, 0), Block(X, None, None, 2))
    assert both.y is None
    assert to_dense(both.X).tolist() == [[1, 0], [0, 2], [1, 0], [0, 2]]


def test_blocks_can_be_sent() -> None:
    again = pickle.loads(pickle.dumps(block()))
    assert again.row_ids().tolist() == block().row_ids().tolist()
