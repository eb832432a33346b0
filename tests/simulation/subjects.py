"""Small fits by real solvers, each of whose questions counts the rows as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from typing import Any

import numpy as np
from tests.engines.fakes import ArrayBlocks
from tests.probes.kmeans import KMeans
from tests.probes.plain import fingerprint
from tests.solvers.fitting import binary, glm, rotated, squares

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.engine import Engine
from shardlearn.core.events import Emit, ignore
from shardlearn.core.grid import Grid
from shardlearn.core.query import Query
from shardlearn.core.rows import Rows, chosen
from shardlearn.core.statistic import Statistic, is_cut, is_running
from shardlearn.engines.serial import SerialEngine
from shardlearn.run import run
from shardlearn.solvers.gram_least_squares import GramLeastSquares
from shardlearn.solvers.preconditioned_lbfgs import PreconditionedLbfgs

Array = np.ndarray[Any, Any]
N, ROWS = 187, 16  # twelve blocks, the last one short


class Miscounted(AssertionError):  # noqa: N818 - the same
    """A row was counted twice, or not at all."""


@dataclass(frozen=True)
class Counted:
    """A statistic, and beside it the number of rows, the sum of their ids and that of the ids' squares."""

    measure: Statistic[Any]

    @property
    def exact(self) -> bool:
        return self.measure.exact

    def of(self, block: Block, /) -> tuple[Any, Array]:
        return self.measure.of(block), tally(block.row_ids())

    def merge(self, left: Any, right: Any, /) -> tuple[Any, Array]:
        return self.measure.merge(left[0], right[0]), left[1] + right[1]

    def bytes(self) -> int:
        return self.measure.bytes() + 24

    @property
    def parts(self) -> int:
        """1 where it can't be cut: so it is not asked for a part."""
        return self.measure.parts if is_cut(self.measure) else 1

    def part(self, answer: Any, i: int, /) -> tuple[Any, Array]:
        return self.measure.part(answer[0], i), answer[1].copy()  # type: ignore[attr-defined]

    def join(self, results: Sequence[Any], /) -> tuple[Any, Array]:
        """Each part has counted."""
        if len({tuple(count) for _, count in results}) > 1:
            raise Miscounted(str([count for _, count in results]))
        return self.measure.join([part for part, _ in results]), results[0][1]  # type: ignore[attr-defined]


@dataclass(frozen=True)
class CountedWalk(Counted):
    """One that walks."""

    def add(self, into: Any, block: Block, /) -> tuple[Any, Array]:
        return self.measure.add(into[0], block), into[1] + tally(block.row_ids())  # type: ignore[attr-defined]


def tally(ids: Array) -> Array:
    return np.array([len(ids), ids.sum(), (ids * ids).sum()])


def expected(rows: Rows, grid: Grid) -> Array:
    """The tally of the rows that are asked for."""
    each = [chosen(rows, grid, block, kernels.philox) for block in grid.blocks]
    ids = [np.arange(*grid.span(b)) if some is None else some for b, some in zip(grid.blocks, each, strict=True)]
    return tally(np.concatenate(ids))


@dataclass(frozen=True)
class Counting:
    """Any solver; that every row counted once is checked in each round."""

    solver: Any
    grid: Grid

    def init(self, problem: Any, /) -> Any:
        return self.solver.init(problem)

    def ask(self, problem: Any, state: Any, /) -> Query[Any]:
        query = self.solver.ask(problem, state)
        return replace(query, measure=(CountedWalk if is_running(query.measure) else Counted)(query.measure))

    def tell(self, problem: Any, state: Any, answer: Any, /) -> Any:
        asked = expected(self.solver.ask(problem, state).rows, self.grid)
        if not np.array_equal(answer[1], asked):
            raise Miscounted(f"rows, sum of ids, of their squares: {answer[1].tolist()}, not {asked.tolist()}")
        return self.solver.tell(problem, state, answer[0])


@dataclass(frozen=True)
class Scored:
    """Rows of a stream: predictions of a linear model."""

    w: Array

    def __call__(self, block: Block, /) -> Block:
        return replace(block, X=(block.X * self.w).copy())


@dataclass(frozen=True)
class Subject:
    solver: Any
    problem: Any
    blocks: ArrayBlocks
    predicts: Callable[[Any], Any] | None = None  # rows of the fitted model are streamed after the fit

    @property
    def counting(self) -> Counting:
        return Counting(self.solver, self.blocks.grid)

    def fitted(
        self,
        engine: Engine,
        state: Any = None,
        after: Callable[[Any], bool] = lambda _: False,
        emit: Emit = ignore,
        resident: bool = True,
    ) -> tuple[Any, str]:
        """The last state, and the fingerprint of all that came out."""
        data = engine.open(replace(self.blocks, resident=resident))
        state = run(self.counting, self.problem, {"train": data}, engine, state=state, after=after, emit=emit)
        out = fingerprint(state)
        if self.predicts is not None:
            scored = engine.stream(data, self.predicts(state), emit=emit)
            out += sha256(b"".join(block.X.tobytes() for block in scored)).hexdigest()
        engine.close(data)
        return state, out


def _cloud() -> Array:
    draw = np.random.default_rng(1)
    return np.ascontiguousarray(draw.standard_normal((N, 2)) + 5 * draw.integers(0, 2, (N, 2)))


def _squares() -> Subject:
    X = rotated(N, 4, 1e6, offset=3.0)
    y = X @ np.array([1.0, -2.0, 0.5, 3.0]) + np.random.default_rng(2).standard_normal(N)
    problem = squares(X, [0.0], rows=ROWS)
    return Subject(GramLeastSquares(), problem, ArrayBlocks(X, y, rows=ROWS), lambda state: Scored(state.W[0]))


def _logistic() -> Subject:
    X = rotated(N, 3, 20.0, offset=1.0)
    y = binary(X)
    return Subject(PreconditionedLbfgs(1e-4), glm(X, "logistic", rows=ROWS), ArrayBlocks(X, y, rows=ROWS))


def _kmeans() -> Subject:
    return Subject(KMeans(4, seed=7, draws=1, most=7), 2, ArrayBlocks(_cloud(), rows=ROWS))


SUBJECTS: Mapping[str, Subject] = {"squares": _squares(), "logistic": _logistic(), "kmeans": _kmeans()}


@cache
def reference(name: str) -> tuple[str, tuple[str, ...]]:
    """By the serial engine: the fingerprint of what comes out, and of the state after each round."""
    states: list[str] = []
    _, out = SUBJECTS[name].fitted(SerialEngine(), after=lambda state: bool(states.append(fingerprint(state))))
    return out, tuple(states)
