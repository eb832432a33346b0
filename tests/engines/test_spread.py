"""Plans for workers in processes of their own: ranges cover the blocks, in few pieces; what is too much is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardlearn.core.engine import Footprint
from shardlearn.core.errors import MemoryLimitError
from shardlearn.core.tree import aligned
from shardlearn.engines.plan import Demand
from shardlearn.engines.spread import Spread, ranges

FOOT = Footprint(block=1_000, reader=100, resident=False)


def demand(span: range, cuts: range | None = None, workers: int = 4, answer: int = 10) -> Demand:
    return Demand(span, span if cuts is None else cuts, FOOT, workers, answer)


@given(first=st.integers(0, 50), n=st.integers(0, 300), count=st.integers(1, 9), step=st.sampled_from([1, 3, 7, 1000]))
def test_ranges_cover_the_span(first: int, n: int, count: int, step: int) -> None:
    span = range(first, first + n)
    found = ranges(span, span[::step], count)
    assert len(found) <= count
    edges = [first, *(stop for _, stop in found)] if n else []
    assert found == list(pairwise(edges))
    assert all(low < high for low, high in found)
    assert edges[-1:] == ([first + n] if n else [])


def test_ranges_are_of_about_one_size_and_of_few_nodes() -> None:
    for n, count in ((100, 3), (1_000, 7), (4_096, 4)):
        found = ranges(range(n), range(n), count)
        assert len(found) == count
        assert max(high - low for low, high in found) <= 1.3 * n / count
        assert max(sum(1 for _ in aligned(*piece)) for piece in found) <= 6


def test_a_cut_nearby_is_taken() -> None:
    assert ranges(range(100), [0, 20, 47, 90], 2) == [(0, 47), (47, 100)]
    assert ranges(range(100), [0, 90], 2) == [(0, 52), (52, 100)]


def test_one_piece_a_worker_until_it_would_take_long() -> None:
    short = Spread().fold(demand(range(200)), None)
    assert len(short.pieces) == short.workers == 4
    long = Spread().fold(demand(range(1_000)), None)
    assert len(long.pieces) == 16
    assert long.workers == 8
    starts = [piece[0] for piece in long.pieces[:4]]
    assert [start // 250 for start in starts] == [0, 1, 2, 3], "the first piece of each worker comes first"
    assert len(Spread(threads=4).fold(demand(range(1_000)), None).pieces) == 4


def test_runs_without_blocks_are_no_pieces() -> None:
    runs = [range(0)] * 30 + [range(2), range(2, 4)]
    assert Spread().runs(demand(range(4)), runs, None).pieces == ((24, 32),)


def test_large_answers_are_merged_by_workers() -> None:
    """Of those the driver holds what comes in, as bytes and as parts, and what they are joined to."""
    large = replace(demand(range(200), answer=8 << 20), parts=32, beside=5)
    plan = Spread().fold(large, None)
    assert plan.portions == ((0, 8), (8, 16), (16, 24), (24, 32))
    assert plan.account.answers == 3 * large.answer + 5
    assert Spread().fold(replace(large, workers=100), None).portions[-1] == (30, 32), "half a MiB is worth a call"
    assert Spread().runs(large, [range(i, i + 1) for i in range(200)], None).portions == plan.portions
    for small in (
        replace(large, answer=1 << 20),
        replace(large, parts=1),
        replace(large, workers=1),
        replace(large, span=range(1)),
    ):
        assert Spread().fold(small, None).portions == ()


def test_a_stream_goes_in_order_through_a_window() -> None:
    plan = Spread().stream(demand(range(100)), None)
    assert plan.pieces == tuple(sorted(plan.pieces))
    assert plan.window == 2 * 4 * 16
    tight = Spread().stream(demand(range(100), answer=1_000), 10_000)
    assert tight.account.need <= 10_000
    assert tight.window is not None
    assert tight.window < plan.window


def test_what_is_too_much_for_a_worker_or_the_driver() -> None:
    passes = [(demand(range(64)), None), (demand(range(64)), [range(i, i + 1) for i in range(64)])]
    Spread().must_fit(passes, 100_000)
    with pytest.raises(MemoryLimitError, match="too small"):
        Spread().must_fit(passes, 1_500)  # a worker reads two blocks
    with pytest.raises(MemoryLimitError, match="too small"):
        Spread().must_fit([(demand(range(64), answer=50_000), None)], 400_000)
