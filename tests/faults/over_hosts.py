"""A driver on the first of several hosts, as a program: fits while their links are cut, and prints what came of it.

python -m tests.faults.over_hosts NAMES FAULT SECONDS     names of the hosts, with commas; seconds that a cut lasts
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any
from unittest import mock

import numpy as np
from tests.faults.doom import Blow, DoomedPool, go, wait, who
from tests.faults.hosts import Hosts

import shardlearn
from shardlearn.core import events as ev
from shardlearn.core import grid
from shardlearn.engines import ray_session, scatter
from shardlearn.engines.ray import Patience
from shardlearn.engines.ray_session import SESSIONS
from shardlearn.engines.rounds import Ticket
from shardlearn.linear_model import LogisticRegression
from shardlearn.observe.watching import Watch

TIME = 30.0  # seconds that what has to happen has to happen in
STRUCK, LATER = 3, 5  # rounds, counted from the first; the one between two is of one range
RATE = "50mbit"


def pids() -> list[int]:
    """Of the workers that are there."""
    assert SESSIONS.now is not None
    return [slot.hello.pid for slot in SESSIONS.now.crew.slots if slot.hello is not None]


def seen(what: Callable[[], Any], why: str) -> Any:
    """What is there, as soon as something is."""
    until = monotonic() + TIME
    while not (found := what()):
        assert monotonic() < until, why
        sleep(0.01)
    return found


class Fault:
    """Nothing happens. Others wait in a thread of their own for their moment, and write down what they see."""

    rounds: tuple[int, ...] = ()  # in which who takes the first range waits for a word
    everybody = False  # all of them, not only who takes the first range
    quorum: float | None = None

    def __init__(self, hosts: Hosts, seconds: float, folder: Path):
        self.hosts, self.seconds, self.folder = hosts, seconds, folder
        self.out: dict[str, Any] = {}
        self.over = Event()  # the fit is
        self.first: int | None = None  # round of the fit

    def run(self) -> None:
        """In a thread beside the fit."""

    def heard(self, event: Any) -> None:
        """What the fit says of itself."""

    def watched(self) -> Any:
        """In which the fit is run."""
        return nullcontext()

    def doom(self, ticket: Ticket) -> Blow | None:
        self.first = ticket.round if self.first is None else self.first
        number, start = ticket.round - self.first, ticket.range[0]
        if number in self.rounds and (self.everybody or not start):
            return Blow("before reply", self.mark(number, start), wait)
        return None

    def mark(self, number: int, start: int = 0) -> str:
        return str(self.folder / f"{number}-{start}")

    def waiting(self, mark: str) -> int:
        """The host of the worker of ours that waits there."""
        seen(Path(mark).exists, "nobody came there")
        _, pid = who(mark)
        assert pid in pids()
        return self.hosts.of(pid)

    def cut(self, host: int) -> None:
        self.again = self.hosts.sent_again(host)
        self.hosts.cut(host)
        self.since = monotonic()
        self.out |= {"cut": host, "link": self.hosts.link(host)}

    def mend(self) -> None:
        host = self.out["cut"]
        self.out |= {"down": monotonic() - self.since, "again": self.hosts.sent_again(host) - self.again}
        self.out["over first"] = self.over.is_set()
        self.hosts.mend(host)

    def rest(self) -> None:
        """As long as the cut lasts: the fault's seconds, or until the fit is over."""
        self.over.wait(None if math.isinf(self.seconds) else self.seconds)


class InARound(Fault):
    """A worker's answer is on its way when its link is cut; the fit lasts at least until the link is there again."""

    def __init__(self, *how: Any):
        super().__init__(*how)
        self.rounds = (STRUCK,) if math.isinf(self.seconds) else (STRUCK, LATER)

    def run(self) -> None:
        self.cut(self.waiting(self.mark(STRUCK)))
        go(self.mark(STRUCK))
        self.rest()
        self.mend()
        go(self.mark(LATER))


class Alone(InARound):
    """The links of all other hosts are cut too: nobody is left to answer."""

    def cut(self, host: int) -> None:
        super().cut(host)
        for other in self.others():
            self.hosts.cut(other)

    def mend(self) -> None:
        super().mend()
        for other in self.others():
            self.hosts.mend(other)

    def others(self) -> list[int]:
        return [other for other in range(1, len(self.hosts.names)) if other != self.out["cut"]]


class Late(Fault):
    """An answer comes when another worker's was taken in its place, and the round goes on."""

    rounds, everybody = (STRUCK,), True
    quorum = 0.3  # of ranges that are answered are enough for second attempts

    def __init__(self, *how: Any):
        super().__init__(*how)
        self.asked, self.answered = set[int](), set[int]()  # ranges of the round, by where they start
        self.dropped = Event()

    def doom(self, ticket: Ticket) -> Blow | None:
        blow = super().doom(ticket)
        if blow is not None:
            self.asked.add(ticket.range[0])
        return blow

    def heard(self, event: Any) -> None:
        if isinstance(event, ev.PieceFinished) and self.asked:
            self.answered.add(event.first)
        if isinstance(event, ev.AnswerDropped):
            self.dropped.set()

    def run(self) -> None:
        struck, last = seen(self.two, "no worker alone on its host, or nobody elsewhere")
        seen(lambda: self.let(self.asked - {struck, last}), "others did not answer")
        self.cut(self.waiting(self.mark(STRUCK, struck)))
        go(self.mark(STRUCK, struck))
        seen(lambda: struck in self.answered, "no other worker has answered")
        self.mend()
        assert self.dropped.wait(TIME), "the answer did not come, or was not dropped"
        go(self.mark(STRUCK, last))

    def two(self) -> tuple[int, int] | None:
        """Ranges of two who wait: one alone on its host, and one on another."""
        there = [start for start in sorted(self.asked) if Path(self.mark(STRUCK, start)).exists()]
        hosts = {start: self.waiting(self.mark(STRUCK, start)) for start in there}
        workers = Counter(self.hosts.of(pid) for pid in pids())
        alone = [start for start in there if workers[hosts[start]] == 1]
        others = [start for start in there if workers[hosts[start]] > 1]
        return (alone[0], others[0]) if alone and others else None

    def let(self, starts: set[int]) -> bool:
        """These go on; whether all have answered."""
        for start in starts:
            go(self.mark(STRUCK, start))
        return starts <= self.answered


