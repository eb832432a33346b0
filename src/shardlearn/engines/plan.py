"""What a pass needs, and how its blocks are cut into pieces: worked out before anything is read."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol, TypeAlias

from shardlearn.core.engine import Footprint
from shardlearn.core.errors import MemoryLimitError
from shardlearn.core.events import PassPlanned
from shardlearn.core.grid import Grid
from shardlearn.core.rows import Ids, Range, Rows
from shardlearn.core.tree import aligned

from .reading import Lane
from .rounds import Piece

MOST_IN_A_CHUNK = 8  # blocks that are read ahead by one worker
PIECES_A_WORKER = 4
MOST_IN_A_PIECE = 64  # so that a piece never takes long
SMALLER = (
    "fewer features, classes, clusters or neighbours, or no p x p matrix: "
    'Ridge(solver="lsqr"), LogisticRegression(solver="lbfgs")'
)
NARROWER = "fewer columns of answers (predict has one, predict_proba one for each class)"


@dataclass(frozen=True, slots=True)
class Account:
    """Bytes that a pass takes at most, by what they are for; the report shows it."""

    limit: int | None
    reading: int  # readers: decode buffers
    blocks: int  # blocks on their way from a reader to an answer
    answers: int  # answers of blocks, nodes that wait for their neighbours, and what the solver made of earlier ones

    @property
    def need(self) -> int:
        return self.reading + self.blocks + self.answers

    @property
    def room(self) -> int | None:
        """What is left for cached blocks and carried columns."""
        return None if self.limit is None else self.limit - self.need


@dataclass(frozen=True, slots=True)
class Plan:
    """Pieces in the order in which they are started; those with a lane share its reader."""

    pieces: tuple[Piece, ...]
    lanes: Mapping[Piece, Lane]
    readers: int
    workers: int
    account: Account
    window: int | None = None
    portions: tuple[Piece, ...] = ()  # ranges of parts, by which answers stay with workers; none: they don't
    ahead: int = 1  # pieces that a worker is given: one to do, the others wait
    ends: tuple[int, ...] = ()  # of shares, each of which is read on from piece to piece

    @property
    def need(self) -> int:
        return self.account.need

    def told(self) -> PassPlanned:
        """The plan for people."""
        account = self.account
        return PassPlanned(self.readers, self.workers, account.reading, account.blocks, account.answers, account.room)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a pass is asked to do, as far as pieces and memory depend on it."""

    span: range  # blocks
    cuts: Sequence[int]
    foot: Footprint
    workers: int
    answer: int = 0  # bytes of one answer, at most; of a stream: of what a block is rewritten to
    beside: int = 0  # bytes that who asks holds meanwhile
    gathers: bool = False  # all answers of the pass together take no more than one may
    walks: bool = False  # each piece is walked with one answer, and pieces are merged as they come
    parts: int = 1  # into which an answer can be cut
    kind: type | None = None  # of question: those of one kind take about as long
    until: int | None = None  # where a reader may read on for the next piece; None: at the end of this one


Passes: TypeAlias = Iterable[tuple[Demand, Sequence[range] | None]]  # some walk along runs of blocks


class Plans(Protocol):
    """How an engine's passes are cut into pieces, and what they take."""

    def fold(self, demand: Demand, limit: int | None, /) -> Plan: ...
    def runs(self, demand: Demand, runs: Sequence[range], limit: int | None, /) -> Plan: ...
    def stream(self, demand: Demand, limit: int | None, /) -> Plan: ...
    def must_fit(self, passes: Passes, limit: int | None, /) -> None: ...


class Here:
    """All workers are in one process, and hand readers to one another."""

    def fold(self, demand: Demand, limit: int | None, /) -> Plan:
        return _with_next(plan_fold(demand, limit), demand)

    def runs(self, demand: Demand, runs: Sequence[range], limit: int | None, /) -> Plan:
        return _with_next(plan_runs(demand, runs, limit), demand)

    def stream(self, demand: Demand, limit: int | None, /) -> Plan:
        return _with_next(plan_stream(demand, limit), demand, waiting=1)

    def must_fit(self, passes: Passes, limit: int | None, /) -> None:
        must_fit(passes, limit)


def _with_next(plan: Plan, demand: Demand, waiting: int = 2) -> Plan:
    """A worker that is done has the next piece at hand, and does not wait until the driver has looked at its answer.

    Of rows in memory only: others wait for a reader anyway. Where no window holds them back, twice as many answers
    may then be alive: those that wait for the driver too.
    """
    account = replace(plan.account, answers=waiting * plan.account.answers)
    full = account.limit is not None and account.need > account.limit
    if full or not demand.foot.resident or plan.workers < max(demand.workers, 2):
        return plan
    return replace(plan, account=account, ahead=2)


