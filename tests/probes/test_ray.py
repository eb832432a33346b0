"""The eight probes on Ray: one fingerprint each, also when a worker dies in the middle and one between two rounds."""

from __future__ import annotations

import pytest
from tests.engines.crew import kill, ray_engine
from tests.probes.plain import fingerprint
from tests.probes.registry import PROBES, fit
from tests.probes.test_probes import reference


@pytest.mark.usefixtures("ray_cluster")
@pytest.mark.parametrize("name", PROBES)
def test_ray_gives_the_same_bits(name: str) -> None:
    rounds = []

    def after(now: object, stage: int) -> bool:
        rounds.append(stage)
        if len(rounds) == 2:
            kill(len(name) % 2)
        return False

    assert fingerprint(fit(PROBES[name], ray_engine(2), after=after)[0]) == reference(name)[1]
