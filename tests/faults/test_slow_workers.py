"""R9: one slow worker does not set the pace. It is stopped for 10 s in a round, or has a fifth of a processor.

Times are of the same fit in the same run, in turns with and without the fault.
"""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from statistics import median
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest
from tests.engines.crew import pid, ray_engine
from tests.faults.doom import Blow, DoomedPool, stand, who
from tests.faults.kills import on

import shardlearn
from shardlearn.engines.ray_session import PATIENT
from shardlearn.engines.rounds import Ticket
from shardlearn.linear_model import LogisticRegression

WORKERS = 2
STOPPED, AT_MOST = 10.0, 3.0  # seconds; and what they may cost beyond the stopped worker's own share
QUOTA, SLOWER = 0.2, 1.25  # of a processor; than what the rest of the processors would need, at most
GROUPS, PERIOD = Path("/sys/fs/cgroup/cpu"), 0.1

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_cluster")]


@pytest.fixture(scope="module")
def rows() -> tuple[Any, Any]:
    draw = np.random.default_rng(0)
    X = draw.standard_normal((800_000, 100))
    return X, np.digitize(X[:, :3].sum(axis=1) + draw.standard_normal(len(X)), [-2, -1.3, -0.5, 0, 0.5, 1.3, 2])


def timed(rows: tuple[Any, Any]) -> tuple[Any, float]:
    """A fit of some seconds, and how many."""
    began = monotonic()
    model = LogisticRegression(solver="gradient-descent", tol=1e-5, max_iter=1_000).fit(*rows)
    return model, monotonic() - began


def state(process: int) -> str:
    """R: at work, S: waits, T: stopped, "": gone."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def test_a_worker_that_stands_still_for_ten_seconds(rows: tuple[Any, Any], tmp_path: Path) -> None:
    """In a round, at a quarter of the fit. Its share of the ten seconds has to be done by the other one."""
    engine: Any = ray_engine(WORKERS, **asdict(PATIENT))
    with on(engine):
        timed(rows)  # shares are as they will be
        healthy, seconds = timed(rows)
    passes, mark, seen = healthy.report_.passes, str(tmp_path / "mark"), list[Any]()

    def go_on() -> None:
        until = monotonic() + 60
        while not Path(mark).exists() or state(who(mark)[1]) != "T":
            assert monotonic() < until
            sleep(0.01)
        seen.extend([monotonic(), {pid(number) for number in range(WORKERS)}])
        sleep(STOPPED)
        with suppress(ProcessLookupError):  # the engine may have ended it
            os.kill(who(mark)[1], signal.SIGCONT)

    first: list[int] = []

    def doom(ticket: Ticket) -> Blow | None:
        first.append(ticket.round)
        return Blow("in compute", mark, stand) if ticket.round - first[0] == passes // 4 else None

    engine.pool = DoomedPool(engine.pool, doom)
    thread = Thread(target=go_on)
    thread.start()
    began = monotonic()
    with on(engine):
        model, slower = timed(rows)
    over = monotonic()
    thread.join()
    assert shardlearn.fingerprint(model) == shardlearn.fingerprint(healthy)
    stopped, ours = seen
    assert who(mark)[1] in ours, "a worker of ours"
    share = min(STOPPED, over - stopped) / WORKERS
    print(f"healthy {seconds:.1f} s, stopped after {stopped - began:.1f} s: {slower:.1f} s, own share {share:.1f} s")
    assert slower <= seconds + share + AT_MOST


@contextmanager
def throttled(process: int) -> Iterator[list[int]]:
    """A fifth of a processor: by a group of processes where they can be made, else stopped four fifths of the time.

    Gives a list that at the end holds how often it had to wait.
    """
    group, waits = GROUPS / f"shardlearn-{secrets.token_hex(4)}", list[int]()
    try:
        group.mkdir()
    except OSError:
        with by_turns(process, waits):
            yield waits
        return
    try:
        (group / "cpu.cfs_period_us").write_text(str(int(PERIOD * 1e6)))
        (group / "cpu.cfs_quota_us").write_text(str(int(PERIOD * QUOTA * 1e6)))
        (group / "cgroup.procs").write_text(str(process))
        yield waits
        stat = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
        waits.append(int(stat["nr_throttled"]))
    finally:
        for one in (group / "cgroup.procs").read_text().split():
            (GROUPS / "cgroup.procs").write_text(one)
        group.rmdir()


@contextmanager
def by_turns(process: int, waits: list[int]) -> Iterator[None]:
    over, count = Event(), 0

    def turns() -> None:
        nonlocal count
        while not over.wait(PERIOD * QUOTA):
            os.kill(process, signal.SIGSTOP)
            over.wait(PERIOD * (1 - QUOTA))
            os.kill(process, signal.SIGCONT)
            count += 1

    thread = Thread(target=turns)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        waits.append(count)


def test_a_worker_with_a_fifth_of_a_processor(rows: tuple[Any, Any]) -> None:
    cores = len(os.sched_getaffinity(0))
    if cores > WORKERS:
        pytest.skip(f"{cores} processors for {WORKERS} workers: the capacity that is left is not known")
    engine: Any = ray_engine(WORKERS, **asdict(PATIENT))
    healthy, slow, prints = list[float](), list[float](), set[str]()
    with on(engine):
        timed(rows)
        for _ in range(3):
            model, seconds = timed(rows)
            healthy.append(seconds)
            prints.add(shardlearn.fingerprint(model))
            before = pid(0)
            with throttled(before) as waits:
                model, seconds = timed(rows)
            slow.append(seconds)
            prints.add(shardlearn.fingerprint(model))
            assert waits[0] > 0
            assert pid(0) == before, "the slow one, not another in its place"
    assert len(prints) == 1
    ratio = median(slow) / median(healthy) / (cores / (cores - 1 + QUOTA))
    print(f"healthy {healthy}, a worker at {QUOTA:.0%} {slow}: {ratio:.2f} times what is left would need")
    assert ratio <= SLOWER
