"""Selections of rows: a function of ids alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shardlearn.core import rng
from shardlearn.core.grid import Grid
from shardlearn.core.rng import Purpose
from shardlearn.core.rows import ALL, Hashed, Ids, Range, Shuffled, chosen, positions, share

GRID = Grid(10, 1010, 64)
IDS = np.arange(10, 1010)


def ids(rows: Any, grid: Grid = GRID) -> list[int]:
    out: list[int] = []
    for block in grid.blocks:
        some = chosen(rows, grid, block)
        out += range(*grid.span(block)) if some is None else some.tolist()
    return out


@pytest.mark.parametrize("first", [0, 10, 100])
@pytest.mark.parametrize("last", [10, 128, 900, 5000])
def test_ranges(first: int, last: int) -> None:
    assert ids(Range(first, last)) == [i for i in range(10, 1010) if first <= i < last]


def test_all_and_ids() -> None:
    assert ids(ALL) == list(range(10, 1010))
    assert ids(Ids(np.array([10, 63, 64, 1009]))) == [10, 63, 64, 1009]


def test_a_hashed_draw_takes_each_row_by_itself() -> None:
    draw = Hashed(Purpose.TEST, share(100, 1000), seed=3)
    taken = ids(draw)
    assert 70 < len(taken) < 130
    others = ids(Hashed(Purpose.TEST, share(100, 1000), seed=3, outside=True))
    assert sorted(taken + others) == list(range(10, 1010))
    elsewhere = ids(draw, Grid(500, 600, 64))
    assert elsewhere == [i for i in taken if 500 <= i < 600]


def test_a_hashed_draw_of_all() -> None:
    assert share(5, 3) == 1 << 64
    assert share(1, 0) == 1 << 64
    assert ids(Hashed(Purpose.TEST, share(3, 3))) == list(range(10, 1010))
    assert ids(Hashed(Purpose.TEST, share(3, 3), outside=True)) == []
    assert ids(Hashed(Purpose.TEST, 0)) == []


def test_an_epoch_visits_each_row_once() -> None:
    batches = [ids(Shuffled(Purpose.EPOCH, 2, at, at + 100, seed=1)) for at in range(0, 1000, 100)]
    assert all(len(batch) == 100 for batch in batches)
    assert sorted(i for batch in batches for i in batch) == list(range(10, 1010))
    assert batches[0] != ids(Shuffled(Purpose.EPOCH, 3, 0, 100, seed=1))


@pytest.mark.parametrize("n", [1, 2, 3, 17, 1000])
def test_permutations_are_permutations(n: int) -> None:
    at = rng.permuted(np.arange(n), n, 5, Purpose.EPOCH, 0)
    assert sorted(at.tolist()) == list(range(n))


def test_positions_leave_dropped_rows_out() -> None:
    assert positions(np.array([1, 4, 9]), np.array([0, 1, 5, 9])).tolist() == [1, 3]
    assert positions(np.array([7]), np.array([0, 1])).tolist() == []
    assert positions(np.array([7]), np.array([], np.int64)).tolist() == []


def test_philox_is_the_published_one() -> None:
    """Known answers of Random123 (kat_vectors, philox4x32 10)."""
    zero = rng.philox4x32(np.zeros((1, 4), np.uint32), (0, 0))
    assert [f"{word:08x}" for word in zero[0]] == ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]
    ones = rng.philox4x32(np.full((1, 4), 0xFFFFFFFF, np.uint32), (0xFFFFFFFF, 0xFFFFFFFF))
    assert [f"{word:08x}" for word in ones[0]] == ["408f276d", "41c83b0e", "a20bc7c6", "6d5451fd"]
    pi = np.array([[0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344]], np.uint32)
    words = rng.philox4x32(pi, (0xA4093822, 0x299F31D0))
    assert [f"{word:08x}" for word in words[0]] == ["d16cfe09", "94fdcceb", "5001e420", "24126ea1"]


def test_draws_are_keyed_by_name() -> None:
    words = rng.philox(1, Purpose.TEST, IDS)
    assert np.array_equal(words[5:9], rng.philox(1, Purpose.TEST, IDS[5:9]))
    for other in (rng.philox(2, Purpose.TEST, IDS), rng.philox(1, Purpose.EPOCH, IDS), rng.philox(1, 5, IDS, stream=1)):
        assert not np.array_equal(words, other)
    u = rng.uniform(words)
    assert 0 <= u.min() < u.max() < 1
    assert abs(u.mean() - 0.5) < 0.05


def test_purposes_are_an_append_only_list() -> None:
    first = ["METRIC", "HOLDOUT", "SEEDING", "EPOCH", "TEST"]
    assert [purpose.name for purpose in Purpose][: len(first)] == first
    assert [int(purpose) for purpose in Purpose] == list(range(1, len(Purpose) + 1))