def span_of(rows: Rows, grid: Grid) -> range:
    """The range of blocks outside of which no row is asked for."""
    match rows:
        case Range(first, last):
            low, high = max(first, grid.first), min(last, grid.stop)
        case Ids(ids):
            low, high = (int(ids[0]), int(ids[-1]) + 1) if len(ids) else (0, 0)
            low, high = max(low, grid.first), min(high, grid.stop)
        case _:
            return grid.blocks
    return range(low // grid.rows, -(-high // grid.rows)) if low < high else range(0)


def aligned_pieces(span: range, cuts: Sequence[int], size: int) -> tuple[Piece, ...]:
    """The span cut at the first cut at or after each multiple of `size`."""
    edges, before = [span.start], span.start
    for cut in cuts:
        if span.start < cut < span.stop:
            if cut // size > before // size:
                edges.append(cut)
            before = cut
    return tuple(pairwise([*edges, span.stop])) if span else ()


def power_below(value: int) -> int:
    """The power of two at or below; at least 1."""
    return 1 << max(value, 1).bit_length() - 1


def evenly(units: int, workers: int) -> int:
    """Blocks or runs of a piece: some pieces for each worker, and none that takes long."""
    return min(power_below(units // (PIECES_A_WORKER * workers)), MOST_IN_A_PIECE)


def falling_pieces(span: range, workers: int) -> tuple[Piece, ...]:
    """Whole subtrees that shrink towards the end, lest a worker waits for what another has just begun.

    Each takes at most half of a worker's share of what is left: guided self-scheduling (Polychronopoulos, Kuck 1987).
    """
    edges = [span.start]
    while (at := edges[-1]) < span.stop:
        size = min(power_below((span.stop - at) // (2 * workers)), MOST_IN_A_PIECE)
        edges.append(at + min(size, at & -at or size))
    return tuple(pairwise(edges))


def answers_held(span: range, workers: int, pieces: Sequence[Piece], queues: int = 1) -> int:
    """Answers alive at once, at most, of blocks or runs; pieces are started in so many queues, each in order.

    What is answered is all but a few gaps: those in work, and what each queue has before it. Of a tree of 2**n leaves,
    g gaps leave at most g (n - log2 g) whole subtrees. A worker holds an answer that it makes, and one that it makes of
    two, beside nodes of a piece that does not begin or end where a subtree does.
    """
    gaps = workers + queues - 1
    high = max(len(span) - 1, 0).bit_length() + bool(span.start)
    whole = gaps * max(high - gaps.bit_length() + 1, 1)
    loose = max((sum(1 for _ in aligned(*piece)) for piece in pieces), default=1) - 1
    return min(whole + workers * loose, len(span)) + 2 * workers


def answer_bytes(demand: Demand, answers: int, workers: int) -> int:
    """Of so many answers alive at once, and what the solver holds. Gathered rows are copied once, at the end.

    A worker that walks holds what it has, a block's answer and what it makes of both; so does who merges.
    """
    if demand.gathers:
        answers = min(answers, 2)
    elif demand.walks:
        answers = min(answers, 3 * workers + 3)
    return answers * demand.answer + demand.beside


def plan_fold(demand: Demand, limit: int | None) -> Plan:
    """Pieces and readers of a fold under a limit; refuses what can't be done."""
    return first_that_fits(_folds(demand), limit)


def plan_runs(demand: Demand, runs: Sequence[range], limit: int | None) -> Plan:
    """The same where runs of blocks are walked: pieces are ranges of runs."""
    return first_that_fits(_runs(demand, runs), limit)


def must_fit(passes: Passes, limit: int | None) -> None:
    """Refuse the one of several passes that needs most, where there is one that can't be done; some walk along runs."""
    worst: Account | None = None
    for demand, runs in passes:
        try:
            plan_fold(demand, limit) if runs is None else plan_runs(demand, runs, limit)
        except MemoryLimitError:
            options = _folds(demand) if runs is None else _runs(demand, runs)
            least = min((plan.account for plan in options), key=lambda account: account.need)
            worst = least if worst is None or least.need > worst.need else worst
    if worst is not None and limit is not None:
        raise refusal(worst, limit, SMALLER)


def plan_stream(demand: Demand, limit: int | None) -> Plan:
    """Pieces of a stream: in row order, with a window of blocks that may be answered before they are handed on."""
    return first_that_fits(_streams(demand), limit, NARROWER)


def _streams(demand: Demand) -> Iterator[Plan]:
    """In row order, with work for all. Several readers are of use where what each reads is short against the window."""
    sizes = [size for size in (4, 2, 1) if size <= evenly(len(demand.span), demand.workers)]
    if demand.foot.resident:
        for workers in range(demand.workers, 0, -1):
            for size in sizes:
                pieces = aligned_pieces(demand.span, demand.cuts, size)
                account = Account(None, 0, 0, _answers_ahead(demand, workers, size))
                yield Plan(pieces, {}, 1, workers, account, 2 * workers * size)
        return
    ranges = len(aligned_pieces(demand.span, demand.cuts, 1))
    for workers in range(demand.workers, 0, -1):
        for size in sizes:
            window = 2 * workers * size
            short = len(demand.span) <= 2 * size * ranges
            for readers in dict.fromkeys((min(workers, max(ranges, 1)) if short else 1, 1)):
                pieces, lanes = _chunks(demand.span, demand.cuts, readers, size)
                answers = _answers_ahead(demand, workers, size)
                account = Account(None, readers * demand.foot.reader, _in_flight(demand, window + size), answers)
                yield Plan(tuple(sorted(pieces)), lanes, readers, workers, account, window)


def _answers_ahead(demand: Demand, workers: int, size: int) -> int:
    """Blocks of a stream that were rewritten, each in place of the one it was made of; and what is made on the way."""
    block = 0 if demand.foot.resident else demand.foot.block
    return (2 * workers + 1) * size * max(demand.answer - block, 0) + 2 * workers * demand.answer


def _folds(demand: Demand) -> Iterator[Plan]:
    """From the fastest to the leanest."""
    foot, most = demand.foot, demand.workers
    even = evenly(len(demand.span), most)
    if foot.resident:
        yield _own_readers(demand, most, falling_pieces(demand.span, most))
        for workers in range(most, 0, -1):
            yield _own_readers(demand, workers, aligned_pieces(demand.span, demand.cuts, 1))
        return
    if demand.until is not None and most == 1:
        yield _read_on(demand, demand.span, demand.until)
    ranges = len(aligned_pieces(demand.span, demand.cuts, 1))
    if ranges >= 2 * most:
        yield _own_readers(demand, most, aligned_pieces(demand.span, demand.cuts, even))
    for readers in range(min(most, ranges), 0, -1):
        for size in (size for size in (MOST_IN_A_CHUNK, 4, 2, 1) if size <= even):
            yield _shared(demand, readers, most, size)
    for workers in range(most, 0, -1):
        yield _shared(demand, 1, workers, 1)


def _runs(demand: Demand, runs: Sequence[range]) -> Iterator[Plan]:
    """Where a piece's blocks fit in memory they are read at once, and others read on meanwhile; else one by one."""
    most, longest = demand.workers, max(map(len, runs))
    even = evenly(len(runs), most)
    if demand.foot.resident:
        every = range(len(runs))
        yield _resident_runs(demand, runs, most, falling_pieces(every, most))
        for workers in range(most, 0, -1):
            yield _resident_runs(demand, runs, workers, aligned_pieces(every, every, 1))
        return
    if demand.until is not None and most == 1:
        yield _read_on(demand, range(len(runs)), demand.until)
    for readers in range(most, 0, -1):
        for size in (size for size in (MOST_IN_A_CHUNK, 4, 2, 1) if size <= even and size * longest <= MOST_IN_A_CHUNK):
            yield _run_plan(demand, runs, most, size, readers)
        yield _run_plan(demand, runs, most, 1, readers, hold=True)
    for workers in range(most, 0, -1):
        yield _run_plan(demand, runs, workers, 1, 1, hold=True)


def _run_plan(demand: Demand, runs: Sequence[range], workers: int, size: int, readers: int, hold: bool = False) -> Plan:
    """A reader starts at the first run after a cut, or, where runs are long, each has its share of them."""
    everything, longest = range(len(runs)), max(map(len, runs))
    cut_runs = [bisect_left(runs, cut, key=lambda run: run.start) for cut in demand.cuts]
    shares = [i * len(runs) // readers for i in range(readers)]
    pieces, in_runs = _chunks(everything, shares if hold else cut_runs, readers, size)
    lanes = {piece: Lane(lane.number, runs[lane.stop - 1].stop, hold) for piece, lane in in_runs.items()}
    full = _full(pieces, runs)
    answers = answers_held(everything, workers, full, readers)
    blocks = _in_flight(demand, workers * (2 if hold else size * longest + 1))
    account = Account(None, readers * demand.foot.reader, blocks, answer_bytes(demand, answers, workers))
    return Plan(full, lanes, readers, workers, account)


def _resident_runs(demand: Demand, runs: Sequence[range], workers: int, pieces: Sequence[Piece]) -> Plan:
    """Nothing is read: blocks are views of the caller's arrays."""
    full = _full(pieces, runs)
    answers = answer_bytes(demand, answers_held(range(len(runs)), workers, full), workers)
    return Plan(full, {}, workers, workers, Account(None, 0, _in_flight(demand, 2 * workers), answers))


def _full(pieces: Sequence[Piece], runs: Sequence[range]) -> tuple[Piece, ...]:
    """Pieces of runs with any block."""
    return tuple(piece for piece in pieces if runs[piece[0]].start < runs[piece[1] - 1].stop)


def _own_readers(demand: Demand, workers: int, pieces: tuple[Piece, ...]) -> Plan:
    """Each piece is read by who computes it, block by block."""
    answers = answer_bytes(demand, answers_held(demand.span, workers, pieces), workers)
    # The block before is let go only when the next one is there.
    account = Account(None, workers * demand.foot.reader, _in_flight(demand, 2 * workers), answers)
    return Plan(pieces, {}, workers, workers, account)


def _read_on(demand: Demand, span: range, until: int) -> Plan:
    """One piece, of blocks or of runs, after which its reader stays open: the next one begins where it stands."""
    piece = span.start, span.stop
    answers = answer_bytes(demand, answers_held(span, 1, [piece]), 1)
    account = Account(None, demand.foot.reader, _in_flight(demand, 2), answers)
    return Plan((piece,), {piece: Lane(0, until, hold=True)}, 1, 1, account)


def _shared(demand: Demand, readers: int, workers: int, size: int) -> Plan:
    """Readers go from worker to worker, so that one reads on while others compute."""
    pieces, lanes = _chunks(demand.span, demand.cuts, readers, size)
    answers = answer_bytes(demand, answers_held(demand.span, workers, pieces, readers), workers)
    account = Account(None, readers * demand.foot.reader, _in_flight(demand, workers * (size + 1)), answers)
    return Plan(pieces, lanes, readers, workers, account)


def _in_flight(demand: Demand, blocks: int) -> int:
    return 0 if demand.foot.resident else blocks * demand.foot.block


def _chunks(span: range, cuts: Sequence[int], readers: int, size: int) -> tuple[tuple[Piece, ...], dict[Piece, Lane]]:
    """Ranges between cuts, dealt to so many readers and cut at multiples of `size`, the readers taking turns."""
    ranges = aligned_pieces(span, cuts, 1)
    queues: list[list[tuple[Piece, Lane]]] = [[] for _ in range(readers)]
    for i, (first, stop) in enumerate(ranges):
        lane = Lane(i % readers, stop)
        inner = aligned_pieces(range(first, stop), range(first, stop), size)
        queues[i % readers].extend((piece, lane) for piece in inner)
    dealt: list[tuple[Piece, Lane]] = []
    for turn in range(max(map(len, queues), default=0)):
        dealt.extend(queue[turn] for queue in queues if turn < len(queue))
    return tuple(piece for piece, _ in dealt), dict(dealt)


def first_that_fits(options: Iterator[Plan], limit: int | None, smaller: str = SMALLER) -> Plan:
    """Options go from the fastest to the leanest, of which there is always one."""
    leanest: Account | None = None
    for plan in options:
        if limit is None or plan.account.need <= limit:
            return replace(plan, account=replace(plan.account, limit=limit))
        if leanest is None or plan.account.need < leanest.need:
            leanest = plan.account
    assert leanest is not None
    assert limit is not None
    raise refusal(leanest, limit, smaller)


def refusal(least: Account, limit: int, smaller: str) -> MemoryLimitError:
    """What the leanest way would take, and what to change; `smaller`: what makes answers so."""
    parts = [("one reader", least.reading), ("blocks in flight", least.blocks), ("answers", least.answers)]
    size = f"{-(-least.need * 21 // 20 // 1_000_000)}MB"
    fixes = [f'memory="{size}" (--memory {size}) or more']
    if least.reading + least.blocks > least.answers:
        fixes.append("fewer columns (columns=..., --columns)")
        fixes.append("files with smaller row groups")
    else:
        fixes.append(smaller)
    return MemoryLimitError(
        "The memory limit is too small for this pass over the data; nothing was read for it.",
        code="SL3001",
        found=f"memory={limit:,} bytes",
        needed=f"{least.need:,} bytes: " + ", ".join(f"{name} {nbytes:,}" for name, nbytes in parts if nbytes),
        fix=", or ".join(fixes),
    )
