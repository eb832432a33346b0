"""A crew of Ray actors: Ray places them, we decide what each does, and what to do when one is lost."""

from __future__ import annotations

import os
import pickle
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Condition, RLock, Thread
from time import monotonic
from typing import Any

from shardlearn.core.errors import EngineError
from shardlearn.core.events import Sent, Timed

from .ray_job import Job
from .rounds import Began, Failed, Lost, Ticket
from .shipping import Shipper
from .worker import Hello, Worker, versions

POLL = 0.2  # seconds between looks at who is overdue
GROUPS = {"tell": 1, "stay": 1}  # calls that an actor answers while it is at work
READING = ("read", "decode", "pack")  # phases of a piece whose rows were not at hand
JUST = 0.2  # seconds for which what waits for a worker is left to it
AGAIN = 1.0  # seconds until an actor is made again that did not come to life
LEAVE = 20.0  # that calls of Ray have to end when the cluster is gone; Ray itself ends the program after 60


class Actor(Worker):
    """What Ray makes on a node."""

    def __init__(self, threads: int):
        import ray

        super().__init__(threads, ray.get_runtime_context().get_node_id(), fetched, on_their_way)


def on_their_way(refs: Sequence[Any]) -> None:
    """Have them brought to this node, all at once; does not wait."""
    import ray

    ray.wait(list(refs), num_returns=len(refs), timeout=0)


