"""What no model takes shows in the sums of a solver: looked for only then, and before the solver is told.

A sum over all rows that has a value which is NaN or infinite among its terms is itself not finite: nothing that is
added or multiplied makes it finite again. So a solver's own passes say whether the data have to be searched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from shardlearn.core.engine import Blocks, Engine
from shardlearn.core.events import Emit
from shardlearn.core.query import A, Query
from shardlearn.core.rows import All
from shardlearn.core.solver import AnySolver, State, held, leaves
from shardlearn.data import Laid, verify
from shardlearn.statistics.survey import Survey


@dataclass(slots=True)
class Wary:
    """A solver whose answers are looked at first, for as long as the data may be to blame for one."""

    solver: AnySolver
    search: Callable[[int], None]  # raises what is wrong with the data; holding so many bytes beside it
    y_known: bool  # what y holds was looked at before, so that features alone are in doubt
    shown: bool = False  # a sum over all rows was finite
    cleared: bool = False  # no answer needs to be looked at any more: what isn't finite is the solver's own doing
    _asked: Query[Any] | None = None

    def init(self, problem: Any, /) -> Any:
        return self.solver.init(problem)

    def ask(self, problem: Any, state: State, /) -> Query[Any]:
        self._asked = self.solver.ask(problem, state)
        return self._asked

    def tell(self, problem: Any, state: State, answer: Any, /) -> Any:
        if not self.cleared:
            self._look(state, answer)
        return self.solver.tell(problem, state, answer)

    def end(self, state: State) -> None:
        """Search where no sum over all rows has shown anything, as where a solver saw some of them only."""
        if not (self.shown or self.cleared):
            self.search(held(state))

    def _look(self, state: State, answer: Any) -> None:
        assert self._asked is not None
        if not finite(answer):
            self.search(held(state) + held(answer))
            self.cleared = True
        elif isinstance(self._asked.rows, All) and not self._asked.measure.exact:  # minima, say, may pass over a NaN
            self.shown = True
            self.cleared = self.y_known


def finite(answer: object) -> bool:
    """Whether all floats of an answer are finite."""
    for leaf in leaves(answer):
        is_float = leaf.dtype.kind == "f" if isinstance(leaf, np.ndarray) else isinstance(leaf, float)
        if is_float and not np.isfinite(leaf).all():
            return False
    return True


def once(engine: Engine, blocks: Blocks, query: Query[A], emit: Emit) -> A:
    """The answer to one question, of blocks that are opened for it alone."""
    data = engine.open(blocks)
    try:
        return engine.fold({"train": data}, query, emit=emit)
    finally:
        engine.close(data)


def search(engine: Engine, laid: Laid, emit: Emit, beside: int = 0) -> None:
    """Raise the error of the first thing wrong with the data: counted, so the same for any number of workers."""
    verify.check(laid, once(engine, laid.blocks, Query(Survey(laid), beside=beside), emit))
