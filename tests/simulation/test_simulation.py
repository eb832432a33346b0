"""R1, R2, R3, R7, R8, R10 in virtual time: under any faults the same model, or a clean error; never a wrong one."""

from __future__ import annotations

import pytest
from tests.simulation.__main__ import main
from tests.simulation.cases import every, named
from tests.simulation.faults import COSTLY, Kind, Schedule, Setting, fault
from tests.simulation.simulate import simulate, sites
from tests.simulation.subjects import SUBJECTS, reference
from tests.simulation.tally import Tally, tally_in_processes

PARTS = 20  # of all pairs


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_single_fault(subject: str) -> None:
    """One fault is never a reason to give up."""
    done = tally_in_processes(every("single", subject))
    assert done.passed > 100
    assert (done.unfired, done.gave_up) == (0, 0)
    assert set(done.kinds) == {kind.name for kind in Kind}
    for what in ("retried", "late", "duplicate", "of another round"):
        assert done.counts[what] > 0


@pytest.mark.parametrize("first", [0, *(pytest.param(i, marks=pytest.mark.slow) for i in range(1, PARTS))])
def test_every_pair_of_faults_on_a_small_fit(first: int) -> None:
    """Neither are two. Some pairs exclude each other: where a worker is cut off, its piece may be done elsewhere."""
    done = tally_in_processes(every("pair", "squares")[first::PARTS])
    assert done.passed > 150
    assert done.unfired < 0.01 * done.passed
    assert done.gave_up == 0


@pytest.mark.parametrize("subject", ["logistic", "kmeans"])
def test_pairs_of_all_kinds(subject: str) -> None:
    done = tally_in_processes(every("few", subject))
    assert done.passed > 300
    assert (done.unfired, done.gave_up) == (0, 0)


def test_the_driver_may_die_at_every_call_and_after_every_lost_flush() -> None:
    """The step before is used, or the fit begins anew: the same model. An honest disk loses at most one round."""
    done = tally_in_processes(every("disk", "squares"))
    assert done.passed > 400
    assert done.unfired == 0
    for what in ("flushes lost", "damaged", "refused", "resumed", "of another epoch"):
        assert done.counts[what] > 0


def test_workers_and_the_driver_may_die() -> None:
    done = tally_in_processes(every("both", "logistic"))
    assert done.passed > 200
    assert (done.unfired, done.gave_up) == (0, 0)
    assert done.counts["resumed"] > 0


@pytest.mark.parametrize("seeds", [500, pytest.param(4_000, marks=pytest.mark.slow)])
def test_random_seeds(seeds: int) -> None:
    """As many seeds as it takes until so many have had all their faults."""
    done, seed = Tally(), 0
    while done.passed < seeds:
        more = range(seed, seed + (seeds - done.passed) * 5 // 4 + 1)
        done, seed = done.plus(tally_in_processes([f"seed {number}" for number in more])), more.stop
    assert seed < 1.4 * seeds
    assert 0 < done.gave_up < 0.15 * seed
    assert set(done.kinds) == {"CRASH", *(kind.name for kind in Kind)}
    for what in ("retried", "late", "duplicate", "of another round", "of another epoch", "resumed", "flushes lost"):
        assert done.counts[what] > seeds / 20


@pytest.mark.parametrize("kind", COSTLY)
def test_a_piece_that_never_gets_through_is_given_up_after_four_attempts(kind: Kind) -> None:
    """And the error says which rows; three times is not enough for that."""
    setting = Setting("squares")
    site = next(site for site in sites(setting) if site.allows(kind))
    four = tuple(fault(kind, site, attempt) for attempt in range(1, 5))
    assert simulate(Schedule(setting, four[:3])).error is None
    outcome = simulate(Schedule(setting, four))
    assert outcome.error is not None
    assert outcome.all_fired
    assert "rows" in outcome.error.where
    assert outcome.error.found.count("attempt ") == 4


def test_the_same_schedule_is_the_same_run() -> None:
    logs: list[list[str]] = [[], []]
    for log in logs:
        simulate(named("seed 5"), log=log)
    assert logs[0] == logs[1]
    assert len(logs[0]) > 20


def test_states_can_be_told_apart() -> None:
    """So that a round that is lost shows."""
    for name in SUBJECTS:
        states = reference(name)[1]
        assert len(set(states)) == len(states) > 2


def test_a_replay_shows_commands_with_their_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--case", "single squares 0"]) == 0
    shown = capsys.readouterr().out
    assert "fault: round 0, piece from 0, attempt 1: its worker dies before it reads" in shown
    assert "-> Submit 0 to 0 of round 0, attempt 2: attempt 1: worker 0 died" in shown
    assert "the same model as without faults" in shown
