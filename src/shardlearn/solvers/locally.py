"""A solver run to its end, or part of the way, on rows that are all here: what an engine would do with one block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from shardlearn.core.block import Block
from shardlearn.core.matrix import Array
from shardlearn.core.query import Query
from shardlearn.core.solver import Solver, State, Status

P = TypeVar("P")
S = TypeVar("S", bound=State)
Kept = dict[str, tuple[int, Mapping[str, Array]]]  # carried columns by name, and their version


def solved(solver: Solver[P, S, Any], problem: P, rows: Block, enough: Callable[[S], bool]) -> S:
    """The state where the solver ends, or where that is enough."""
    state, kept = solver.init(problem), Kept()
    while state.status is Status.RUNNING and not enough(state):
        query = solver.ask(problem, state)
        state = solver.tell(problem, state, query.measure.of(_carried(rows, query, kept)))
    return state


def _carried(rows: Block, query: Query[Any], kept: Kept) -> Block:
    out = rows
    for carry in query.carry:
        version, columns = kept.get(carry.name, (None, {}))
        if version == carry.version - 1:
            columns = carry.step(rows.with_extra(carry.name, columns))
        else:
            columns = carry.rebuild(rows)
        kept[carry.name] = carry.version, columns
        out = out.with_extra(carry.name, columns)
    return out
