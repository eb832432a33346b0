"""One schedule from its beginning to its end: the real engine, driver, policy, solver and checkpoints in a world."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.probes.plain import fingerprint

from shardlearn.core.errors import EngineError, StorageError
from shardlearn.engines import pool
from shardlearn.engines.plan import Here
from shardlearn.engines.pool import PoolEngine
from shardlearn.engines.rounds import Command, Drop, GiveUp, Piece, Policy, Round, Stimulus, Submit, Take, Ticket
from shardlearn.engines.spread import LARGE, Spread
from shardlearn.statistics import parts
from shardlearn.storage.checkpoints import Checkpoints
from shardlearn.storage.places import Local

from .disk import Disk, Killed, mounted
from .faults import DEADLINE, Crash, Fault, Schedule, Setting, Site
from .subjects import SUBJECTS, reference
from .world import World, told

POLL, ATTEMPTS = 0.5, Policy().attempts


class Broken(AssertionError):  # noqa: N818 - a promise, not an error of a program
    """A promise was not kept."""


@dataclass(slots=True)
class Watch:
    """Looks over the shoulder of the policy: counts, writes the log, and sees that no round takes for ever."""

    world: World
    counts: Counter[str] = field(default_factory=Counter)
    pieces: list[tuple[int, Piece]] = field(default_factory=list)  # of each round
    gave_up: GiveUp | None = None
    _began: float = 0.0
    _taken: set[Ticket] = field(default_factory=set)

    def policy(self, kind: type[Round]) -> type[Round]:
        """The policy, watched."""
        watch = self

        class Watched(kind):  # type: ignore[misc, valid-type]
            def start(self, now: float) -> list[Command]:
                watch._began = now
                watch.pieces += [(self.number, piece) for piece in self.pieces]
                return watch.seen(self, None, super().start(now), now)

            def on(self, stimulus: Stimulus, now: float) -> list[Command]:
                return watch.seen(self, stimulus, super().on(stimulus, now), now)

        return Watched

    def seen(self, round_: Round, stimulus: Stimulus | None, commands: list[Command], now: float) -> list[Command]:
        each = DEADLINE + POLL + self.world.schedule.setting.batch
        if now - self._began > ceil(len(round_.pieces) / round_.slots) * ATTEMPTS * each:
            raise Broken(f"round {round_.number} is not over after {now - self._began:g} s")
        for command in commands:
            self._count(round_, command)
        return commands

    def _count(self, round_: Round, command: Command) -> None:
        match command:
            case Submit(ticket, _):
                self.counts["retried"] += ticket.attempt > 1
                if ticket.attempt > ATTEMPTS:
                    raise Broken(f"attempt {ticket.attempt}")
            case Take(ticket, _):
                self._taken.add(ticket)
            case Drop(ticket, _):
                here = (ticket.epoch, ticket.round) == (round_.epoch, round_.number)
                self.counts["of another epoch"] += ticket.epoch != round_.epoch
                self.counts["of another round"] += not here
                self.counts["duplicate"] += here and ticket in self._taken
                self.counts["late"] += here and ticket not in self._taken
            case GiveUp():
                self.gave_up = command
        if self.world.log is not None:
            self.world.say(f"-> {type(command).__name__}{self._words(command)}: {command.why}")

    def _words(self, command: Command) -> str:
        return f" {command.piece}" if isinstance(command, GiveUp) else f" {told(command.ticket)}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a schedule."""

    schedule: Schedule
    fired: Sequence[Fault | Crash]
    fingerprint: str  # "" where it gave up
    error: EngineError | None
    counts: Counter[str]
    seconds: float  # virtual

    @property
    def all_fired(self) -> bool:
        return len(self.fired) == len(self.schedule.faults) + len(self.schedule.crashes)


