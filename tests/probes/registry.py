"""The eight probes, and how one is run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.probes import early_stopping, kmeans, local_sgd, neighbours, partial_fit, smo, together, tree
from tests.probes.plain import Probe

from shardlearn.core.engine import Engine
from shardlearn.core.solver import Status
from shardlearn.run import go_on, run

MODULES = (kmeans, neighbours, tree, smo, local_sgd, together, early_stopping, partial_fit)
PROBES = {module.PROBE.name: module.PROBE for module in MODULES}


def fit(
    probe: Probe, engine: Engine, state: Any = None, stage: int = 0, after: Callable[[Any, int], bool] | None = None
) -> tuple[Any, int]:
    """The final state, or the one at which `after(state, stage)` said stop; and the stage it belongs to."""
    for number in range(stage, len(probe.stages)):
        if state is not None and state.status is not Status.RUNNING:
            state = probe.reopen(state)
        data = {name: engine.open(blocks) for name, blocks in probe.stages[number].items()}
        stopped: list[bool] = []

        def told(now: Any, number: int = number, stopped: list[bool] = stopped) -> bool:
            stopped.append(after is not None and after(now, number))
            return stopped[-1]

        state = run(probe.solver, probe.problem, data, engine, state=state, after=told if after else go_on)
        for handle in data.values():
            engine.close(handle)
        if any(stopped):
            return state, number + (state.status is not Status.RUNNING)
    return state, len(probe.stages)
