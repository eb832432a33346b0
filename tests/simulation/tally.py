"""Many schedules, counted by what came of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import reduce
from multiprocessing import get_context

from tests.simulation.cases import tried
from tests.simulation.faults import Fault
from tests.simulation.simulate import Outcome


@dataclass
class Tally:
    """What came of many schedules. One of whose faults did not come to pass is not among those that passed."""

    passed: int = 0
    unfired: int = 0
    gave_up: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        self.passed += outcome.all_fired
        self.unfired += not outcome.all_fired
        self.gave_up += outcome.error is not None
        self.counts += outcome.counts
        self.kinds += Counter(one.kind.name if isinstance(one, Fault) else "CRASH" for one in outcome.fired)

    def plus(self, other: Tally) -> Tally:
        one = Tally(self.passed + other.passed, self.unfired + other.unfired, self.gave_up + other.gave_up)
        one.counts, one.kinds = self.counts + other.counts, self.kinds + other.kinds
        return one


def tally(names: Iterable[str]) -> Tally:
    out = Tally()
    for name in names:
        out.add(tried(name))
    return out


def tally_in_processes(names: Sequence[str]) -> Tally:
    """The same, on all processors."""
    count = os.cpu_count() or 1
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        return reduce(Tally.plus, pool.map(tally, [names[i::count] for i in range(count)]))
