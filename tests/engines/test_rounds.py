"""Law 9: whatever happens, in whatever order, a round ends in time, and every piece is answered once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shardlearn.engines.rounds import (
    Began,
    Cancel,
    Command,
    Done,
    Drop,
    Failed,
    GiveUp,
    Lost,
    Manned,
    Passed,
    Piece,
    Policy,
    Round,
    Stimulus,
    Submit,
    Take,
    Tick,
    Ticket,
)


def round_of(pieces: int, **settings: Any) -> Round:
    settings.setdefault("slots", pieces)
    policy = Policy(**{name: settings.pop(name) for name in list(settings) if hasattr(Policy(), name)})
    return Round(1, 0, 7, [(i, i + 1) for i in range(pieces)], policy=policy, **settings)


def kinds(commands: list[Command]) -> list[type[Command]]:
    return [type(command) for command in commands]


class World:
    """Virtual time, and what the policy's commands may assume: checks the law at every step."""

    def __init__(self, round_: Round) -> None:
        self.round, self.now = round_, 0.0
        self.live: set[Ticket] = set()
        self.used: set[Ticket] = set()
        self.gone: list[Ticket] = []  # cancelled or failed: may still answer
        self.taken: dict[Piece, object] = {}
        self.gave_up: GiveUp | None = None
        self.drops = 0
        self.obey(round_.start(0.0))

    def tell(self, stimulus: Stimulus) -> None:
        self.obey(self.round.on(stimulus, self.now))

    def obey(self, commands: list[Command]) -> None:
        for command in commands:
            assert not self.gave_up or isinstance(command, Drop)
            match command:
                case Submit(ticket, why):
                    assert why
                    assert ticket not in self.used
                    self.used.add(ticket)
                    self.live.add(ticket)
                case Cancel(ticket, why):
                    assert why
                    self.live.remove(ticket)
                    self.gone.append(ticket)
                case Take(ticket, answer):
                    assert ticket.range not in self.taken
                    self.taken[ticket.range] = answer
                case Drop(_, why):
                    assert why
                    self.drops += 1
                case GiveUp():
                    self.gave_up = command
        assert self.live == set(self.round.live)
        assert len(self.live) <= self.round.slots * self.round.ahead
        for piece in self.round.pieces:
            assert sum(ticket.range == piece for ticket in self.live) <= 2
            assert sum(ticket.range == piece for ticket in self.used) <= self.round.policy.attempts
        if self.round.over:
            assert not self.live
            assert (len(self.taken) == len(self.round.pieces)) != (self.gave_up is not None)


FATES = st.sampled_from(["done", "again", "fatal", "lost", "late", "tick", "begins"])


