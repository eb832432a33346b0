"""The loop: the only place where a solver meets an engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import TypeVar

from .core.engine import Engine, Sharded
from .core.events import Emit, RoundFinished, ignore
from .core.solver import A, S, Solver, State, Status, held

P = TypeVar("P")

# Columns that one run has left with an engine are never stepped by another: their versions are far apart.
_RUNS = count(1)
APART = 1 << 40


def go_on(_: State, /) -> bool:
    """Never stops a fit."""
    return False


def run(
    solver: Solver[P, S, A],
    problem: P,
    data: Mapping[str, Sharded],
    engine: Engine,
    *,
    state: S | None = None,
    after: Callable[[S], bool] = go_on,
    emit: Emit = ignore,
) -> S:
    """Ask, measure, tell, until the state says stop, or `after` does; pass `state` to go on from there."""
    now = solver.init(problem) if state is None else state
    index, base = 0, next(_RUNS) * APART
    while now.status is Status.RUNNING:
        query = replace(solver.ask(problem, now), beside=held(now))
        if query.carry:
            query = replace(query, carry=tuple(replace(c, version=c.version + base) for c in query.carry))
        now = solver.tell(problem, now, engine.fold(data, query, emit=emit))
        emit(RoundFinished(index, now.status, now.figures))
        index += 1
        if after(now):
            break
    return now