class InTransfer(Fault):
    """Rows are on their way to the worker that takes the first range when its link is cut."""

    def __init__(self, *how: Any):
        super().__init__(*how)
        self.host = self.hosts.of(pids()[0])
        self.hosts.narrow(self.host, RATE)

    def run(self) -> None:
        host = self.host
        before = self.hosts.received(host)
        seen(lambda: self.hosts.received(host) > before + 2_000_000, "no rows came")
        self.out["came"] = self.hosts.received(host) - before
        self.cut(host)
        self.rest()
        self.mend()
        self.hosts.widen(host)


class Kept(Fault):
    """Parts of all answers are kept, and are about to be merged, when a host is cut off that keeps some of them."""

    def __init__(self, *how: Any):
        super().__init__(*how)
        self.passes, self.ready = 0, Event()

    def merging(self) -> None:
        """In the driver's thread, which goes on when the link is cut."""
        self.passes += 1
        if self.passes == 2:
            hosts = Counter(self.hosts.of(pid) for pid in pids())
            self.cut(min((host for host in hosts if host), key=lambda host: hosts[host]))
            self.ready.set()

    def run(self) -> None:
        seen(self.ready.is_set, "nothing was merged by workers")
        self.rest()
        self.mend()

    def watched(self) -> Any:
        merge, merging = scatter.Scatter._merged, self.merging

        def merged(self: scatter.Scatter) -> Any:
            merging()
            return merge(self)

        return mock.patch.object(scatter.Scatter, "_merged", merged)


FAULTS = {
    "nothing": Fault,
    "in a round": InARound,
    "alone": Alone,
    "late": Late,
    "in transfer": InTransfer,
    "kept": Kept,
}


def rows(p: int = 100) -> tuple[Any, Any]:
    draw, n = np.random.default_rng(0), 3_200_000 // p
    X = draw.standard_normal((n, p))
    return X, (X[:, :3].sum(axis=1) + draw.standard_normal(n) > 0).astype(float)


def fitted(kind: str) -> Any:
    """In 125 blocks, so that each worker has a range in each round, whatever its share; "kept" has large answers."""
    with mock.patch.object(grid, "TARGET_BYTES", 2**18):
        if kind == "kept":
            return LogisticRegression(solver="newton-cholesky", tol=1e-2).fit(*rows(400))
        return LogisticRegression(solver="gradient-descent", tol=1e-2).fit(*rows())


def under(fault: Fault, kind: str) -> dict[str, Any]:
    """A fit on the engine of the moment: how it ended, what it took, and what was seen of the fault."""
    plain = Watch.emit

    def emit(self: Watch, event: Any) -> None:
        plain(self, event)
        fault.heard(event)

    def run() -> None:
        try:
            fault.run()
        except BaseException:
            traceback.print_exc()
            os._exit(1)  # or the fit might wait for a word that does not come

    thread = Thread(target=run, daemon=True)
    thread.start()
    began = monotonic()
    try:
        with mock.patch.object(Watch, "emit", emit), fault.watched():
            model = fitted(kind)
        report = model.report_
        out = {"end": shardlearn.fingerprint(model), "late": report.late_answers, "why": dict(report.retried_why)}
    except shardlearn.EngineError as error:
        out = {"end": "error", "why": str(error)}
    out["seconds"] = monotonic() - began
    fault.over.set()
    thread.join(TIME)
    assert not thread.is_alive()
    return out | fault.out


def main(names: str, kind: str, seconds: float) -> None:
    hosts = Hosts(tuple(names.split(",")))
    wanted = shardlearn.fingerprint(fitted(kind))
    ray_session.PATIENCE = Patience(stop=20.0) if kind == "late" else Patience()
    with tempfile.TemporaryDirectory() as folder, shardlearn.engine("ray", address=hosts.head) as shown:
        engine: Any = shown
        fault = FAULTS[kind](hosts, seconds, Path(folder))
        if fault.quorum is not None:
            engine.policy = replace(engine.policy, backup_quorum=fault.quorum)
        engine.pool = DoomedPool(engine.pool, fault.doom)
        out = {"hosts": sorted(hosts.of(pid) for pid in pids())} | under(fault, kind)
        began = monotonic()
    if out["end"] != "error":
        out["end"] = "identical" if out["end"] == wanted else "other bits"
    print(json.dumps(out | {"leaving": monotonic() - began}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
