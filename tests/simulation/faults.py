"""Faults as data: what happens to which attempt, and to the driver. A schedule can be printed, counted and replayed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from shardlearn.engines.rounds import Piece, Ticket


class Kind(Enum):
    """What happens to one attempt, in words for people."""

    DIES_BEFORE_READING = "its worker dies before it reads"
    DIES_IN_COMPUTE = "its worker dies in the middle of a block"
    DIES_IN_MERGE = "its worker dies while it merges"
    DIES_BEFORE_REPLY = "its worker dies with the answer in its hands"
    DIES_AFTER_REPLY = "its worker dies after the answer has left"
    FAILS = "an error of reading ends it half-way; its worker stays"
    STALLS = "its worker is stopped, and goes on much later"
    LATE = "its answer is on the way beyond the deadline"
    VANISHES = "its answer is lost on the way; nobody notices"
    SLOW = "its answer is overtaken by others"
    TWICE = "its answer comes twice"
    ECHO = "its answer comes again in a later round"
    CUT = "its worker, and of three the one beside, is cut off; nobody notices"
    CUT_TOLD = "the same, and it is said to be lost; then it answers"


DEADLY = (Kind.DIES_BEFORE_READING, Kind.DIES_IN_COMPUTE, Kind.DIES_IN_MERGE, Kind.DIES_BEFORE_REPLY)
# Those after which the piece is tried again.
COSTLY = (*DEADLY, Kind.FAILS, Kind.STALLS, Kind.LATE, Kind.VANISHES, Kind.CUT, Kind.CUT_TOLD)

DEADLINE, NOTICE = 10.0, 3.0  # seconds of an attempt; until a worker that is cut off is said to be lost
CALLS, FLUSHES = 22, 9  # of the file system by a checkpoint, at least
SECONDS = {Kind.STALLS: 11.5, Kind.LATE: 11.0, Kind.SLOW: 2.5, Kind.TWICE: 0.01, Kind.CUT: 12.5, Kind.CUT_TOLD: 4.0}


@dataclass(frozen=True, slots=True)
class Fault:
    """One attempt of one piece of one round, and what happens to it."""

    kind: Kind
    round: int
    first: int  # of the piece
    attempt: int = 1
    seconds: float = 0.0  # that something takes

    def hits(self, ticket: Ticket, done: int) -> bool:
        """`done`: rounds of the fit that an earlier driver did."""
        return (self.round, self.first, self.attempt) == (done + ticket.round, ticket.range[0], ticket.attempt)

    def __str__(self) -> str:
        return f"round {self.round}, piece from {self.first}, attempt {self.attempt}: {self.kind.value}"


@dataclass(frozen=True, slots=True)
class Crash:
    """The driver dies at a call of the file system, or at the start of a round.

    `power`: so does the machine, and what was not flushed may be gone, torn or there, by `luck`. `lies`: numbers of
    the flushes that do nothing and say nothing.
    """

    at_call: int | None = None
    at_round: int | None = None
    power: bool = True
    luck: int = 0
    lies: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """The cluster on which a fit runs, and its policy."""

    subject: str
    workers: int = 3
    shared: bool = False  # threads: one place for all; else each worker remembers by itself, and forgets when it dies
    scatter: bool = False  # all answers that can be cut stay with workers, and go with them
    resident: bool = False  # blocks are views of arrays in memory, which are never cached
    backup_after: float | None = None
    batch: float = 0.0  # seconds in which the driver looks away after something came
    seed: int = 0  # of how long things take


@dataclass(frozen=True, slots=True)
class Schedule:
    """One run, wholly determined."""

    setting: Setting
    faults: tuple[Fault, ...] = ()
    crashes: tuple[Crash, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """A piece of a round of a fit without faults."""

    round: int
    piece: Piece
    merges: bool  # its worker merges answers
    alone: bool  # in its round
    last: bool  # no round comes after

    def allows(self, kind: Kind) -> bool:
        """Whether this can happen here. The last round ends with its last answer, so nothing comes after it."""
        match kind:
            case Kind.DIES_IN_MERGE:
                return self.merges
            case Kind.SLOW:
                return not self.alone
            case Kind.TWICE | Kind.ECHO:
                return not self.last
            case _:
                return True


def fault(kind: Kind, site: Site, attempt: int = 1) -> Fault:
    return Fault(kind, site.round, site.piece[0], attempt, SECONDS.get(kind, 0.0))


def singles(sites: Sequence[Site]) -> list[Fault]:
    """Every kind at every piece of every round where it can happen."""
    return [fault(kind, site) for site in sites for kind in Kind if site.allows(kind)]


def pairs(sites: Sequence[Site]) -> list[tuple[Fault, Fault]]:
    """All pairs of single faults; of those at one piece the second hits the second attempt, where there is one."""
    one = singles(sites)
    apart = [(a, b) for i, a in enumerate(one) for b in one[i + 1 :] if (a.round, a.first) != (b.round, b.first)]
    again = [kind for kind in Kind if kind is not Kind.SLOW]  # a second attempt may be the last that runs
    same = [(a, b, site) for site in sites for a in COSTLY for b in again if site.allows(a) and site.allows(b)]
    return apart + [(fault(a, site), fault(b, site, 2)) for a, b, site in same]


def drawn(
    seed: int, subjects: Sequence[str], sites: Callable[[Setting], Sequence[Site]], scatter: bool = False
) -> Schedule:
    """A random schedule: faults of up to four pieces, up to four in a row, and up to two deaths of the driver."""
    draw = random.Random(seed)
    setting = Setting(
        draw.choice(subjects),
        workers=draw.choice((1, 2, 3, 5)),
        shared=draw.random() < 0.3,
        resident=draw.random() < 0.3,
        backup_after=draw.choice((None, None, 1.5, 3.0)),
        batch=draw.choice((0.0, 0.0, 0.3, 2.0)),
        seed=seed,
    )
    if scatter:  # rounds of the driver are not those of the fit, by which its deaths are counted
        setting = replace(setting, shared=False, scatter=True)
    places = sites(setting)
    return Schedule(setting, _struck(draw, setting, places), () if scatter else _crashes(draw, places[-1].round))


def _struck(draw: random.Random, setting: Setting, sites: Sequence[Site]) -> tuple[Fault, ...]:
    faults: dict[tuple[int, int, int], Fault] = {}
    for _ in range(draw.randint(1, 4)):
        site, attempts = draw.choice(sites), draw.choice((1,) * 12 + (2,) * 5 + (3,) * 4 + (4,))
        for attempt in range(1, attempts + 1):  # what comes after the first needs a second attempt, and so on
            kinds = [kind for kind in (COSTLY if attempt < attempts else Kind) if site.allows(kind)]
            kind = draw.choice(kinds)
            if kind is Kind.SLOW and (attempt > 1 or setting.workers == 1):
                kind = Kind.LATE
            one = fault(kind, site, attempt)
            long = (1.0, 1.0, 1.0, 2.0, 6.0) if attempt < attempts else (0.3, 0.3, 1.0, 1.0, 2.0, 6.0)
            one = replace(one, seconds=one.seconds * draw.choice(long))
            faults.setdefault((one.round, one.first, one.attempt), one)
    return tuple(faults.values())


def _crashes(draw: random.Random, rounds: int) -> tuple[Crash, ...]:
    """In order of time; calls and flushes are counted through all lives of the driver."""
    crashes, before = list[Crash](), 0
    for at in sorted(draw.randint(1, rounds) for _ in range(draw.choice((0, 0, 0, 1, 2)))):
        call = draw.randrange(CALLS * (at - 1) + 1, CALLS * at) if draw.random() < 0.5 else None
        flushes = FLUSHES * (at if call is None else at - 1)
        flushed = range(max(flushes - 2 * FLUSHES, before), flushes)  # since the driver died before, and not long ago
        lies, before = draw.sample(flushed, draw.choice((0, 1, 1, 2)) if flushed else 0), FLUSHES * at
        where = {"at_round": at} if call is None else {"at_call": call}
        crashes.append(Crash(power=draw.random() < 0.7, luck=draw.randrange(1000), lies=tuple(sorted(lies)), **where))
    return tuple(crashes)
