"""The one driver: asks the policy what to do, has a pool do it, and puts the answers together in the fixed tree."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import count, islice, pairwise
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Protocol, TypeVar

from shardlearn.core.block import Block
from shardlearn.core.engine import Blocks, Footprint, Sharded
from shardlearn.core.errors import EngineError
from shardlearn.core.events import (
    AnswerDropped,
    Emit,
    Event,
    Notice,
    PassFinished,
    PassStarted,
    PieceRetried,
    Staffed,
    Timed,
)
from shardlearn.core.query import Query, Transform
from shardlearn.core.statistic import gathers, is_cut
from shardlearn.core.tree import Node, Tree, aligned

from .plan import Demand, Here, Plan, Plans, span_of
from .reading import Attempt, Fetch, Place
from .room import Room
from .rounds import (
    Cancel,
    Command,
    Done,
    Drop,
    Failed,
    GiveUp,
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
from .scatter import Gathering, MergeTask, Merging, Scattering
from .serial import finished
from .stopping import Stop, Stopped
from .visit import rewritten_bytes, run_spans, walks
from .work import FoldTask, RunTask, StreamTask, Task, rows_of

A = TypeVar("A")
_KEYS, _JOBS = count(), count()  # of handles and engines: two engines may share a pool, and what it keeps


@dataclass(slots=True)
class Inbox:
    """Where a pool's workers leave what happened; the driver looks in. What time it is, is read here alone."""

    stimuli: SimpleQueue[Stimulus] = field(default_factory=SimpleQueue)
    events: deque[Event] = field(default_factory=deque)

    def now(self) -> float:
        return monotonic()

    def arrived(self, timeout: float) -> list[Stimulus]:
        """What has come in; waits for something until the timeout."""
        out: list[Stimulus] = []
        try:
            out.append(self.stimuli.get(timeout=timeout))
            while True:
                out.append(self.stimuli.get_nowait())
        except Empty:
            return out


