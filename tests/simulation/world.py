"""Virtual time, and a cluster in it: workers really do their tasks, and die, stall and are cut off as they are told.

No thread, no sleep: what is due happens when the driver looks into its inbox.
"""

from __future__ import annotations

import heapq
import pickle
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from shardlearn.core.events import ignore
from shardlearn.engines.pool import Inbox
from shardlearn.engines.reading import Attempt, Place
from shardlearn.engines.rounds import Began, Done, Failed, Lost, Piece, Stimulus, Ticket
from shardlearn.engines.scatter import Left, parted
from shardlearn.engines.work import Task, worth_another_try

from .disk import Killed
from .faults import NOTICE, Crash, Fault, Kind, Schedule
from .tripping import Died, raising, tripped

TRAVEL, BIRTH, OBITUARY = 0.01, 0.5, 0.2  # seconds: of a message; until a worker is replaced; until a death is known


@dataclass(slots=True)
class Clock:
    """What is due, in order of time."""

    now: float = 0.0
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: Any = field(default_factory=count)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now + seconds, next(self._order), action))

    def step(self, until: float) -> bool:
        """Do what is due next, if that is in time."""
        if not self._due or self._due[0][0] > until:
            return False
        self.now, _, action = heapq.heappop(self._due)
        action()
        return True


@dataclass(slots=True)
class VirtualInbox(Inbox):
    """One in which time goes by only while the driver waits."""

    world: Any = None

    def now(self) -> float:
        return self.world.clock.now  # type: ignore[no-any-return]

    def arrived(self, timeout: float) -> list[Stimulus]:
        clock = self.world.clock
        until = clock.now + timeout
        self.world.driver_looks()
        while self.stimuli.empty() and clock.step(until):
            pass
        if self.stimuli.empty():
            clock.now = until
            return []
        until = clock.now + self.world.schedule.setting.batch
        while clock.step(until):
            pass
        clock.now = until
        return [self.stimuli.get() for _ in range(self.stimuli.qsize())]


@dataclass(slots=True, eq=False)
class Worker:
    number: int
    place: Place
    ready: float  # when it can begin
    job: Job | None = None
    cut: float = 0.0  # until when nothing gets through
    gone: bool = False  # dead, or given up and replaced: it gets no more work
    lost: bool = False  # with all that it kept


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    ticket: Ticket
    task: Task