@dataclass(slots=True)
class Run:
    """The lives of a driver, until one of them ends well or gives up."""

    schedule: Schedule
    policy: type[Round] = Round
    log: list[str] | None = None
    disk: Disk = field(default_factory=Disk)
    kept: Any = None  # the state whose checkpoint was said to be stored
    folder: int = 0
    lied: int = 0  # flushes that did nothing before this life
    world: World = field(init=False)
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.schedule, log=self.log)
        self.watch = Watch(self.world)

    def outcome(self) -> Outcome:
        error, out, crashes = None, None, list(self.schedule.crashes)
        there = mounted(self.disk) if crashes else nullcontext()
        small = patch.multiple(parts, BYTES=16) if self.schedule.setting.scatter else nullcontext()
        with patch.object(pool, "Round", self.watch.policy(self.policy)), there, small:
            while out is None and error is None:
                crash = crashes.pop(0) if crashes else None
                try:
                    out = self._life(crash)
                except Killed:
                    self._dies(crash)
                except EngineError as raised:
                    error = self._given_up(raised)
        if out is not None and out != reference(self.schedule.setting.subject)[0]:
            raise Broken("another model than without faults")
        world = self.world
        return Outcome(self.schedule, world.fired, out or "", error, self.watch.counts, world.clock.now)

    def _life(self, crash: Crash | None) -> str:
        setting, subject = self.schedule.setting, SUBJECTS[self.schedule.setting.subject]
        self.world.new_driver(crash)
        engine = PoolEngine(
            "simulated",
            self.world,
            policy=Policy(deadline=DEADLINE, backup_after=setting.backup_after),
            plans=Here() if setting.shared else Spread(large=0 if setting.scatter else LARGE),
            poll=POLL,
            job=0,
            inbox=self.world.new_inbox,
        )
        if not self.schedule.crashes:
            return subject.fitted(engine, resident=setting.resident)[1]
        kept = self._checkpoints()
        state = self._found(kept)
        if crash is not None:
            self.disk.dies_at, self.disk.lies = crash.at_call, frozenset(crash.lies)
        return subject.fitted(engine, state, lambda now: self._saved(kept, now), resident=setting.resident)[1]

    def _checkpoints(self) -> Checkpoints:
        return Checkpoints(Local(Path(f"/runs/{self.folder}")), {"subject": self.schedule.setting.subject})

    def _saved(self, kept: Checkpoints, state: Any) -> bool:
        kept.save(state)
        self.world.say("checkpoint stored")
        self.kept = state
        return False

    def _number(self, state: Any) -> int:
        """How many rounds a state has behind it: it is one of those that it would be without faults."""
        if state is None:
            return 0
        known = reference(self.schedule.setting.subject)[1]
        found = fingerprint(state)
        if found not in known:
            raise Broken("a checkpoint holds a state that was never there")
        return known.index(found) + 1

    def _found(self, kept: Checkpoints) -> Any:
        """The newest whole checkpoint. Where all are damaged, it is said, and another folder is taken."""
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                state = kept.newest()
            except StorageError as error:
                if not self.disk.lied:
                    raise
                self.world.say(f"checkpoints refused: {error.first}")
                self.watch.counts["refused"] += 1
                self.folder += 1
                self.kept, self.world.done = None, 0
                return None
        self.watch.counts["damaged"] += len(said)
        rounds, stored = self._number(state), self._number(self.kept)
        self.world.say(f"the driver begins after round {rounds}; {len(said)} damaged checkpoints")
        if not self.disk.lied and (rounds < stored or said):
            raise Broken(f"round {stored} was stored, {rounds} was found")
        self.watch.counts["resumed"] += rounds > 0
        self.world.done = rounds
        return state

    def _dies(self, crash: Crash | None) -> None:
        assert crash is not None
        self.world.say(f"the driver dies: {crash}")
        self.world.dead = True
        lost, self.lied = self.disk.lied - self.lied, self.disk.lied
        self.watch.counts["flushes lost"] += lost
        if lost or not crash.lies:
            self.world.fired.append(crash)
        self.disk.born_again(crash.power, crash.luck)

    def _given_up(self, error: EngineError) -> EngineError:
        """It may give up only where each of four attempts was hit, or what was kept was lost four times."""
        if error.code == "SL4004" and len(self.world.missed) >= ATTEMPTS:
            return error
        end = self.watch.gave_up
        if error.code != "SL4001" or end is None or not error.where:
            raise Broken("an error that says nothing") from error
        piece = [t for t in self.world.hit if t.range == end.piece and t.round == self.world.round]
        if {t.attempt for t in piece if t.epoch == self.world.epoch} != set(range(1, ATTEMPTS + 1)):
            raise Broken(f"gave up at {end.piece} after {end.why}, though something could have been done") from error
        return error


def simulate(schedule: Schedule, policy: type[Round] = Round, log: list[str] | None = None) -> Outcome:
    """What comes of a schedule; raises where a promise is not kept."""
    return Run(schedule, policy, log).outcome()


def sites(setting: Setting) -> tuple[Site, ...]:
    """Pieces and rounds of the same fit without faults."""
    return _sites(replace(setting, seed=0, batch=0.0, backup_after=None))


@cache
def _sites(setting: Setting) -> tuple[Site, ...]:
    run = Run(Schedule(setting))
    run.world.learns = True
    run.outcome()
    pieces, merging = run.watch.pieces, run.world.merging
    crowd = Counter(number for number, _ in pieces)
    last = pieces[-1][0]
    return tuple(Site(at, piece, (at, piece) in merging, crowd[at] == 1, at == last) for at, piece in pieces)
