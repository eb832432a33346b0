"""The same promises where answers stay with workers, and are lost with them: before, between and in both rounds."""

from __future__ import annotations

import re

from tests.simulation.cases import every
from tests.simulation.faults import Fault, Kind, Schedule, Setting
from tests.simulation.simulate import simulate, sites
from tests.simulation.tally import Tally, tally_in_processes

SEEDS = 200


def test_every_single_fault() -> None:
    done = tally_in_processes(every("kept", "squares"))
    assert done.passed > 100
    assert (done.unfired, done.gave_up) == (0, 0)
    assert set(done.kinds) == {kind.name for kind in Kind}
    for what in ("retried", "late", "duplicate", "of another round"):
        assert done.counts[what] > 0


def test_pairs() -> None:
    """Some exclude each other: what is asked again may be asked for in another round than was planned."""
    done = tally_in_processes(every("kept-pair", "squares"))
    assert done.passed > 300
    assert done.unfired < 0.05 * done.passed
    assert done.gave_up == 0


def test_random_seeds() -> None:
    done, seed = Tally(), 0
    while done.passed < SEEDS:
        more = range(seed, seed + (SEEDS - done.passed) * 5 // 4 + 1)
        done, seed = done.plus(tally_in_processes([f"kept-seed {number}" for number in more])), more.stop
    assert seed < 1.6 * SEEDS
    assert 0 < done.gave_up < 0.15 * seed


def test_what_went_with_a_worker_is_asked_for_again() -> None:
    """It dies when an answer has left; what other workers keep stays."""
    setting, log = Setting("squares", scatter=True), list[str]()
    struck = next(site.piece[0] for site in sites(setting) if site.round == 1 and site.piece[0])
    simulate(Schedule(setting, (Fault(Kind.DIES_AFTER_REPLY, 1, struck),)), log=log)
    found = [re.search(r"worker (\d) begins (\d+) to \d+ of round (\d+),", line) for line in log]
    begun = [tuple(map(int, one.groups())) for one in found if one]
    [dead] = [worker for worker, first, number in begun if (first, number) == (struck, 1)]
    own = [first for worker, first, number in begun if (worker, number) == (dead, 1)]
    kept = own[: own.index(struck) + 1]
    assert sorted(first for _, first, number in begun if number == 3) == sorted(kept)
    assert 0 < len(kept) < sum(number == 1 for *_, number in begun)
    assert [sum(number == merging for *_, number in begun) for merging in (2, 4)] == [2, 2]