def fetched(ref: Any) -> Any:
    """What lies in the store; where it can't be reached from here, another worker may be luckier."""
    import ray

    try:
        return ray.get(ref)
    except ray.exceptions.RaySystemError as error:
        raise EngineError(
            "A worker can't load what it is to work with.",
            code="SL4018",
            found=str(error).splitlines()[0],
            needed="modules that every node can import",
            fix="install them there, or run the program as a job with its working_dir",
        ) from None
    except ray.exceptions.RayError as error:
        raise ConnectionError(f"what the task needs could not be fetched: {error}") from error


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds."""

    start: float = 60.0  # that workers have until they answer, and that work waits for one
    stop: float = 2.0  # that an attempt has until it has noticed that it was stopped; then its worker is killed


@dataclass(slots=True, eq=False)
class Slot:
    """A place for a worker, and the actor that is in it now."""

    number: int
    actor: Any = None
    hello: Hello | None = None  # None: not there yet
    job: Job | None = None
    since: float = 0.0  # when it was given its job
    until: float | None = None  # when the attempt that was stopped has to be over

    @property
    def free(self) -> bool:
        return self.hello is not None and self.job is None

    def __str__(self) -> str:
        hello = self.hello
        return f"worker {self.number}" + (f" (process {hello.pid} on {hello.host})" if hello else "")


@dataclass(frozen=True, slots=True)
class Mail:
    """What came of a call to the actor that was in a slot."""

    slot: Slot | None = None
    actor: Any = None
    answer: Any = None
    error: BaseException | None = None


NOTHING = Mail()


class Crew:
    """The actors of one process. A thread of ours gives them work and reads what comes back; Ray's own only deliver it.

    Ctrl-C, which the main thread gets, so can't come between a call and the note of it: nobody would expect the answer,
    and an actor that has long stopped would be ended for not stopping.
    """

    def __init__(self, ray: Any, threads: int = 1, patience: Patience | None = None, kind: type[Worker] = Actor):
        self.ray, self.threads, self.patience = ray, threads, patience or Patience()
        self.shipper = Shipper(ray.put)
        self.slots: list[Slot] = []
        self.pid = os.getpid()
        self._kind = ray.remote(num_cpus=threads, max_restarts=0, max_task_retries=0, concurrency_groups=GROUPS)(kind)
        self._queue: deque[Job] = deque()
        self._lock = RLock()  # taken as it is: Ctrl-C within `Condition.__enter__` would leave it locked
        self._changed = Condition(self._lock)
        self._mail: SimpleQueue[Mail | None] = SimpleQueue()
        self._alone = monotonic()  # since when no worker is there
        self._never: BaseException | None = None  # why the last one that was made did not come to life
        self._gone: EngineError | None = None  # the cluster, and why
        self._reader = Thread(target=self._read, name="shardlearn-ray", daemon=True)
        self._reader.start()

    # -- for the pool --------------------------------------------------------------------------------------------------
    def ready(self, workers: int, least: int) -> None:
        """Make those of so many workers that are missing, and wait until at least some are there."""
        until = monotonic() + self.patience.start
        with self._lock:
            self._must_be_there()
            while len(self.slots) < workers:
                slot = Slot(len(self.slots))
                try:
                    self.slots.append(slot)
                    self._bear(slot)
                except BaseException:  # Ctrl-C: what is half done is done again
                    slot.until = 0.0
                    raise
            while sum(slot.hello is not None for slot in self.slots[:workers]) < least:
                self._must_be_there()
                hopeless = isinstance(self._never, EngineError) or "creation task" in str(self._never)
                if hopeless or monotonic() >= until:
                    raise self._missing(least)
                self._changed.wait(POLL)

    def there(self, most: int) -> list[int]:
        """Numbers of the workers that are there, of the first so many."""
        with self._lock:
            return [slot.number for slot in self.slots[:most] if slot.hello is not None]

    def start(self, job: Job) -> None:
        with self._lock:
            self._must_be_there()
            self._queue.append(job)
            self._mail.put(NOTHING)

    def cancel(self, ticket: Ticket) -> None:
        with self._lock:
            self._queue = deque(job for job in self._queue if job.ticket != ticket)
            for slot in self.slots if self._gone is None else ():
                if slot.job is not None and slot.job.ticket == ticket and slot.until is None:
                    slot.until = monotonic() + self.patience.stop
                    tell(slot.actor.stop, ticket)

    def settle(self, tickets: Sequence[Ticket], timeout: float) -> None:
        until = monotonic() + timeout
        with self._lock:
            while any(s.job is not None and s.job.ticket in tickets for s in self.slots) and monotonic() < until:
                self._changed.wait(until - monotonic())

    def hand_over(self, old: int, new: int) -> None:
        self.shipper.hand_over(old, new)
        self._all("hand_over", old, new)

    def forget(self, key: int) -> None:
        self.shipper.forget(key)
        self._all("forget", key)

    def give_up(self, error: EngineError) -> None:
        """The cluster is gone: what is under way has failed, and from now on Ray is asked for nothing.

        Ray ends a program that asks something when it has left; whoever is about to gets some time to be done.
        """
        self._gone = error
        locked = self._lock.acquire(timeout=LEAVE)
        self._fail_all(error)
        for slot in self.slots:
            slot.job = None
        if locked:
            self._changed.notify_all()
            self._lock.release()
        self.shipper.stop(error, LEAVE)

    def close(self) -> None:
        """End all actors."""
        if self.pid != os.getpid():
            return
        with self._lock:
            slots, self.slots = self.slots, []
        self._mail.put(None)
        self._reader.join(self.patience.stop)
        for slot in slots if self._gone is None else ():
            if slot.actor is not None:  # Ctrl-C came before there was one
                self.ray.kill(slot.actor)

    def cpus(self) -> tuple[float, float]:
        """The cluster's: free, and all."""
        self._must_be_there()
        free, total = (what().get("CPU", 0.0) for what in (self.ray.available_resources, self.ray.cluster_resources))
        return free, total

    def share(self) -> tuple[int, str]:
        """Half of what is free where it is tightest, by worker; and where. Whoever is missing may come there."""
        with self._lock:
            there = [slot.hello for slot in self.slots if slot.hello is not None]
            missing = len(self.slots) - len(there)
        crowd = Counter(hello.node for hello in there)
        least = min(there, key=lambda hello: hello.free // (crowd[hello.node] + missing))
        return max(
            least.free // 2 // (crowd[least.node] + missing), 1
        ), f"the {least.free / 1e9:.1f} GB that {least.host} has free"

    # -- under the lock ------------------------------------------------------------------------------------------------
    def _all(self, method: str, *arguments: Any) -> None:
        with self._lock:
            for slot in self.slots if self._gone is None else ():
                if slot.hello is not None:
                    tell(getattr(slot.actor, method), *arguments)

    def _fail_all(self, error: BaseException) -> None:
        for job in (*self._queue, *(slot.job for slot in self.slots if slot.job is not None)):
            job.inbox.stimuli.put(Failed(job.ticket, error, again=False))
        self._queue.clear()

    def _must_be_there(self) -> None:
        if self._gone is not None:
            raise copy(self._gone)

    def _bear(self, slot: Slot) -> None:
        """Put a new actor into the slot; it says hello when it is there."""
        slot.hello = slot.job = None
        slot.actor = actor = self._kind.remote(self.threads)
        slot.until = None
        self._expect(slot, actor.hello.remote())
        self._expect(slot, actor.stay.options(concurrency_group="stay").remote())

    def _expect(self, slot: Slot, ref: Any) -> None:
        """Have the outcome of a call put among the mail."""
        actor, mail = slot.actor, self._mail

        def deliver(future: Any) -> None:
            error = future.exception()
            mail.put(Mail(slot, actor, None if error else future.result(), error))

        ref.future().add_done_callback(deliver)

    def _deal(self) -> None:
        """Give work to those that have none: each first takes what lies where it has read before."""
        for home in (True, False):
            waiting = Counter(job.home for job in self._queue) if any(slot.free for slot in self.slots) else {}
            for slot in self.slots:
                if slot.free:
                    jobs = (job for job in self._queue if slot.number < job.among)
                    job = next((j for j in jobs if j.home == slot.number or not (home or self._left(j, waiting))), None)
                    if job is not None:
                        ref = job.sent(slot.actor)
                        self._queue.remove(job)
                        slot.job, slot.since = job, monotonic()
                        job.inbox.stimuli.put(Began(job.ticket))
                        self._expect(slot, ref)

    def _left(self, job: Job, waiting: Mapping[int, int]) -> bool:
        """Whether nobody else is to take it: the next one of somebody who has only just begun with the one before."""
        owner = self.slots[job.home] if job.home < len(self.slots) else Slot(job.home)
        if owner.job is None or owner.until is not None or owner.job.inbox is not job.inbox:
            return False
        return waiting[job.home] == 1 and monotonic() - owner.since < JUST

    # -- the thread that reads -----------------------------------------------------------------------------------------
    def _read(self) -> None:
        while True:
            mail: Mail | None = NOTHING
            with suppress(Empty):
                mail = self._mail.get(timeout=POLL)
            if mail is None:
                return
            try:
                self._open(mail)
            except Exception as error:  # or all that is under way would wait for its deadline
                with self._lock:
                    self._fail_all(error)
            del mail

    def _open(self, mail: Mail) -> None:
        said, error = mail.answer, mail.error
        if isinstance(said, bytes):
            try:
                said = pickle.loads(said)  # noqa: S301 - from a worker of ours
            except Exception as failed:  # told to the driver as the attempt's error, which ends the fit
                said, error = None, failed
        with self._lock:
            if self._gone is not None:
                return
            if mail.slot is not None and mail.slot.actor is mail.actor:
                self._take(mail.slot, said, error, len(mail.answer) if said is not mail.answer else 0)
            self._look_at_clock(monotonic())
            self._deal()
            self._changed.notify_all()

    def _take(self, slot: Slot, said: Any, error: BaseException | None, nbytes: int) -> None:
        ray_says = self.ray.exceptions
        if isinstance(said, Hello):
            self._welcome(slot, said)
        elif slot.hello is None:
            self._never, slot.until = error, monotonic() + AGAIN
        elif isinstance(error, ray_says.RayActorError):
            short = "low on memory" in str(error)
            self._lost(slot, f"{slot} died" + (", as its machine ran low on memory" if short else ""))
        elif slot.job is not None:
            job, late, slot.job, slot.until = slot.job, slot.until is not None, None, None
            if error is not None:
                job.inbox.stimuli.put(Failed(job.ticket, error, isinstance(error, ray_says.RayError)))
            else:
                events, end = said
                if late or not isinstance(end, Failed):  # one that was stopped would have taken longer
                    read = any(isinstance(event, Timed) and event.phase in READING for event in events)
                    job.clocked(slot.number, monotonic() - slot.since, read)
                job.inbox.events.extend((*events, Sent(job.parcel.nbytes, nbytes)))
                job.inbox.stimuli.put(job.told(job.ended(end)))

    def _welcome(self, slot: Slot, hello: Hello) -> None:
        here = versions()
        if hello.versions == here:
            slot.hello, self._never = hello, None
            return
        words = [f"{name} {hello.versions.get(name)}, here {here[name]}" for name in here]
        self._never, slot.until = (
            EngineError(
                "Workers run other versions than this program, and might compute other bits.",
                code="SL4016",
                where=hello.host,
                found="; ".join(words),
                needed="the same on every node",
            ),
            monotonic() + AGAIN,
        )

    def _lost(self, slot: Slot, why: str) -> None:
        """Somebody new for the slot, and the job for somebody else."""
        if slot.job is not None:
            slot.job.inbox.stimuli.put(Lost((slot.job.ticket,), why))
        self._bear(slot)

    def _look_at_clock(self, now: float) -> None:
        for slot in self.slots:
            if slot.until is not None and now >= slot.until:
                if slot.actor is not None:
                    self.ray.kill(slot.actor)
                self._lost(slot, f"{slot} did not stop, and was ended")
        if any(slot.hello for slot in self.slots):
            self._alone = now
        elif self._queue and now - max(self._alone, self._queue[0].since) >= self.patience.start:
            error = self._missing(1)
            while self._queue:
                job = self._queue.popleft()
                job.inbox.stimuli.put(Failed(job.ticket, error, again=False))

    def _missing(self, workers: int) -> EngineError:
        if isinstance(self._never, EngineError):
            return self._never
        there = sum(slot.hello is not None for slot in self.slots)
        free, total = self.cpus()
        found = f"{free:g} of the cluster's {total:g} CPUs are free"
        if self._never is not None:
            found = str(self._never).strip().splitlines()[-1]
        unknown = "No module named 'shardlearn'" in str(self._never)
        return EngineError(
            f"Only {there} of {workers} workers started within {self.patience.start:g} s.",
            code="SL4015",
            found=found,
            needed=f"{workers} x {self.threads} CPUs (workers x threads_per_worker)",
            fix=(
                "install shardlearn on every node"
                if unknown
                else "fewer workers=, or more room: `ray status` shows who has it"
            )
            + "; `shardlearn doctor` looks at every node",
        )


def tell(method: Any, *arguments: Any) -> None:
    """A word to an actor that is at work."""
    method.options(concurrency_group="tell").remote(*arguments)
