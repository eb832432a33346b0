"""A worker may die at any moment: the model is the same (R1). Each family once; `make test-faults` has a thousand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.engines.crew import crew
from tests.faults.doom import PHASES
from tests.faults.kills import FAMILIES, killed


def pids() -> set[int]:
    return {slot.hello.pid for slot in crew(least=1).slots if slot.hello is not None}


@pytest.mark.usefixtures("ray_cluster")
def test_kills(tmp_path: Path) -> None:
    phases: set[str] = set()
    for seed in range(len(FAMILIES)):
        end, died = killed(seed, tmp_path)
        assert end == "identical", f"seed {seed}"
        assert died, f"seed {seed}: nobody was killed"
        killed_ones = {pid for _, pid in died}
        assert len(killed_ones) == len(died)
        assert not killed_ones & {os.getpid(), *pids()}
        phases |= {phase for phase, _ in died}
    assert phases == set(PHASES)
