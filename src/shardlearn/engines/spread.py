"""Plans for workers that are processes of their own: each gets contiguous ranges, and plans what it does by itself."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from . import plan as local
from .plan import MOST_IN_A_PIECE, Account, Demand, Passes, Plan, answer_bytes, answers_held, first_that_fits
from .rounds import Piece
from .scatter import portions_of

LARGE = 1 << 20  # bytes of an answer above which it stays with workers
AHEAD = 2  # pieces a worker has, where there are more than workers: one to do, one that waits


@dataclass(frozen=True, slots=True)
class Spread:
    """Few pieces, as each is a call to another process; so many threads work at each.

    What is worked out here is what the driver holds. A worker is under the same limit, and plans its pieces by it.
    """

    threads: int = 1
    large: int = LARGE

    def fold(self, demand: Demand, limit: int | None, /) -> Plan:
        return first_that_fits(iter([self._plan(demand, demand.span, demand.cuts)]), limit)

    def runs(self, demand: Demand, runs: Sequence[range], limit: int | None, /) -> Plan:
        everything = range(len(runs))
        plan = self._plan(demand, everything, everything)
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

    def _plan(self, demand: Demand, span: range, cuts: Sequence[int]) -> Plan:
        """Each worker's share is cut where a piece would take long; the first piece of each comes before the second."""
        workers = min(demand.workers, max(len(span), 1))
        each = -(-len(span) // (workers * self.threads * MOST_IN_A_PIECE)) or 1
        dealt = ranges(span, cuts, workers * each)
        pieces = tuple(dealt[at] for turn in range(each) for at in range(turn, len(dealt), each))
        slots = workers if each == 1 else AHEAD * workers
        portions = portions_of(demand.parts, workers, demand.answer) if demand.answer > self.large else ()
        if len(portions) > 1:  # parts that come in, as bytes and merged, and what they are joined to
            return Plan(
                pieces, {}, workers, slots, Account(None, 0, 0, 3 * demand.answer + demand.beside), portions=portions
            )
        answers = answer_bytes(demand, answers_held(span, slots, pieces, workers), slots)
        return Plan(pieces, {}, workers, slots, Account(None, 0, 0, answers))

    def _streams(self, demand: Demand) -> Iterator[Plan]:
        """In row order. What a worker has answered is held here until it is its turn."""
        for workers in range(demand.workers, 0, -1):
            for size in (16 * self.threads, 4, 2, 1):
                pieces = local.aligned_pieces(demand.span, demand.span, size)
                window = AHEAD * workers * size
                account = Account(None, 0, 0, (window + size) * demand.answer)
                yield Plan(pieces, {}, workers, workers, account, window)


def ranges(span: range, cuts: Sequence[int], count: int) -> list[Piece]:
    """About so many ranges of about one size: cut at a reader's start where one is near, and where few subtrees are."""
    size = len(span) / max(count, 1)
    step = local.power_below(int(size / 8))
    edges = [span.start]
    for i in range(1, count):
        at = (span.start + i * len(span) // count + step // 2) // step * step
        near = min(cuts[max(bisect_left(cuts, at) - 1, 0) :][:2], key=lambda cut: abs(cut - at), default=at)
        if abs(near - at) <= size / 4:
            at = near
        if edges[-1] < at < span.stop:
            edges.append(at)
    return list(pairwise([*edges, span.stop])) if span else []
