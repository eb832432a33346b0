"""Plans for workers that are processes of their own: each gets contiguous ranges, and plans what it does by itself."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from math import ceil

from . import plan as local
from .plan import MOST_IN_A_PIECE, Account, Demand, Passes, Plan, answer_bytes, answers_held, first_that_fits
from .rounds import Piece
from .scatter import portions_of
from .shares import Deal, equal_deal

LARGE = 1 << 20  # bytes of an answer above which it stays with workers
AHEAD = 8  # pieces that a worker is given, where there are more than workers: one to do, the others wait
LEAST = 4  # blocks of a piece, for each thread of a worker, as long as it is not known how long one takes
LARGEST = 12  # a piece is no more than this part of a share: a worker at a fifth of the pace may have just begun one
WORTH = 0.05  # seconds of a piece: a shorter one is not worth a call of its own
ANSWER = 1024 * 1024  # bytes of an answer for which a piece has a block more: each piece sends one
AT_HAND = 16  # blocks of a piece, at most, of rows in the driver's memory: a worker begins when they are in the store


@dataclass(frozen=True, slots=True)
class Spread:
    """Few pieces, as each is a call to another process; so many threads work at each.

    What is worked out here is what the driver holds. A worker is under the same limit, and plans its pieces by it.
    `deal` says who has which share; without it all have the same.
    """

    threads: int = 1
    deal: Callable[[], Deal] | None = None
    large: int = LARGE

    def fold(self, demand: Demand, limit: int | None, /) -> Plan:
        return first_that_fits(iter([self._plan(demand, demand.span, demand.cuts)]), limit)

    def runs(self, demand: Demand, runs: Sequence[range], limit: int | None, /) -> Plan:
        everything, blocks = range(len(runs)), max(sum(map(len, runs)) / len(runs), 1.0)
        plan = self._plan(demand, everything, everything, blocks)
        full = tuple(piece for piece in plan.pieces if runs[piece[0]].start < runs[piece[1] - 1].stop)
        return first_that_fits(iter([replace(plan, pieces=full)]), limit)

    def stream(self, demand: Demand, limit: int | None, /) -> Plan:
        return first_that_fits(self._streams(demand), limit, local.NARROWER)

    def must_fit(self, passes: Passes, limit: int | None, /) -> None:
        """Refuse what is too much for the driver, or for a worker."""
        parts = []
        for demand, runs in passes:
            plan = self.fold(demand, limit) if runs is None else self.runs(demand, runs, limit)
            first, stop = max(plan.pieces, key=lambda piece: piece[1] - piece[0], default=(0, 0))
            part = replace(demand, workers=self.threads, span=demand.span if runs else range(first, stop))
            parts.append((part, None if runs is None else runs[first:stop]))
        local.must_fit(parts, limit)

    def _plan(self, demand: Demand, span: range, cuts: Sequence[int], blocks: float = 1.0) -> Plan:
        """Of blocks, or of runs of so many; the first piece of each worker's share comes before the second of any."""
        deal = equal_deal(range(demand.workers)) if self.deal is None else self.deal()
        least = max(self._least(deal.seconds.get(demand.kind), blocks), ceil(demand.answer / ANSWER / blocks))
        workers = max(min(len(deal.workers), len(span)), 1)
        portions = portions_of(demand.parts, workers, demand.answer) if demand.answer > self.large else ()
        most = max(ceil((AT_HAND if demand.foot.resident else MOST_IN_A_PIECE) * self.threads / blocks), least)
        shares = ranges(span, cuts, deal.weights)
        queues, ends = [falling(share, cuts, least, most) for share in shares], tuple(stop for _, stop in shares)
        turns = range(max(map(len, queues), default=0))
        pieces = tuple(queue[turn] for turn in turns for queue in queues if turn < len(queue))
        if len(portions) > 1:  # parts that come in, as bytes and merged, and what they are joined to
            account = Account(None, 0, 0, 3 * demand.answer + demand.beside)
            return Plan(pieces, {}, workers, workers, account, portions=portions, ahead=AHEAD, ends=ends)
        answers = answer_bytes(demand, answers_held(span, workers, pieces, workers), workers)
        return Plan(pieces, {}, workers, workers, Account(None, 0, 0, answers), ahead=AHEAD, ends=ends)

    def _least(self, seconds: float | None, blocks: float) -> int:
        """Blocks of a piece, or runs of so many; `seconds` of a worker for each."""
        if seconds is None:
            return ceil(LEAST * self.threads / blocks)
        return max(ceil(WORTH / seconds), ceil(2 * self.threads / blocks))

    def _streams(self, demand: Demand) -> Iterator[Plan]:
        """In row order. What a worker has answered is held here until it is its turn."""
        for workers in range(demand.workers, 0, -1):
            for size in (16 * self.threads, 4, 2, 1):
                pieces = local.aligned_pieces(demand.span, demand.span, size)
                window = 2 * workers * size
                account = Account(None, 0, 0, (window + size) * demand.answer)
                yield Plan(pieces, {}, workers, workers, account, window)


def ranges(span: range, cuts: Sequence[int], weights: Sequence[float]) -> list[Piece]:
    """The span in ranges of such shares: cut at a reader's start where one is near, and where few subtrees are."""
    edges = [span.start]
    for i, share in enumerate(accumulate(weights[:-1])):
        size = min(weights[i : i + 2]) * len(span)
        step = local.power_below(int(size / 8))
        at = (span.start + int(share * len(span) + 1e-6) + step // 2) // step * step
        near = nearest(cuts, at, range(at - int(size / 4), at + int(size / 4) + 1))
        at = at if near is None else near
        if edges[-1] < at < span.stop:
            edges.append(at)
    return list(pairwise([*edges, span.stop])) if span else []


def falling(share: Piece, cuts: Sequence[int], least: int, most: int) -> list[Piece]:
    """A share in whole subtrees that shrink towards its end, so that whoever is done early can take some of another's.

    A piece begins where a reader does, unless it would take too long: what comes before is read twice by whoever takes
    it from another.
    """
    edges, stop = [share[0]], share[1]
    while (left := stop - edges[-1]) >= 2 * least:
        at = whole_subtrees(edges[-1], max(min(left // 3, (stop - share[0]) // LARGEST, most), least))
        near = nearest(cuts, at, range(edges[-1] + 1, edges[-1] + most + 1))
        if near is not None:
            at = near
        elif left <= most:
            break
        else:
            at = whole_subtrees(edges[-1], most)
        if at >= stop:
            break
        edges.append(at)
    return list(pairwise([*edges, stop]))


def whole_subtrees(first: int, size: int) -> int:
    """About so many blocks on, and where a large subtree begins."""
    step = local.power_below(size)
    return (first + size) // step * step


def nearest(cuts: Sequence[int], at: int, within: range) -> int | None:
    """The cut that is nearest to a place."""
    around = cuts[max(bisect_left(cuts, at) - 1, 0) :][:2]
    return min((cut for cut in around if cut in within), key=lambda cut: abs(cut - at), default=None)
