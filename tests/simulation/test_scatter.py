"""The same promises where answers stay with workers, and are lost with them: before, between and in both rounds."""

from __future__ import annotations

from tests.simulation.faults import Fault, Kind, Schedule, Setting
from tests.simulation.simulate import simulate
from tests.simulation.test_simulation import Tally, every, tally, tried

SEEDS = 200


def test_every_single_fault() -> None:
    done = tally(every("kept", "squares"))
    assert done.passed > 100
    assert (done.unfired, done.gave_up) == (0, 0)
    assert set(done.kinds) == {kind.name for kind in Kind}
    for what in ("retried", "late", "duplicate", "of another round"):
        assert done.counts[what] > 0


def test_pairs() -> None:
    """Some exclude each other: what is asked again may be asked for in another round than was planned."""
    done = tally(every("kept-pair", "squares"))
    assert done.passed > 300
    assert done.unfired < 0.05 * done.passed
    assert done.gave_up == 0


def test_random_seeds() -> None:
    done, seed = Tally(), 0
    while done.passed < SEEDS:
        done.add(tried(f"kept-seed {seed}"))
        seed += 1
    assert seed < 1.6 * SEEDS
    assert 0 < done.gave_up < 0.15 * seed


def test_what_went_with_a_worker_is_asked_for_again() -> None:
    """It dies when its answer has left; what another worker keeps stays."""
    setting, log = Setting("squares", scatter=True), list[str]()
    simulate(Schedule(setting, (Fault(Kind.DIES_AFTER_REPLY, 1, 22),)), log=log)
    begun = [line.split("begins ")[1].split(",")[0] for line in log if "begins" in line]
    rounds = {number: [line for line in begun if line.endswith(f"of round {number}")] for number in (1, 2, 3, 4)}
    assert sorted(rounds[1]) == ["0 to 21 of round 1", "22 to 41 of round 1", "42 to 63 of round 1"]
    assert len(rounds[2]) == 2
    assert rounds[3] == ["22 to 41 of round 3"]
    assert len(rounds[4]) == 2
