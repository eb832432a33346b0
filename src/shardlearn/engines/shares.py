"""Who gets how much: a pure policy. A worker's share of all blocks follows its speed, and stays until a move pays.

There is no clock here: what pieces took goes in, shares come out. Shares are contiguous, in the order of the workers'
numbers. They decide where work is done first, never what comes of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from .rounds import Piece, size_of

SMOOTH = 0.2  # weight of a new measurement, unless it is as far as this from what was known: it counts alone then
FAR = 1.5
GAIN = 0.12  # of a round's time: less is not worth the caches that a move costs
MISSED = 3  # rounds without a worker, after which others get its share
SHORT = 0.02  # seconds: what takes less says more about messages than about workers


@dataclass(frozen=True, slots=True)
class Clocked:
    """What a worker took for a piece."""

    worker: int
    piece: Piece
    seconds: float
    kind: Hashable = None  # of question
    cold: bool = False  # its rows were read; else they were at hand


@dataclass(frozen=True, slots=True)
class Deal:
    """Workers by number, their shares of all blocks, and seconds that one of them took for a block of each kind."""

    workers: tuple[int, ...]
    weights: tuple[float, ...]
    seconds: Mapping[Hashable, float] = field(default_factory=dict)

    def home(self, at: float) -> int:
        """The worker in whose share a place lies, from 0 to 1."""
        edges = list(accumulate(self.weights))
        return self.workers[min(bisect_right(edges, at), len(edges) - 1)]


def equal_deal(workers: Iterable[int]) -> Deal:
    """As long as nothing is known of them."""
    numbers = tuple(sorted(workers))
    return Deal(numbers, (1.0 / len(numbers),) * len(numbers))


@dataclass(slots=True)
class Shares:
    """Changes only through `after`."""

    now: Deal
    speeds: dict[int, float] = field(default_factory=dict)  # against one another
    missed: dict[int, int] = field(default_factory=dict)  # rounds in a row

    def after(self, there: Sequence[int], clocked: Sequence[Clocked] = ()) -> Deal:
        """The shares for the next round: who is there, and what the pieces of the last one took."""
        if clocked:
            self._learn(clocked)
            self.missed = {w: self.missed.get(w, 0) + 1 for w in self.now.workers if w not in there}
        gone = {worker for worker, rounds in self.missed.items() if rounds >= MISSED}
        members = sorted({*there, *(set(self.now.workers) - gone if there else self.now.workers)})
        if tuple(members) != self.now.workers or self._gain() > GAIN:
            speeds = [self._speed(worker) for worker in members]
            weights = tuple(speed / sum(speeds) for speed in speeds)
            self.now = Deal(tuple(members), weights, self.now.seconds)
        return self.now

    def _learn(self, clocked: Sequence[Clocked]) -> None:
        self.now = Deal(self.now.workers, self.now.weights, {**self.now.seconds, **seconds_each(clocked)})
        rates = rates_of([one for one in clocked if one.seconds >= SHORT])
        scale = sum(map(self._speed, rates)) / (sum(rates.values()) or 1.0)
        for worker, rate in {worker: scale * rate for worker, rate in rates.items()}.items():
            old = self._speed(worker)
            near = worker in self.speeds and old / FAR < rate < old * FAR
            self.speeds[worker] = old + (SMOOTH if near else 1.0) * (rate - old)

    def _speed(self, worker: int) -> float:
        """Of one that is not known: what others have in the mean."""
        known = self.speeds.values()
        return self.speeds.get(worker, sum(known) / len(known) if known else 1.0)

    def _gain(self) -> float:
        """Which part of a round's time shares that fit the speeds would save."""
        speeds = [self._speed(worker) for worker in self.now.workers]
        takes = max(weight / speed for weight, speed in zip(self.now.weights, speeds, strict=True))
        return 1.0 - 1.0 / (sum(speeds) * takes)


def rates_of(clocked: Sequence[Clocked]) -> dict[int, float]:
    """Blocks a second of each worker, over pieces of one sort: read ones, or those at hand, as there are more."""
    cold = sum(size_of(one.piece) * (1 if one.cold else -1) for one in clocked) > 0
    alike = [one for one in clocked if one.cold == cold]
    return {
        worker: sum(size_of(one.piece) for one in alike if one.worker == worker)
        / sum(one.seconds for one in alike if one.worker == worker)
        for worker in {one.worker for one in alike}
    }


def seconds_each(clocked: Sequence[Clocked]) -> dict[Hashable, float]:
    """Seconds for a block, by kind of question."""
    out: dict[Hashable, float] = {}
    for kind in {one.kind for one in clocked}:
        same = [one for one in clocked if one.kind == kind]
        out[kind] = sum(one.seconds for one in same) / sum(size_of(one.piece) for one in same)
    return out