@settings(max_examples=400, deadline=None)
@given(
    pieces=st.integers(1, 6),
    slots=st.integers(1, 8),
    attempts=st.integers(1, 4),
    backup=st.sampled_from([None, 1.5, 3.0]),
    ahead=st.sampled_from([1, 2, 8]),
    script=st.lists(st.tuples(FATES, st.integers(0, 50), st.integers(0, 9)), max_size=80),
)
def test_every_round_ends_in_time(
    pieces: int, slots: int, attempts: int, backup: float | None, ahead: int, script: list[tuple[str, int, int]]
) -> None:
    world = World(round_of(pieces, slots=slots, attempts=attempts, deadline=10.0, backup_after=backup, ahead=ahead))
    for fate, which, elapsed in script:
        world.now += elapsed
        live = sorted(world.live, key=lambda t: (t.range, t.attempt))
        if fate == "late" and world.gone:
            world.tell(Done(world.gone[which % len(world.gone)], "late"))
        elif fate in ("tick", "late") or not live:
            world.tell(Tick())
        else:
            ticket = live[which % len(live)]
            if fate not in ("lost", "begins"):
                world.live.discard(ticket)
            if fate == "begins":
                world.tell(Began(ticket))
            elif fate == "done":
                world.tell(Done(ticket, ticket.range))
            elif fate == "lost":
                world.live -= set(live[:2])
                world.tell(Lost(tuple(live[:2]), "worker gone"))
            else:
                world.gone.append(ticket)
                world.tell(Failed(ticket, ValueError("x"), fate == "again"))
    ended = 0.0
    while not world.round.over:  # from here on, silence
        ended += 10.0
        world.now += 10.0
        world.tell(Tick())
    waves = -(-pieces // slots)
    assert ended <= waves * attempts * 10.0 + (10.0 if ahead > 1 else 0.0)
    assert all(answer == piece for piece, answer in world.taken.items())
    assert world.drops == world.round.dropped


def test_no_pieces_no_round() -> None:
    round_ = round_of(0, slots=1)
    assert round_.start(0.0) == []
    assert round_.over


def test_an_answer_is_used_once_and_late_ones_are_counted() -> None:
    round_ = round_of(2)
    first, second = (command.ticket for command in round_.start(0.0) if isinstance(command, Submit))
    assert kinds(round_.on(Done(first, 1), 1.0)) == [Take]
    assert kinds(round_.on(Done(first, 1), 1.0)) == [Drop]
    other = Ticket(1, 0, 6, second.range, 1)  # of another round
    assert kinds(round_.on(Done(other, 1), 1.0)) == [Drop]
    assert round_.dropped == 2
    assert kinds(round_.on(Done(second, 2), 1.0)) == [Take]
    assert round_.over
    assert kinds(round_.on(Done(second, 2), 1.0)) == [Drop]


def test_four_attempts_and_all_their_reasons() -> None:
    round_ = round_of(1)
    commands = round_.start(0.0)
    for attempt in range(1, 5):
        (submit,) = commands
        assert isinstance(submit, Submit)
        assert submit.ticket.attempt == attempt
        commands = round_.on(Failed(submit.ticket, OSError("disk"), True), float(attempt))
    (end,) = commands
    assert isinstance(end, GiveUp)
    assert end.piece == (0, 1)
    assert not end.raised
    assert isinstance(end.error, OSError)
    assert end.why == "; ".join(f"attempt {i}: OSError: disk" for i in range(1, 5))


def test_errors_of_data_are_raised_at_once() -> None:
    round_ = round_of(1)
    (submit,) = round_.start(0.0)
    error = ValueError("bad")
    (end,) = round_.on(Failed(submit.ticket, error, False), 1.0)
    assert isinstance(end, GiveUp)
    assert (end.raised, end.error) == (True, error)


@pytest.mark.parametrize("order", [(1, 3), (3, 1)])
def test_the_lowest_error_wins_whatever_came_first(order: tuple[int, int]) -> None:
    round_ = round_of(5, slots=5)
    tickets = [command.ticket for command in round_.start(0.0) if isinstance(command, Submit)]
    commands = []
    for i in order:
        commands += round_.on(Failed(tickets[i], ValueError(str(i)), False), 1.0)
    assert GiveUp not in kinds(commands)
    (_, end) = round_.on(Done(tickets[0], None), 2.0)
    assert isinstance(end, GiveUp)
    assert str(end.error) == "1"


def test_what_is_silent_is_cancelled_and_tried_again() -> None:
    round_ = round_of(1, deadline=5.0, slots=2)
    (submit,) = round_.start(0.0)
    assert round_.on(Tick(), 4.9) == []
    cancel, again = round_.on(Tick(), 5.0)
    assert isinstance(cancel, Cancel)
    assert isinstance(again, Submit)
    assert (cancel.ticket, again.ticket.attempt) == (submit.ticket, 2)
    assert "5 s" in cancel.why
    assert again.why == "attempt 1: no answer within 5 s"


def test_who_joins_begins_what_takes_long_a_second_time() -> None:
    round_ = round_of(2, slots=1, ahead=2, backup_after=3.0, backup_floor=0.0)
    first, second = (command.ticket for command in round_.start(0.0) if isinstance(command, Submit))
    round_.on(Began(first), 0.0)
    round_.on(Began(second), 0.0)
    round_.on(Done(second, 1), 1.0)
    assert round_.on(Tick(), 9.0) == []
    (backup,) = round_.on(Manned(2), 9.0)
    assert isinstance(backup, Submit)
    assert backup.ticket.range == first.range


def test_a_straggler_gets_one_backup_and_the_faster_one_counts() -> None:
    round_ = round_of(4, slots=4, backup_after=3.0, backup_floor=0.0)
    tickets = [command.ticket for command in round_.start(0.0) if isinstance(command, Submit)]
    for ticket in tickets[:3]:
        assert kinds(round_.on(Done(ticket, 0), 1.0)) == [Take]
    assert round_.on(Tick(), 3.0) == []
    (backup,) = round_.on(Tick(), 3.1)
    assert isinstance(backup, Submit)
    assert backup.why == "backup: no answer after 3.1 s"
    assert round_.on(Tick(), 3.2) == []
    assert round_.on(Failed(tickets[3], OSError(), True), 3.3) == []  # the backup may still answer
    assert kinds(round_.on(Done(backup.ticket, 0), 9.5)) == [Take]
    assert round_.over


def test_time_runs_from_when_a_worker_takes_it_up() -> None:
    """What waits for a worker is not slow, and as long as anything waits nobody is idle."""
    round_ = round_of(3, slots=2, ahead=8, backup_after=3.0, backup_floor=0.0)
    tickets = [command.ticket for command in round_.start(0.0) if isinstance(command, Submit)]
    assert len(tickets) == 3
    for ticket in tickets[:2]:
        round_.on(Began(ticket), 0.0)
    assert kinds(round_.on(Done(tickets[0], 0), 1.0)) == [Take]
    round_.on(Began(Ticket(9, 9, 9, (0, 1), 1)), 1.0)  # of another round
    assert kinds(round_.on(Done(tickets[1], 0), 10.0)) == [Take]
    assert round_.on(Tick(), 40.0) == [], "nobody has begun it"
    assert round_.on(Began(tickets[2]), 40.0) == []
    assert round_.on(Tick(), 56.0) == []
    (backup,) = round_.on(Tick(), 57.0)
    assert isinstance(backup, Submit)
    assert round_.on(Tick(), 99.0) == []


def test_what_waits_for_a_worker_is_not_silent_while_others_are_at_work() -> None:
    round_ = round_of(3, slots=1, ahead=8, deadline=5.0)
    tickets = [command.ticket for command in round_.start(0.0) if isinstance(command, Submit)]
    round_.on(Began(tickets[0]), 1.0)
    assert round_.on(Tick(), 5.9) == []
    assert kinds(round_.on(Tick(), 6.0)) == [Cancel, Submit]
    assert round_.on(Tick(), 10.9) == []
    assert kinds(round_.on(Tick(), 11.0)) == 3 * [Cancel] + 3 * [Submit], "nobody has been at work for as long"


def test_a_large_piece_may_take_long() -> None:
    round_ = Round(1, 0, 7, [(0, 10), (10, 12), (12, 14)], 3, Policy(backup_after=3.0, backup_floor=0.0))
    tickets = [command.ticket for command in round_.start(0.0) if isinstance(command, Submit)]
    round_.on(Done(tickets[1], 0), 1.0)
    assert round_.on(Done(tickets[2], 0), 1.0)
    assert round_.on(Tick(), 15.0) == []
    assert kinds(round_.on(Tick(), 15.1)) == [Submit]


def test_the_slower_of_two_attempts_is_cancelled() -> None:
    round_ = round_of(2, slots=2, backup_after=1.0, backup_floor=0.0)
    one, two = (command.ticket for command in round_.start(0.0) if isinstance(command, Submit))
    round_.on(Done(one, 0), 1.0)
    (backup,) = round_.on(Tick(), 2.0)
    assert isinstance(backup, Submit)
    assert kinds(round_.on(Done(two, 0), 2.1)) == [Take, Cancel]
    assert kinds(round_.on(Done(backup.ticket, 0), 2.2)) == [Drop]


def test_an_error_of_data_cancels_the_backup_too() -> None:
    round_ = round_of(2, slots=2, backup_after=1.0, backup_floor=0.0)
    one, two = (command.ticket for command in round_.start(0.0) if isinstance(command, Submit))
    round_.on(Done(one, 0), 1.0)
    round_.on(Tick(), 2.0)
    assert kinds(round_.on(Failed(two, ValueError(), False), 2.1)) == [Cancel, GiveUp]


def test_a_failure_that_was_cancelled_before_is_nothing() -> None:
    round_ = round_of(1, deadline=1.0)
    (submit,) = round_.start(0.0)
    round_.on(Tick(), 1.0)
    assert round_.on(Failed(submit.ticket, ValueError(), False), 1.1) == []
    assert len(round_.live) == 1


def test_slots_and_the_window_of_a_stream() -> None:
    round_ = round_of(6, slots=3, window=2)
    tickets = [command.ticket for command in round_.start(0.0) if isinstance(command, Submit)]
    assert [ticket.range for ticket in tickets] == [(0, 1), (1, 2)]
    assert kinds(round_.on(Done(tickets[1], 0), 1.0)) == [Take]
    assert kinds(round_.on(Done(tickets[0], 0), 1.0)) == [Take]
    more = round_.on(Passed(2), 1.0)
    assert [c.ticket.range for c in more if isinstance(c, Submit)] == [(2, 3), (3, 4)]


def test_a_piece_wider_than_the_window_goes_alone() -> None:
    round_ = Round(1, 0, 0, [(0, 10), (10, 11)], 2, Policy(), window=2)
    (submit,) = round_.start(0.0)
    assert isinstance(submit, Submit)
    assert submit.ticket.range == (0, 10)
