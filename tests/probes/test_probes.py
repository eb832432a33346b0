"""The waist holds: eight unlike solvers have one fingerprint each, whatever runs them and whatever is lost."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from tests.engines.fakes import FloatSum, IdSum, Walk
from tests.engines.subprocess_pool import SubprocessPool, subprocess_engine
from tests.probes.plain import fingerprint
from tests.probes.registry import PROBES, fit
from tests.probes.shaken import ForgetfulEngine, Shaken

from shardlearn.core.query import Query
from shardlearn.core.rows import ALL, Ids, Range
from shardlearn.engines.pool import PoolEngine
from shardlearn.engines.room import Room
from shardlearn.engines.serial import SerialEngine
from shardlearn.engines.threads import ThreadPool
from shardlearn.solvers.together import Together
from shardlearn.storage import state as storage

WORKERS = (1, 2, 3, 7)
CARRYING = ("kmeans", "tree", "smo", "together")


@cache
def reference(name):
    """State and fingerprint of the serial engine, and after how many rounds."""
    rounds = []
    state, _ = fit(PROBES[name], SerialEngine(), after=lambda now, stage: bool(rounds.append(stage)))
    return state, fingerprint(state), len(rounds)


def threads(workers):
    room = Room()
    return PoolEngine("threads", ThreadPool(workers, room), room)


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_solves_its_problem(name):
    state, _, rounds = reference(name)
    PROBES[name].check(state)
    assert rounds > 2


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("name", PROBES)
def test_threads_give_the_same_bits(name, workers):
    assert fingerprint(fit(PROBES[name], threads(workers))[0]) == reference(name)[1]


@pytest.fixture(scope="module", params=WORKERS)
def children(request):
    with SubprocessPool(request.param) as pool:
        yield pool


@pytest.mark.parametrize("name", PROBES)
def test_processes_give_the_same_bits(name, children):
    """Queries and answers travel as bytes."""
    assert fingerprint(fit(PROBES[name], subprocess_engine(children))[0]) == reference(name)[1]


@pytest.fixture(scope="module")
def mortals():
    with SubprocessPool(3) as pool:
        yield pool
        assert pool.killed >= 2 * len(PROBES) - 2  # a probe of two questions has no middle


@pytest.mark.parametrize("name", PROBES)
def test_workers_die_and_take_their_columns_with_them(name, mortals):
    """One is shot in the middle of its work, one between two rounds."""
    rounds = []

    def after(now, stage):
        rounds.append(stage)
        if len(rounds) == reference(name)[2] // 2 + 1:
            mortals.kill(len(name))
        return False

    mortals.kill_on = {(1, 0, 1)}
    state, _ = fit(PROBES[name], subprocess_engine(mortals), after=after)
    assert fingerprint(state) == reference(name)[1]


@pytest.mark.parametrize("name", PROBES)
def test_where_readers_start_does_not_show(name):
    """Blocks lie in files as they like."""
    probe = PROBES[name]
    for at in ((), (1, 2, 5)):
        stages = tuple({n: replace(b, at=at, resident=False) for n, b in stage.items()} for stage in probe.stages)
        for engine in (SerialEngine(), threads(2)):
            assert fingerprint(fit(replace(probe, stages=stages), engine)[0]) == reference(name)[1]


@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize("name", CARRYING)
def test_lost_columns_do_not_show(name, share):
    shaken = replace(PROBES[name], solver=Shaken(PROBES[name].solver, share))
    for engine in (SerialEngine(), threads(3)):
        assert fingerprint(fit(shaken, engine)[0]) == reference(name)[1]


@pytest.mark.parametrize("name", CARRYING)
def test_an_engine_may_forget(name):
    assert fingerprint(fit(PROBES[name], ForgetfulEngine())[0]) == reference(name)[1]


@pytest.mark.parametrize("name", PROBES)
def test_stopped_and_resumed_in_this_process(name):
    """After each round the state goes to files and back, and another engine goes on."""
    probe, state, stage = PROBES[name], None, 0
    while stage < len(probe.stages):
        state, stage = fit(probe, SerialEngine(), state, stage, after=lambda now, stage: True)
        state = storage.from_files(storage.to_files(state), "here")
    assert fingerprint(state) == reference(name)[1]


def test_killed_and_resumed_in_a_new_process(tmp_path):
    draw = np.random.default_rng(0)
    module = [sys.executable, "-m", "tests.probes.resume"]
    for name in PROBES:
        after = str(draw.integers(1, reference(name)[2]))
        done = subprocess.run([*module, "run", name, tmp_path / name, after], timeout=60, check=False)
        assert done.returncode == -signal.SIGKILL
    pairs = [f"{name}={tmp_path / name}" for name in PROBES]
    done = subprocess.run([*module, "finish", *pairs], timeout=60, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == {name: reference(name)[1] for name in PROBES}


# -- Together ------------------------------------------------------------------------------------------------------


class Asks:
    """A solver whose problem is the query that it asks, once."""

    def init(self, query, /):
        return PROBES["partial_fit"].solver.init(1)

    def ask(self, query, state, /):
        return query

    def tell(self, query, state, answer, /):
        return replace(state, w=answer)


def asked(*queries):
    together = Together(Asks())
    query = together.ask(queries, together.init(queries))
    return sorted(query.measure.each)


def test_one_pass_serves_those_that_ask_for_the_same_rows():
    ids = [Ids(np.arange(3)), Ids(np.arange(3)), Ids(np.arange(4)), Range(0, 3), ALL]
    assert asked(*(Query(IdSum(), rows=rows) for rows in ids)) == [0, 1]
    assert asked(
        Query(IdSum()), Query(IdSum(), data="validation"), Query(IdSum(), rows=Range(0, 9)), Query(IdSum())
    ) == [0, 3]
    assert asked(Query(Walk(), runs=2), Query(Walk(), runs=3), Query(Walk(), runs=2), Query(Walk())) == [0, 2]


def test_a_walk_needs_statistics_that_walk():
    with pytest.raises(TypeError, match="FloatSum"):
        asked(Query(FloatSum(), runs=2))


def test_problems_end_one_by_one():
    state = reference("together")[0]
    assert state.figures == {"running": 0.0}
    assert len({own.status for own in state.each}) == 2