class Pool(Protocol):
    """All that a new back end has to provide."""

    @property
    def workers(self) -> int: ...

    @property
    def epoch(self) -> int:
        """Counts up when the pool was made anew, as after a fork."""
        ...

    def start(self, ticket: Ticket, task: Task, inbox: Inbox, /) -> None:
        """Have a worker do the task, and put Done, Failed or Lost into the inbox; its events too.

        Where the task has portions, the worker keeps its answer, `parted` by them, and Done has what is Left of it;
        only an engine whose plans say so asks for that.
        """
        ...

    def cancel(self, ticket: Ticket, /) -> None:
        """Stop an attempt soon, or its worker; never waits."""
        ...

    def settle(self, tickets: Sequence[Ticket], timeout: float, /) -> None:
        """Wait until nobody works on these any more, if that happens in time."""
        ...

    def hand_over(self, old: int, new: int, /) -> None:
        """Blocks cached for one handle are now cached for another."""
        ...

    def forget(self, key: int, /) -> None:
        """Drop what is kept of a handle."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """What is asked of a source once, when it is opened."""

    cuts: Sequence[int]
    foot: Footprint


@dataclass(slots=True)
class Drive:
    """One round on a pool: yields each answer as it arrives."""

    pool: Pool
    round: Round
    task: Callable[[Piece], Task]
    emit: Emit
    poll: float
    grace: float  # seconds that workers have to notice that they were stopped
    stop: Stop = lambda: False
    inbox: Inbox = field(default_factory=Inbox)
    _away: set[Ticket] = field(default_factory=set)  # attempts that have not reported back

    def answers(self) -> Generator[tuple[Piece, Any]]:
        try:
            beyond = self.round.slots - self.pool.workers  # workers may join and leave
            yield from self._obey(self.round.start(self.inbox.now()))
            while not self.round.over:
                if self.stop():
                    raise Stopped
                for stimulus in (*self.inbox.arrived(self.poll), Manned(max(beyond + self.pool.workers, 1)), Tick()):
                    if isinstance(stimulus, Done | Failed):
                        self._away.discard(stimulus.ticket)
                    yield from self._obey(self.round.on(stimulus, self.inbox.now()))
                self._tell()
        except BaseException:
            for ticket in self._away:  # more than are live: who asked may have stopped before a Cancel was obeyed
                self.pool.cancel(ticket)
            self.pool.settle(list(self._away), self.grace)
            raise
        finally:
            self._tell()

    def _obey(self, commands: Sequence[Command]) -> Iterator[tuple[Piece, Any]]:
        for command in commands:
            match command:
                case Submit(ticket, why):
                    if ticket.attempt > 1:
                        task = self.task(ticket.range)
                        merging = isinstance(task, MergeTask)
                        self.emit(PieceRetried(*ticket.range, ticket.attempt, why, rows_of(task), merging))
                    self._away.add(ticket)
                    self.pool.start(ticket, self.task(ticket.range), self.inbox)
                case Cancel(ticket):
                    self.pool.cancel(ticket)
                case Take(ticket, answer):
                    yield ticket.range, answer
                case Drop(ticket):
                    self.emit(AnswerDropped(*ticket.range, ticket.attempt))
                case GiveUp(_, error, raised, _) if error is not None and (raised or self.round.policy.attempts == 1):
                    raise error
                case GiveUp(piece, error, _, why):
                    raise self._gave_up(piece, why) from error

    def _gave_up(self, piece: Piece, why: str) -> EngineError:
        task, policy = self.task(piece), self.round.policy
        blocks, (first, stop) = task.blocks, rows_of(task)
        lies = task.data.blocks.place(first, stop) or f"rows {first:,} to {stop - 1:,}"
        where = f"{lies} (blocks {blocks.start} to {blocks.stop - 1})"
        if isinstance(task, MergeTask):
            where = f"parts {piece[0]} to {piece[1] - 1} of an answer, as they were merged"
        return EngineError(
            f"A piece of work failed in each of {policy.attempts} attempts.",
            code="SL4001",
            where=where,
            found=why,
            needed=f"one attempt that answers within {policy.deadline:g} s",
            fix="see what the attempts say; the same call goes on where the data are readable again",
        )

    def _tell(self) -> None:
        while self.inbox.events:
            self.emit(self.inbox.events.popleft())


@dataclass(frozen=True, slots=True)
class Call:
    """Who is told of one pass, who may stop it, and whether it is over all of the data or over a part."""

    emit: Emit
    stop: Stop = lambda: False
    whole: bool = True


@dataclass(slots=True)
class PoolEngine:
    """An engine over a pool of workers."""

    name: str
    pool: Pool
    room: Room = field(default_factory=Room)
    policy: Policy = field(default_factory=Policy)
    plans: Plans = field(default_factory=Here)
    workers_from: str = "argument"  # who said how many workers there are, and how much memory
    memory_from: str = "argument"
    poll: float = 0.05  # seconds between looks at the deadlines
    grace: float = 10.0
    to_tell: list[str] = field(default_factory=list)  # plain sentences for people, once
    job: int = field(default_factory=lambda: next(_JOBS))
    inbox: Callable[[], Inbox] = Inbox  # a new one for each round
    _staff: int | None = None  # workers, as was told last
    _opened: dict[int, Opened] = field(default_factory=dict)
    _rounds: Iterator[int] = field(default_factory=count)

    @property
    def workers(self) -> int:
        return self.pool.workers

    @property
    def memory(self) -> int | None:
        return self.room.limit

    def open(self, blocks: Blocks, /) -> Sharded:
        data = Sharded(next(_KEYS), blocks)
        self._opened[data.key] = Opened(blocks.cuts(), blocks.footprint())
        return data

    def refine(self, data: Sharded, rewrite: Transform, /) -> Sharded:
        new = Sharded(next(_KEYS), data.blocks, (*data.through, rewrite))
        self._opened[new.key] = self._opened.pop(data.key)
        self.pool.hand_over(data.key, new.key)
        return new

    def close(self, data: Sharded, /) -> None:
        self._opened.pop(data.key, None)
        self.pool.forget(data.key)
        self.room.settle()

    def fold(self, data: Mapping[str, Sharded], query: Query[A], /, *, emit: Emit) -> A:
        while self.to_tell:
            emit(Notice(self.to_tell.pop(0)))
        at = data[query.data]
        emit(PassStarted(len(at.grid.blocks), at.grid.count, query.data))
        task = FoldTask(at, query, _ends(span_of(query.rows, at.grid)))
        if query.runs is not None:
            gathered = self._by_runs(RunTask(at, query, (0, query.runs)), Call(emit))
        else:
            gathered = self._by_blocks(task, Call(emit))
        answer: A = gathered.concluded(at)
        emit(PassFinished(query.data))
        return answer

    def answer(self, task: Task, emit: Emit, stop: Stop, fetch: Fetch = lambda held: held) -> object:
        """What `task.do` answers, done by all of this engine's workers: so it is that an engine serves another one."""
        at, call = task.data, Call(emit, stop, whole=False)
        if at.key not in self._opened:
            self._opened[at.key] = Opened(at.blocks.cuts(), at.blocks.footprint())
        match task:
            case FoldTask():
                return self._by_blocks(task, call).part()
            case RunTask():
                return self._by_runs(task, call).part()
            case StreamTask():
                return list(self._streamed(task, call))
            case MergeTask():
                with self.room.reserve(lambda _: task):
                    return task.do(Place(self.room), Attempt(task, None, emit, stop, fetch))
            case _:
                return task.do(Place(self.room), Attempt(task, None, emit, stop, fetch))

    def must_fit(self, data: Sharded, queries: Iterable[Query[Any]], /) -> None:
        """Refuse queries for which the memory limit is too small."""
        grid = data.grid
        self.plans.must_fit(
            [
                (self._asked(data, span_of(query.rows, grid), query), None)
                if query.runs is None
                else (self._asked(data, grid.blocks, query), run_spans(grid, query.runs))
                for query in queries
            ],
            self.room.limit,
        )

    def stream(self, data: Sharded, rows: Transform, /, *, emit: Emit) -> Iterator[Block]:
        emit(PassStarted(len(data.grid.blocks), data.grid.count, "stream"))
        yield from self._streamed(StreamTask(data, rows, _ends(data.grid.blocks)), Call(emit))
        emit(PassFinished("stream"))

    def _streamed(self, task: StreamTask, call: Call) -> Iterator[Block]:
        data, rows, span, opened = task.data, task.rows, task.blocks, self._opened[task.data.key]
        demand = Demand(span, opened.cuts, opened.foot, self.workers, rewritten_bytes(data, rows))
        with self.room.reserve(lambda free: self.plans.stream(demand, free)) as plan:
            drive = self._drive(plan, lambda piece: StreamTask(data, rows, piece, plan.lanes.get(piece)), call)
            ready: dict[int, tuple[Piece, list[Block]]] = {}
            at = span.start
            with closing(drive.answers()) as answers:
                for piece, blocks in answers:
                    ready[piece[0]] = piece, blocks[::-1]
                    while at in ready:
                        piece, waiting = ready.pop(at)
                        while waiting:
                            yield waiting.pop()
                        at = piece[1]
                        drive.inbox.stimuli.put(Passed(at))
                        call.emit(finished(data.grid, range(*piece)))

    def _by_blocks(self, task: FoldTask, call: Call) -> Gathering[Any]:
        at, query, span = task.data, task.query, task.blocks
        demand = replace(self._asked(at, span, query), until=task.until)
        gathering = Gathering(query, Tree(query.measure.merge, span.start, span.stop, call.whole))
        with self.room.reserve(lambda free: self.plans.fold(demand, free)) as plan:

            def part(piece: Piece) -> FoldTask:
                return FoldTask(at, query, piece, plan.lanes.get(piece), plan.portions, plan.ends)

            if plan.portions:
                return self._scattered(at, plan, part, Merging(query, span.start, span.stop), call)
            return self._gathered(self._drive(plan, part, call), gathering)

    def _by_runs(self, task: RunTask, call: Call) -> Gathering[Any]:
        at, query, (first, stop) = task.data, task.query, task.piece
        spans = run_spans(at.grid, query.runs or 0, first, stop)
        demand = replace(self._asked(at, task.blocks, query), until=task.until)
        gathering = Gathering(query, Tree(query.measure.merge, first, stop, call.whole))
        with self.room.reserve(lambda free: self.plans.runs(demand, spans, free)) as plan:

            def part(piece: Piece) -> RunTask:
                """Plans count runs from 0 on."""
                lane, runs = plan.lanes.get(piece), (first + piece[0], first + piece[1])
                return RunTask(at, query, runs, lane, plan.portions, plan.ends)

            edges = [first, *(edge for piece in sorted(plan.pieces) for edge in part(piece).piece), stop]
            gaps = tuple(islice(pairwise(edges), 0, None, 2))
            if plan.portions:
                return self._scattered(at, plan, part, Merging(query, first, stop, gaps), call)
            gathering.add([Node(*node, None) for gap in gaps for node in aligned(*gap)])
            return self._gathered(self._drive(plan, part, call), gathering)

    def _gathered(self, drive: Drive, gathering: Gathering[A]) -> Gathering[A]:
        for piece, answer in drive.answers():
            gathering.add(answer)
            task = drive.task(piece)
            drive.emit(finished(task.data.grid, task.blocks))
        drive.emit(Timed("merge", gathering.seconds))
        return gathering

    def _scattered(
        self, at: Sharded, plan: Plan, task: Callable[[Piece], Task], what: Merging, call: Call
    ) -> Gathering[Any]:
        """Answers stay with the workers, who merge them, each a portion of the parts."""

        def answers(plan: Plan, task: Callable[[Piece], Task]) -> Iterator[tuple[Piece, Any]]:
            return self._round(plan, task, call).answers()

        self._begun(plan, call)
        return Scattering(at, plan, task, what, answers, call.emit).gathered(self.policy.attempts)

    def _asked(self, at: Sharded, span: range, query: Query[A]) -> Demand:
        opened, measure = self._opened[at.key], query.measure
        answer, walk, kind = measure.bytes(), walks(query), type(measure)
        foot, beside, rows = opened.foot, query.beside, gathers(measure)
        parts = measure.parts if is_cut(measure) and not rows else 1
        return Demand(span, opened.cuts, foot, self.workers, answer, beside, rows, walk, parts, kind)

    def _drive(self, plan: Plan, task: Callable[[Piece], Task], call: Call) -> Drive:
        self._begun(plan, call)
        return self._round(plan, task, call)

    def _begun(self, plan: Plan, call: Call) -> None:
        if self._staff not in (None, self.workers):
            call.emit(Staffed(self.workers))
        self._staff = self.workers
        call.emit(plan.told())

    def _round(self, plan: Plan, task: Callable[[Piece], Task], call: Call) -> Drive:
        job, epoch, number = self.job, self.pool.epoch, next(self._rounds)
        round_ = Round(job, epoch, number, plan.pieces, plan.workers, self.policy, plan.window, plan.ahead)
        return Drive(self.pool, round_, task, call.emit, self.poll, self.grace, call.stop, self.inbox())


def _ends(span: range) -> Piece:
    return span.start, span.stop
