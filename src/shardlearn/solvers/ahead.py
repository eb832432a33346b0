"""What a solver will ask, as far as that is known before any row is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from shardlearn.core.block import Block
from shardlearn.core.query import Query
from shardlearn.core.solver import AnySolver, held
from shardlearn.statistics.moments import Moments

MOST = 3  # questions about moments at the beginning: of the first block, of all rows


def ahead(solver: AnySolver, problem: Any, empty: Block) -> Iterator[Query[Any]]:
    """Its first questions, up to the first one that moments don't answer: those of no rows are told it meanwhile."""
    state = solver.init(problem)
    for _ in range(MOST):
        query = solver.ask(problem, state)
        yield replace(query, beside=held(state))
        if not isinstance(query.measure, Moments):
            return
        state = solver.tell(problem, state, query.measure.of(empty))
