"""One round of work as a pure policy: what happened goes in, what to do comes out, each with its reason in words.

A round is over when every piece has been answered once, or when it gives up. There is no clock, thread or socket here:
`now` is passed in, so every schedule can be replayed. How a piece lives:

    waiting --Submit--> live --Done--> answered          (Take; the piece's other attempt is cancelled)
       ^                  |            (in a pool that is given work ahead, live begins with Began)
       |                  |--Failed(again), Lost, deadline--> waiting, or spent after `attempts` (then GiveUp)
       +------------------+--Failed(not again)--> spent at once: the error is a function of data or code
                          |--Tick, slow, a slot free--> a second live attempt, never a third

Of several spent pieces the lowest gives the error, and pieces below it are still finished first: so the same data give
the same error whatever the number of workers and their timing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TypeAlias

Piece: TypeAlias = tuple[int, int]  # first and last (excluded) of a range of blocks, or of runs


@dataclass(frozen=True, slots=True)
class Ticket:
    """Names one attempt, so that a late answer is never taken for another."""

    job: int
    epoch: int  # generation of the pool: a child after a fork counts on from its own
    round: int
    range: Piece
    attempt: int


# -- what happened -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Done:
    """An attempt has its answer."""

    ticket: Ticket
    answer: object


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt ended with an error; `again`: another attempt may do better."""

    ticket: Ticket
    error: BaseException
    again: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker is gone, and these attempts with it."""

    tickets: tuple[Ticket, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Began:
    """A worker has taken up an attempt that was waiting for one: its time runs from now on."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Manned:
    """So many attempts can be worked at, at once, from now on: workers have joined or left."""

    slots: int


@dataclass(frozen=True, slots=True)
class Passed:
    """The answers up to here (excluded) were handed on: moves the window of a stream."""

    upto: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has gone by."""


Stimulus: TypeAlias = Began | Done | Failed | Lost | Manned | Passed | Tick


# -- what to do --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Submit:
    """Start an attempt."""

    ticket: Ticket
    why: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop an attempt; if it answers all the same, the answer is dropped."""

    ticket: Ticket
    why: str


@dataclass(frozen=True, slots=True)
class Take:
    """Use this answer: the only one for its piece."""

    ticket: Ticket
    answer: object
    why: str = "first answer"


@dataclass(frozen=True, slots=True)
class Drop:
    """Throw an answer away."""

    ticket: Ticket
    why: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The round has failed. `raised`: the error is the user's, as raised; else it is the last of several reasons."""

    piece: Piece
    error: BaseException | None
    raised: bool
    why: str


