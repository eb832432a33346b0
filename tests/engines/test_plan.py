"""Plans: pieces cover the blocks and respect the cuts, the account stays under the limit, refusals name a way out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardlearn import config
from shardlearn.core.engine import Footprint
from shardlearn.core.errors import MemoryLimitError
from shardlearn.core.grid import Grid
from shardlearn.core.rows import ALL, Hashed, Ids, Range
from shardlearn.core.tree import aligned
from shardlearn.engines.plan import Demand, Here, aligned_pieces, plan_fold, plan_runs, plan_stream, span_of


@given(
    first=st.integers(0, 30),
    count=st.integers(0, 60),
    cuts=st.sets(st.integers(0, 90), max_size=20),
    workers=st.sampled_from([1, 2, 3, 7]),
    reader=st.sampled_from([0, 10, 1000]),
    resident=st.booleans(),
    answer=st.sampled_from([1, 500]),
    limit=st.sampled_from([None, 10**6, 5000, 1500, 100]),
    stream=st.booleans(),
)
def test_plans(
    first: int,
    count: int,
    cuts: set[int],
    workers: int,
    reader: int,
    resident: bool,
    answer: int,
    limit: int | None,
    stream: bool,
) -> None:
    span = range(first, first + count)
    inside = sorted({first, *(cut for cut in cuts if cut in span)}) if count else []
    demand = Demand(span, inside, Footprint(100, reader, resident), workers, answer)
    try:
        plan = plan_stream(demand, limit) if stream else plan_fold(demand, limit)
    except MemoryLimitError as refused:
        assert limit is not None
        needed = config.nbytes(refused.fix.split("memory=")[1].split(" ")[0].strip('",'))
        again = plan_stream(demand, needed) if stream else plan_fold(demand, needed)
        assert limit < again.need <= needed
        return
    assert limit is None or plan.need <= limit
    assert plan.account.limit == limit
    assert plan.account.room == (None if limit is None else limit - plan.need)
    assert sorted(b for low, high in plan.pieces for b in range(low, high)) == list(span)
    assert 1 <= plan.workers <= workers
    lanes = {plan.lanes[piece].number for piece in plan.lanes}
    if plan.lanes:
        assert len(lanes) <= plan.readers
        assert all(piece[1] <= plan.lanes[piece].stop for piece in plan.pieces)
    elif stream or not resident:  # each piece begins where a reader may begin
        assert all(piece[0] in inside for piece in plan.pieces)
    if stream:
        assert list(plan.pieces) == sorted(plan.pieces)


def test_resident_blocks_are_dealt_in_aligned_subtrees() -> None:
    demand = Demand(range(123), range(123), Footprint(0, 0, True), 2, 8)
    plan = plan_fold(demand, None)
    sizes = [stop - first for first, stop in plan.pieces]
    assert all(len(list(aligned(*piece))) == 1 for piece in plan.pieces)
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[-1], len(sizes)) == (16, 1, 22)  # who is last keeps others waiting for one block
    assert plan.account.need <= 8 * 24
    assert plan_fold(Demand(range(3, 9), range(3, 9), Footprint(0, 0, True), 1, 8), None).pieces == (
        (3, 4),
        (4, 6),
        (6, 7),
        (7, 8),
        (8, 9),
    )
    assert plan_fold(Demand(range(10**6), range(10**6), Footprint(0, 0, True), 2, 8), None).pieces[0] == (0, 64)


def test_a_short_stream_has_work_for_all() -> None:
    """A block may take long: a search of 4,096 queries among all rows."""
    for blocks, pieces in ((1, 1), (4, 4), (15, 15), (16, 8), (64, 16)):
        held, read = (Demand(range(blocks), range(blocks), Footprint(100, 0, there), 2, 8) for there in (True, False))
        assert len(plan_stream(held, None).pieces) == pieces
        assert len(plan_stream(read, None).pieces) >= pieces


def test_large_answers_get_fewer_workers() -> None:
    demand = Demand(range(128), range(128), Footprint(0, 0, True), 2, 1000)
    assert max(stop - first for first, stop in plan_fold(demand, None).pieces) == 32
    assert plan_fold(demand, 16_000).workers == 2
    assert plan_fold(demand, 15_000).workers == 1
    with pytest.raises(MemoryLimitError):
        plan_fold(demand, 8_000)


def test_the_next_piece_is_at_hand_where_its_answer_has_room() -> None:
    here, held = Here(), Demand(range(128), range(128), Footprint(0, 0, True), 2, 1000)
    need = plan_fold(held, None).need
    assert [here.fold(held, limit).ahead for limit in (None, 2 * need, 2 * need - 1)] == [2, 2, 1]
    assert here.fold(held, 2 * need).need == 2 * need
    assert here.fold(held, 15_000).workers == here.fold(held, 15_000).ahead == 1
    stream = here.stream(held, None)
    assert (stream.ahead, stream.account) == (2, plan_stream(held, None).account), "the window counts what waits"
    assert all(piece[1] - piece[0] <= (stream.window or 0) // 4 for piece in stream.pieces)
    alone, read = replace(held, workers=1), replace(held, foot=Footprint(100, 0, False))
    assert [here.fold(demand, None).ahead for demand in (alone, read)] == [1, 1]


def test_with_room_each_worker_reads_for_itself_else_they_take_turns() -> None:
    demand = Demand(range(64), range(0, 64, 4), Footprint(100, 10_000, False), 4, 1)
    assert (plan_fold(demand, 50_000).readers, plan_fold(demand, 50_000).lanes) == (4, {})
    two = plan_fold(demand, 25_000)
    assert (two.readers, two.workers, len({lane.number for lane in two.lanes.values()})) == (2, 4, 2)
    one = plan_fold(demand, 12_000)
    assert (one.readers, one.workers) == (1, 4)
    least = plan_fold(demand, 10_300)
    assert (least.readers, least.workers) == (1, 1)


def test_refusals_say_what_to_change() -> None:
    demand = Demand(range(64), [0], Footprint(100, 10_000_000, False), 4, 1)
    with pytest.raises(MemoryLimitError) as caught:
        plan_fold(demand, 2_000_000)
    assert "columns=" in caught.value.fix
    assert "row groups" in caught.value.fix
    assert 'memory="11MB"' in caught.value.fix
    with pytest.raises(MemoryLimitError, match="p x p"):
        plan_fold(Demand(range(64), range(64), Footprint(0, 0, True), 4, 10**6), 10**6)


def runs_of(blocks: int, runs: int) -> list[range]:
    return [range(i * blocks // runs, (i + 1) * blocks // runs) for i in range(runs)]


@given(
    blocks=st.integers(1, 60),
    runs=st.integers(1, 80),
    cuts=st.sets(st.integers(0, 59), max_size=9),
    workers=st.sampled_from([1, 2, 3, 7]),
    resident=st.booleans(),
    limit=st.sampled_from([None, 10**6, 7000, 3000]),
)
def test_plans_of_runs(blocks: int, runs: int, cuts: set[int], workers: int, resident: bool, limit: int | None) -> None:
    spans = runs_of(blocks, runs)
    inside = sorted({0, *(cut for cut in cuts if cut < blocks)})
    demand = Demand(range(blocks), inside, Footprint(100, 1000, resident), workers, 10)
    try:
        plan = plan_runs(demand, spans, limit)
    except MemoryLimitError:
        assert limit == 3000
        return
    assert limit is None or plan.need <= limit
    read = sorted(b for low, high in plan.pieces for run in range(low, high) for b in spans[run])
    assert read == list(range(blocks))
    assert len({lane.number for lane in plan.lanes.values()}) <= plan.readers <= workers
    assert all(spans[piece[1] - 1].stop <= lane.stop for piece, lane in plan.lanes.items())


def test_short_runs_are_read_at_once_and_long_ones_block_by_block() -> None:
    demand = Demand(range(384), [0, 128, 256], Footprint(100, 10_000, False), 2, 10)
    short = plan_runs(demand, runs_of(384, 256), 10**6)
    assert (short.readers, short.pieces[:4]) == (2, ((0, 4), (86, 88), (4, 8), (88, 92)))
    assert {lane.stop for lane in short.lanes.values()} == {129, 256, 384}
    long = plan_runs(demand, runs_of(384, 8), 10**6)
    assert long.pieces == ((0, 1), (4, 5), (1, 2), (5, 6), (2, 3), (6, 7), (3, 4), (7, 8))
    assert {(lane.stop, lane.hold) for lane in long.lanes.values()} == {(192, True), (384, True)}
    assert plan_runs(demand, runs_of(384, 8), 12_000).readers == 1


@pytest.mark.parametrize(
    ("rows", "span"),
    [
        (ALL, range(1, 16)),
        (Hashed(5, 1), range(1, 16)),
        (Range(0, 10**9), range(1, 16)),
        (Range(130, 200), range(2, 4)),
        (Range(0, 50), range(0)),
        (Range(5, 5), range(0)),
        (Ids([]), range(0)),
        (Ids([128, 300]), range(2, 5)),
    ],
)
def test_blocks_that_can_hold_rows(rows: object, span: range) -> None:
    assert span_of(rows, Grid(100, 1000, 64)) == span


def test_pieces_begin_at_the_first_cut_after_a_multiple() -> None:
    assert aligned_pieces(range(30), [0, 5, 9, 13, 20, 27], 8) == ((0, 9), (9, 20), (20, 27), (27, 30))
    assert aligned_pieces(range(3, 3), [3], 8) == ()
