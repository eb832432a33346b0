"""Whether a fit can go on from a state that was stored: hashes say that nobody damaged it, not that it is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from shardlearn.core.block import Block
from shardlearn.core.errors import ShardlearnError
from shardlearn.core.solver import AnySolver
from shardlearn.core.statistic import Statistic
from shardlearn.storage.canonical import damaged

from .journal import Step

# What Python raises where a value has not the shape, kind or length that somebody counts on.
FOREIGN = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


def must_go_on(then: Step, solver: AnySolver, problem: Any, empty: Block, where: str) -> None:
    """Refuse a state that is none of this fit: other shapes than the first state's, or no question can be asked."""
    with refused(where, then.name):
        if not alike(solver.init(problem), then.value):
            raise ValueError("arrays of other shapes than those of this fit")
        if not then.over:
            query = solver.ask(problem, then.value)
            if not query.carry:
                query.measure.of(empty)


def must_answer(then: Step, measure: Statistic[Any], empty: Block, where: str) -> None:
    """Refuse an answer that is none to this question: it would not merge with that of no rows."""
    with refused(where, then.name):
        none = measure.of(empty)
        if not then.over or not alike(none, then.value):
            raise ValueError("no answer to its question")
        measure.merge(none, then.value)


def alike(first: Any, found: Any) -> bool:
    """Of the same class, with arrays of the same shape; one without items may have got some, None may be anything."""
    if first is None or found is None:
        return True
    if type(first) is not type(found):
        return isinstance(first, int | float) and isinstance(found, int | float)
    if isinstance(first, np.ndarray):
        same = first.ndim == found.ndim if first.size == 0 else first.shape == found.shape
        return bool(same and first.dtype.kind == found.dtype.kind)
    if is_dataclass(first):
        return all(alike(getattr(first, one.name), getattr(found, one.name)) for one in fields(first))
    if isinstance(first, tuple) and first:
        return len(first) == len(found) and all(map(alike, first, found))
    return True


@contextmanager
def refused(where: str, name: str) -> Iterator[None]:
    """Errors of Python's own, where a stored state is worked with, are that state's fault."""
    try:
        yield
    except ShardlearnError:
        raise
    except FOREIGN as error:
        found = f"a state that {name} can't go on from: {str(error) or type(error).__name__}"
        raise damaged(where, found, "SL5108") from error
