"""The survey is exact: the same answer for any cut and order, and none of an empty block."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardlearn.core.block import Block, Dropped
from shardlearn.core.matrix import Csr, to_dense
from shardlearn.statistics.survey import MOST_FLAGS, NEVER, Bad, Findings, Survey


@dataclass(frozen=True)
class Shape:
    n_features: int = 3
    file_starts: tuple[int, ...] = (0, 5, 6, 15)


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, Findings | Bad):
        return all(equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    return np.asarray(one).tobytes() == np.asarray(other).tobytes()


def rows(seed: int) -> Block:
    random = np.random.default_rng(seed)
    n = int(random.integers(0, 21))
    values = [0.0, -0.0, 1.0, -2.0, np.nan, np.inf, -np.inf]
    X, y, weight = (random.choice(values, shape) for shape in ((n, 3), n, n))
    return Block(X, y, weight, 0)


@given(st.integers(0), st.integers(0, 20), st.integers(0, 20), st.booleans())
def test_any_cut_and_order(seed: int, one: int, other: int, turned: bool) -> None:
    block = rows(seed)
    survey = Survey(Shape())
    low, high = sorted((min(one, block.n), min(other, block.n)))
    parts = [survey.of(block.slice(a, b)) for a, b in ((0, low), (low, high), (high, block.n))]
    whole = survey.of(block)
    if turned:
        parts.reverse()
    assert equal(survey.merge(survey.merge(parts[0], parts[1]), parts[2]), whole)
    assert equal(survey.merge(parts[0], survey.merge(parts[1], parts[2])), whole)


@given(st.integers(0))
def test_counts_are_those_of_numpy(seed: int) -> None:
    block = rows(seed)
    found = Survey(Shape()).of(block)
    X = to_dense(block.X)
    for bad, test in ((found.missing, np.isnan), (found.infinite, np.isinf)):
        assert bad.count.tolist() == test(X).sum(axis=0).tolist()
        for j in range(3):
            at = np.flatnonzero(test(X[:, j]))
            assert bad.first[j] == (at[0] if len(at) else NEVER)
            files = np.unique(np.searchsorted(Shape().file_starts, at, side="right") - 1)
            assert np.flatnonzero(bad.files[j]).tolist() == files.tolist()
    assert block.weight is not None
    assert found.weight_positive == (block.weight > 0).sum()
    assert found.weight_negative.count[0] == (block.weight < 0).sum()
    assert found.rows == block.n


def test_ids_of_blocks_with_dropped_rows() -> None:
    ids = np.array([100, 103])
    block = Block(np.array([[0.0], [np.inf]]), None, None, 96, ids, dropped=Dropped(5, np.array([5])))
    found = Survey(Shape(1, ())).of(block)
    assert found.infinite.first.tolist() == [103]
    assert (found.rows, found.dropped, found.dropped_by.tolist()) == (2, 5, [5])
    merged = Survey(Shape(1, ())).merge(found, found)
    assert (merged.dropped, merged.dropped_by.tolist()) == (10, [10])


def test_sparse_rows() -> None:
    X = Csr(np.array([np.nan, 1.0, np.inf]), np.array([2, 0, 2], np.int32), np.array([0, 1, 2, 3]), 3)
    found = Survey(Shape()).of(Block(X, None, None, 4))
    assert found.missing.count.tolist() == [0, 0, 1]
    assert found.missing.files[2].tolist() == [True, False, False, False]
    assert found.infinite.files[2].tolist() == [False, False, True, False]


@pytest.mark.parametrize("y", [np.array(["a"]), np.array([True]), np.array([3]), np.array([[1.0, np.nan]])])
def test_kinds_of_y(y: Any) -> None:
    found = Survey(Shape()).of(Block(np.zeros((1, 3)), y, None, 0))
    assert found.y_missing.count.tolist() == [int(y.ndim == 2)]
    assert found.y_least == (3 if y.dtype == np.int64 else np.inf) or y.ndim == 2
    assert found.weight_positive == 1


def test_range_of_y() -> None:
    survey = Survey(Shape())
    one = survey.of(Block(np.zeros((2, 3)), np.array([3, -4]), None, 0))
    other = survey.of(Block(np.zeros((1, 3)), np.array([9]), None, 2))
    found = survey.merge(one, other)
    assert (found.y_least, found.y_largest) == (-4, 9)


def test_files_are_counted_up_to_a_limit() -> None:
    many = Survey(Shape(3, tuple(range(MOST_FLAGS))))
    found = many.of(Block(np.full((1, 3), np.nan), None, None, 0))
    assert found.missing.files.shape == (3, 0)
    assert many.bytes() < 1000


def test_bytes_bound_the_answer() -> None:
    survey = Survey(Shape())
    answer = survey.of(Block(np.full((1, 3), np.nan), np.array([1.0]), np.array([1.0]), 0))
    arrays = [getattr(answer, f.name) for f in fields(answer)]
    held = sum(sum(getattr(b, g.name).nbytes for g in fields(b)) for b in arrays if isinstance(b, Bad))
    assert held <= survey.bytes()
    assert pickle.loads(pickle.dumps(survey)).of(Block(np.zeros((0, 3)), None, None, 0)).rows == 0