@dataclass(eq=False)
class World:
    """The pool of a simulated engine, its clock, and what comes to pass of a schedule."""

    schedule: Schedule
    clock: Clock = field(default_factory=Clock)
    epoch: int = 0
    log: list[str] | None = None
    fired: list[Fault | Crash] = field(default_factory=list)
    hit: set[Ticket] = field(default_factory=set)  # attempts that something happened to
    round: int = -1  # that the driver is at
    crash: Crash | None = None  # how the driver will die in this life
    dead: bool = False  # the driver
    done: int = 0  # rounds of the fit that earlier drivers did
    learns: bool = False  # which workers merge
    merging: set[tuple[int, Piece]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.workers = self.schedule.setting.workers
        self.draw = random.Random(self.schedule.setting.seed)
        self.left = list(self.schedule.faults)
        self.echoes: list[tuple[Fault, Ticket, bytes]] = []
        self.ghosts: list[tuple[Ticket, bytes]] = []  # answers to drivers that will die, or are dead
        self.overtaken: dict[Ticket, Fault] = {}
        self.queue: deque[Job] = deque()
        self.inbox: VirtualInbox | None = None
        self.common = Place()
        self.kept: dict[tuple[Ticket, int], tuple[Worker, bytes]] = {}
        self.missed: set[int] = set()  # rounds of merging in which something that was kept could not be had
        self.staff = [self._born(number, 0.0) for number in range(self.workers)]

    def say(self, text: str) -> None:
        if self.log is not None:
            self.log.append(f"{self.clock.now:9.3f}  {text}")

    # -- the driver's side ---------------------------------------------------------------------------------------------
    def new_inbox(self) -> VirtualInbox:
        """Whatever comes from now on comes here: all rounds of a driver share one line."""
        self.inbox = VirtualInbox(world=self)
        return self.inbox

    def driver_looks(self) -> None:
        if self.crash is not None and self.crash.at_round is not None and self.done + self.round >= self.crash.at_round:
            self.dead = True
        if self.dead:
            raise Killed

    def new_driver(self, crash: Crash | None) -> None:
        """Workers outlive a driver, and what they do for it still arrives: the epoch tells it apart."""
        self.epoch += bool(self.epoch or self.dead)
        self.dead, self.crash, self.round, self.inbox = False, crash, -1, None
        self.queue.clear()
        for worker in self.staff:
            if worker.job is not None:
                self._replaced(worker)

    def start(self, ticket: Ticket, task: Task, inbox: Inbox, /) -> None:
        if ticket.round > self.round:
            self.round = ticket.round
            self._echo()
        self.queue.append(Job(ticket, task))
        self._deal()

    def cancel(self, ticket: Ticket, /) -> None:
        """Who is given up is replaced; nothing keeps it from answering all the same."""
        if self.dead:
            return
        self.queue = deque(job for job in self.queue if job.ticket != ticket)
        for worker in self.staff:
            if worker.job is not None and worker.job.ticket == ticket:
                self._replaced(worker)
        self._deal()

    def settle(self, tickets: Sequence[Ticket], timeout: float, /) -> None:
        until = self.clock.now + timeout
        while not self.dead and any(w.job is not None and w.job.ticket in tickets for w in self.staff):
            if not self.clock.step(until):
                return

    def hand_over(self, old: int, new: int, /) -> None:
        raise AssertionError("nothing is refined here")

    def forget(self, key: int, /) -> None:
        for place in (self.common, *(worker.place for worker in self.staff)):
            place.forget(key)

    # -- the workers' side ---------------------------------------------------------------------------------------------
    def _born(self, number: int, ready: float) -> Worker:
        place = self.common if self.schedule.setting.shared else Place()
        worker = Worker(number, place, ready)
        self.clock.after(max(ready - self.clock.now, 0.0), self._deal)
        return worker

    def _replaced(self, worker: Worker) -> None:
        if not worker.gone:
            worker.gone = True
            self.staff[worker.number] = self._born(worker.number, self.clock.now + BIRTH)

    def _deal(self) -> None:
        for worker in self.staff:
            if self.queue and worker.job is None and worker.ready <= self.clock.now:
                worker.job = self.queue.popleft()
                self._begin(worker, worker.job)

    def _begin(self, worker: Worker, job: Job) -> None:
        self._arrives(Began(job.ticket))
        fault = self._fault(job.ticket)
        kind = None if fault is None else fault.kind
        if fault is not None and kind in (Kind.CUT, Kind.CUT_TOLD):
            self._cut(worker, fault)
        if worker.cut > self.clock.now:
            self.hit.add(job.ticket)
        wait = max(worker.cut - self.clock.now, 0.0) + TRAVEL
        self.say(f"worker {worker.number} begins {told(job.ticket)}")
        if kind is Kind.DIES_BEFORE_READING:
            self._fire(fault)
            self.clock.after(wait, lambda: self._dies(worker, job))
            return
        if kind is Kind.STALLS and fault is not None:
            self._fire(fault)
            wait += fault.seconds
        takes = 0.1 if kind is Kind.SLOW else self.draw.uniform(0.5, 1.5)  # what is to be overtaken is sent early
        self.clock.after(wait + takes, lambda: self._end(worker, job, fault))

    def _end(self, worker: Worker, job: Job, fault: Fault | None) -> None:
        """The work is done, at one go, at the end of its time; or it comes to a bad end."""
        if worker.job is not job:
            return  # it died, or was cut off from one that is lost
        kind = None if fault is None else fault.kind
        task = job.task
        if kind in (Kind.DIES_IN_COMPUTE, Kind.DIES_IN_MERGE):
            task = tripped(task, raising(Died()), merging=kind is Kind.DIES_IN_MERGE)
        elif kind is Kind.FAILS:
            task = tripped(task, raising(OSError("the disk of this worker")), merging=False)
        elif self.learns:
            task = tripped(task, lambda: self.merging.add((job.ticket.round, job.ticket.range)), merging=True)
        try:
            answer = task.do(worker.place, Attempt(job.ticket, task.lane, ignore, lambda: False, self._fetched))
            if task.portions:
                answer = self._kept(worker, job, answer)
        except Died:
            self._fire(fault)
            self._dies(worker, job)
            return
        except OSError as error:
            self._fire(fault)
            failed = Failed(job.ticket, error, worth_another_try(error))
            self._sends(worker, 0.0, lambda: self._arrives(failed))
            self._free(worker)
            return
        if kind is Kind.DIES_BEFORE_REPLY:
            self._fire(fault)
            self._dies(worker, job)
            return
        self._reply(worker, job, pickle.dumps(answer), fault)
        self._free(worker)

    def _reply(self, worker: Worker, job: Job, answer: bytes, fault: Fault | None) -> None:
        arrives = partial(self._answers, job.ticket, answer)

        def again() -> None:
            self._fire(fault)
            arrives()

        kind, seconds = (None, 0.0) if fault is None else (fault.kind, fault.seconds)
        if self.crash is not None:
            self.ghosts.append((job.ticket, answer))
        if kind is not Kind.VANISHES:
            self._sends(worker, seconds if kind in (Kind.LATE, Kind.SLOW) else 0.0, arrives)
        match kind:
            case Kind.LATE | Kind.VANISHES:
                self._fire(fault)
            case Kind.SLOW if fault is not None:
                self.overtaken[job.ticket] = fault
            case Kind.TWICE:
                self._sends(worker, seconds, again)
            case Kind.ECHO if fault is not None:
                self.echoes.append((fault, job.ticket, answer))
            case Kind.DIES_AFTER_REPLY:
                self._fire(fault)
                self._dies(worker, job)

    def _kept(self, worker: Worker, job: Job, answer: object) -> Left:
        """What stays with a worker, and goes with it."""
        asked: Any = job.task.asked
        answered, kept = parted(asked, answer, job.task.portions)
        self.kept |= {(job.ticket, i): (worker, data) for i, data in enumerate(kept)}
        return Left(answered, tuple((job.ticket, i) for i in range(len(kept))))

    def _fetched(self, name: tuple[Ticket, int]) -> bytes:
        worker, data = self.kept[name]
        if worker.lost or worker.cut > self.clock.now:
            self.missed.add(self.round)
            raise ConnectionError(f"worker {worker.number} is not there")
        return data

    def _free(self, worker: Worker) -> None:
        worker.job = None
        if not worker.gone:
            self._deal()

    def _dies(self, worker: Worker, job: Job) -> None:
        if worker.job is not job:
            return
        self.say(f"worker {worker.number} dies at {told(job.ticket)}")
        lost = Lost((job.ticket,), f"worker {worker.number} died")
        self.clock.after(OBITUARY, lambda: self._arrives(lost))
        self._replaced(worker)
        worker.job, worker.lost = None, True

    def _cut(self, worker: Worker, fault: Fault) -> None:
        """Nothing comes through until it is over; then everything does."""
        self._fire(fault)
        for number in {worker.number, (worker.number + (self.workers > 2)) % self.workers}:
            one = self.staff[number]
            one.cut = max(one.cut, self.clock.now + fault.seconds)
            self.say(f"worker {number} is cut off for {fault.seconds:g} s")
            if one.job is not None:
                self.hit.add(one.job.ticket)
            if fault.kind is Kind.CUT_TOLD:
                self.clock.after(NOTICE, lambda one=one: self._lost(one))  # type: ignore[misc]

    def _lost(self, worker: Worker) -> None:
        if worker.gone or worker.cut <= self.clock.now:
            return
        self.say(f"worker {worker.number} is said to be lost")
        if worker.job is not None:
            self._arrives(Lost((worker.job.ticket,), f"worker {worker.number} is not heard of"))
        self._replaced(worker)
        worker.lost = True

    def _sends(self, worker: Worker, delay: float, deliver: Callable[[], None]) -> None:
        self.clock.after(max(worker.cut - self.clock.now, delay, 0.0) + TRAVEL, deliver)

    def _arrives(self, stimulus: Stimulus) -> None:
        if isinstance(stimulus, Done):
            self.overtaken.pop(stimulus.ticket, None)
            for fault in self.overtaken.values():
                self._fire(fault)
        if self.inbox is not None and not self.dead:
            self.inbox.stimuli.put(stimulus)

    def _echo(self) -> None:
        """Answers of earlier rounds come again as this one begins; to a dead driver, those of the same number."""
        again = [(ticket, answer) for _, ticket, answer in self.echoes]
        for fault, _, _ in self.echoes:
            self._fire(fault)
        self.echoes.clear()
        again += [one for one in self.ghosts if one[0].round == self.round and one[0].epoch < self.epoch]
        for ticket, answer in again:
            self.clock.after(TRAVEL, partial(self._answers, ticket, answer))

    def _answers(self, ticket: Ticket, answer: bytes) -> None:
        """As over a wire: each copy is an answer of its own."""
        self._arrives(Done(ticket, pickle.loads(answer)))

    # -- what comes to pass --------------------------------------------------------------------------------------------
    def _fault(self, ticket: Ticket) -> Fault | None:
        """The fault that is to happen to this attempt; it is not tried at another one."""
        for fault in self.left:
            if fault.hits(ticket, self.done):
                self.left.remove(fault)
                self.hit.add(ticket)
                return fault
        return None

    def _fire(self, fault: Fault | None) -> None:
        if fault is not None and fault not in self.fired:
            self.fired.append(fault)
            self.say(f"fault: {fault}")


def told(ticket: Ticket) -> str:
    epoch = f" of epoch {ticket.epoch}" if ticket.epoch else ""
    return f"{ticket.range[0]} to {ticket.range[1] - 1} of round {ticket.round}{epoch}, attempt {ticket.attempt}"
