"""The eight probes on Ray: one fingerprint each, also when a worker dies in the middle and one between two rounds."""

from __future__ import annotations

import pytest
from tests.engines.crew import kill, ray_engine
from tests.engines.test_scatter import ALWAYS
from tests.probes import tree
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


@pytest.mark.usefixtures("ray_cluster")
@pytest.mark.parametrize("name", ["tree", "together"])
def test_parts_are_finished_by_workers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not here: the best splits and the grown subtrees come from where their part was merged."""
    expected, really = reference(name)[1], tree.Frontier.finish

    def finish(self: tree.Frontier, i: int, merged: object, /) -> object:
        assert self.parts == 1, "several parts are no work for the driver"
        return really(self, i, merged)

    monkeypatch.setattr(tree.Frontier, "finish", finish)
    engine = ray_engine(2)
    engine.plans = ALWAYS
    assert fingerprint(fit(PROBES[name], engine)[0]) == expected