Command: TypeAlias = Submit | Cancel | Take | Drop | GiveUp


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient a round is; seconds."""

    attempts: int = 4
    deadline: float = 1800.0  # of one attempt
    backup_after: float | None = None  # x median duration of its size: start a second attempt; None: never
    backup_floor: float = 1.0  # and not before so long
    backup_quorum: float = 0.5  # and not before this share of the pieces was answered


@dataclass(slots=True)
class Round:
    """Changes only through `start` and `on`. Pieces are in the order in which they are to be started."""

    job: int
    epoch: int
    number: int
    pieces: Sequence[Piece]
    slots: int  # attempts that are worked at, at once
    policy: Policy = field(default_factory=Policy)
    window: int | None = None  # blocks that may be started ahead of those that were handed on; None: all
    ahead: int = 1  # live attempts for each slot; more than 1: those that wait for a worker begin with Began
    dropped: int = 0
    over: bool = False
    answered: set[Piece] = field(default_factory=set)
    live: dict[Ticket, float] = field(default_factory=dict)  # since when
    begun: set[Ticket] = field(default_factory=set)
    _waiting: list[Piece] = field(default_factory=list)  # last one first
    _whys: dict[Piece, list[str]] = field(default_factory=dict)  # why earlier attempts ended
    _attempts: dict[Piece, int] = field(default_factory=dict)
    _spent: dict[Piece, tuple[BaseException | None, bool]] = field(default_factory=dict)
    _durations: list[float] = field(default_factory=list)  # by block or run
    _passed: int = 0
    _moved: float = 0.0  # when anybody was at work last

    def start(self, now: float) -> list[Command]:
        """The first attempts."""
        self._waiting = list(reversed(self.pieces))
        self._passed = min((first for first, _ in self.pieces), default=0)
        self.over = not self.pieces
        return self._fill(now)

    def on(self, stimulus: Stimulus, now: float) -> list[Command]:
        """What to do now that this has happened."""
        commands: list[Command] = []
        match stimulus:
            case Done(ticket, answer):
                commands = self._done(ticket, answer, now)
            case Failed(ticket, error, again):
                commands = self._ended(ticket, error, again, f"{type(error).__name__}: {error}")
            case Lost(tickets, why):
                commands = [c for ticket in tickets for c in self._ended(ticket, None, True, why)]
            case Began(ticket) if ticket in self.live:
                self.live[ticket] = now
                self.begun.add(ticket)
            case Manned(slots):
                self.slots = slots
            case Passed(upto):
                self._passed = upto
            case Tick():
                commands = self._overdue(now)
        if self.over:
            return commands
        return commands + self._verdict() + self._fill(now) + self._backups(now)

    def _done(self, ticket: Ticket, answer: object, now: float) -> list[Command]:
        since = self.live.pop(ticket, None)
        if since is None:
            self.dropped += 1
            return [Drop(ticket, "late: its piece was answered, given up or tried again")]
        self._durations.append((now - since) / size_of(ticket.range))
        self.answered.add(ticket.range)
        self.over = len(self.answered) == len(self.pieces)
        return [Take(ticket, answer), *self._cancel(ticket.range, "another attempt was faster")]

    def _ended(self, ticket: Ticket, error: BaseException | None, again: bool, why: str) -> list[Command]:
        if self.live.pop(ticket, None) is None:
            return []  # cancelled before it failed
        piece = ticket.range
        whys = self._whys.setdefault(piece, [])
        whys.append(f"attempt {ticket.attempt}: {why}")
        if not again:
            self._spent[piece] = error, True
            return self._cancel(piece, "the error is one of data or code")
        if any(other.range == piece for other in self.live):
            return []  # the other attempt may still answer
        if self._attempts[piece] >= self.policy.attempts:
            self._spent[piece] = error, False
        else:
            self._waiting.append(piece)  # next in turn
        return []

    def _overdue(self, now: float) -> list[Command]:
        """What waits for a worker is overdue only where nobody has been at work for as long."""
        commands: list[Command] = []
        at_work = self.live if self.ahead == 1 else self.begun.intersection(self.live)
        if at_work:
            self._moved = now
        for ticket, since in list(self.live.items()):
            if now - (since if ticket in at_work else max(since, self._moved)) >= self.policy.deadline:
                why = f"no answer within {self.policy.deadline:g} s"
                commands += [Cancel(ticket, why), *self._ended(ticket, None, True, why)]
        return commands

    def _verdict(self) -> list[Command]:
        """Give up when all below the lowest spent piece is answered; until then do no more above it."""
        if not self._spent:
            return []
        lowest = min(self._spent)
        self._waiting = [piece for piece in self._waiting if piece < lowest]
        above = [ticket for ticket in self.live if ticket.range > lowest]
        commands: list[Command] = [c for ticket in above for c in self._cancel(ticket.range, "an earlier piece failed")]
        if not self._waiting and not self.live:
            self.over = True
            error, raised = self._spent[lowest]
            commands.append(GiveUp(lowest, error, raised, "; ".join(self._whys[lowest])))
        return commands

    def _cancel(self, piece: Piece, why: str) -> list[Command]:
        tickets = [ticket for ticket in self.live if ticket.range == piece]
        for ticket in tickets:
            del self.live[ticket]
        return [Cancel(ticket, why) for ticket in tickets]

    def _fill(self, now: float) -> list[Command]:
        commands: list[Command] = []
        while self._waiting and len(self.live) < self.ahead * self.slots and self._open(self._waiting[-1]):
            piece = self._waiting.pop()
            whys = self._whys.get(piece)
            commands.append(self._submit(piece, now, whys[-1] if whys else "first attempt"))
        return commands

    def _open(self, piece: Piece) -> bool:
        return self.window is None or piece[0] == self._passed or piece[1] <= self._passed + self.window

    def _backups(self, now: float) -> list[Command]:
        """Second attempts, when nothing waits: of what takes long for its size, while there is a slot for each."""
        after, need = self.policy.backup_after, self.policy.backup_quorum * len(self.pieces)
        idle = self.ahead == 1 or self.begun.issuperset(self.live)
        if after is None or self._waiting or not idle or not self._durations or len(self.answered) < need:
            return []
        usual = after * median(self._durations)
        running = [ticket.range for ticket in self.live]
        commands: list[Command] = []
        for ticket, since in list(self.live.items()):
            alone = running.count(ticket.range) == 1 and self._attempts[ticket.range] < self.policy.attempts
            late = now - since > max(usual * size_of(ticket.range), self.policy.backup_floor)
            if alone and late and len(self.live) < self.slots:
                commands.append(self._submit(ticket.range, now, f"backup: no answer after {now - since:.3g} s"))
        return commands

    def _submit(self, piece: Piece, now: float, why: str) -> Submit:
        attempt = self._attempts[piece] = self._attempts.get(piece, 0) + 1
        ticket = Ticket(self.job, self.epoch, self.number, piece, attempt)
        self.live[ticket] = now
        return Submit(ticket, why)


def size_of(piece: Piece) -> int:
    """Blocks, or runs."""
    return piece[1] - piece[0]
