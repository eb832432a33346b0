"""Plans for workers in processes of their own: ranges cover the blocks, in few pieces; what is too much is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardlearn.core.engine import Footprint
from shardlearn.core.errors import MemoryLimitError
from shardlearn.core.tree import aligned
from shardlearn.engines.plan import Demand
from shardlearn.engines.rounds import Piece
from shardlearn.engines.shares import Deal, equal_deal
from shardlearn.engines.spread import Spread, falling, ranges

FOOT = Footprint(block=1_000, reader=100, resident=False)


def demand(span: range, cuts: range | None = None, workers: int = 4, answer: int = 10) -> Demand:
    return Demand(span, span if cuts is None else cuts, FOOT, workers, answer)


@given(first=st.integers(0, 50), n=st.integers(0, 300), count=st.integers(1, 9), step=st.sampled_from([1, 3, 7, 1000]))
def test_ranges_cover_the_span(first: int, n: int, count: int, step: int) -> None:
    span = range(first, first + n)
    found = ranges(span, span[::step], [1 / count] * count)
    assert len(found) <= count
    edges = [first, *(stop for _, stop in found)] if n else []
    assert found == list(pairwise(edges))
    assert all(low < high for low, high in found)
    assert edges[-1:] == ([first + n] if n else [])


def test_ranges_are_of_about_one_size_and_of_few_nodes() -> None:
    for n, count in ((100, 3), (1_000, 7), (4_096, 4)):
        found = ranges(range(n), range(n), [1 / count] * count)
        assert len(found) == count
        assert max(high - low for low, high in found) <= 1.3 * n / count
        assert max(sum(1 for _ in aligned(*piece)) for piece in found) <= 6


def test_a_cut_nearby_is_taken() -> None:
    assert ranges(range(100), [0, 20, 47, 90], [0.5, 0.5]) == [(0, 47), (47, 100)]
    assert ranges(range(100), [0, 90], [0.5, 0.5]) == [(0, 52), (52, 100)]


def known(seconds: float) -> Deal:
    """Four workers, and what a block takes them."""
    return replace(equal_deal(range(4)), seconds={None: seconds})


def test_one_piece_a_worker_where_more_would_be_over_at_once() -> None:
    assert len(Spread(deal=lambda: known(1e-4)).fold(demand(range(200)), None).pieces) == 4
    assert len(Spread().fold(demand(range(28)), None).pieces) == 4, "as long as it is not known"
    assert len(Spread(threads=8).fold(demand(range(200)), None).pieces) == 4


def test_pieces_that_shrink_so_that_others_can_take_some() -> None:
    plan = Spread(deal=lambda: known(0.02)).fold(demand(range(1_000)), None)
    assert (plan.workers, plan.ahead) == (4, 8)
    starts = [piece[0] for piece in plan.pieces[:4]]
    assert [(start + 16) // 250 for start in starts] == [0, 1, 2, 3], "the first piece of each worker comes first"
    assert plan.pieces[0] == (0, 16), "none takes long"
    sizes = [stop - first for first, stop in sorted(plan.pieces) if stop <= 250]
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) * 0.02 >= 0.04
    assert max(sizes[-3:]) <= 5
    assert max(sum(1 for _ in aligned(*piece)) for piece in plan.pieces) <= 4


def test_large_answers_make_large_pieces() -> None:
    plan = Spread().fold(demand(range(4 * 64), answer=20 * 2**20), None)
    assert min(stop - first for first, stop in plan.pieces) >= 16, "the largest subtree of no more than that"
    runs = [range(4 * i, 4 * i + 4) for i in range(64)]
    assert len(Spread().runs(demand(range(4 * 64), answer=20 * 2**20), runs, None).pieces) == 12


def takes(pieces: Sequence[Piece], speeds: list[float]) -> float:
    """Until all pieces are done: each worker does its own in order, then what others have not begun."""
    whole, workers = max(stop for _, stop in pieces), range(len(speeds))
    home = {piece: int(equal_deal(workers).home(sum(piece) / 2 / whole)) for piece in pieces}
    ends, waiting = [0.0] * len(speeds), list(pieces)
    while waiting:
        worker = min(workers, key=ends.__getitem__)
        piece = next((piece for piece in waiting if home[piece] == worker), waiting[0])
        waiting.remove(piece)
        ends[worker] += (piece[1] - piece[0]) / speeds[worker]
    return max(ends)


@pytest.mark.parametrize("workers", [2, 3, 8])
@pytest.mark.parametrize("blocks", [48, 100, 400, 3_000])
def test_a_slow_worker_does_not_set_the_pace_of_the_first_round(workers: int, blocks: int) -> None:
    """Nothing is known of anybody, and one has a fifth of a processor."""
    plan = Spread().fold(demand(range(workers * blocks), workers=workers), None)
    speeds = [1.0] * (workers - 1) + [0.2]
    assert takes(plan.pieces, speeds) <= 1.25 * workers * blocks / sum(speeds)


def test_shares_follow_the_deal() -> None:
    plan = Spread(deal=lambda: Deal((0, 5), (0.75, 0.25), {None: 1e-4})).fold(demand(range(40)), None)
    assert plan.pieces == ((0, 30), (30, 40))


@given(
    first=st.integers(0, 50),
    n=st.integers(1, 600),
    least=st.integers(1, 40),
    most=st.sampled_from([64, 128]),
    step=st.sampled_from([1, 3, 7, 50, 200, 1000]),
)
def test_a_share_falls_to_pieces_where_readers_start(first: int, n: int, least: int, most: int, step: int) -> None:
    cuts = range(0, 1_000, step)
    pieces = falling((first, first + n), cuts, least, most)
    assert [first, *(stop for _, stop in pieces)] == [*(at for at, _ in pieces), first + n]
    assert all(low < high for low, high in pieces)
    assert all(high - low <= max(most, 2 * least) for low, high in pieces if step == 1)
    inside = [at for at, _ in pieces[1:]]
    if step <= most:
        assert set(inside) <= set(cuts)
    if step == 1000:
        assert all(at - before >= most // 2 for before, at in pairwise([first, *inside]))


def test_runs_without_blocks_are_no_pieces() -> None:
    runs = [range(0)] * 30 + [range(2), range(2, 4)]
    assert Spread().runs(demand(range(4)), runs, None).pieces == ((28, 32),)


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
