"""A value that is missing or infinite always shows: in every sum of floats over its row, and in every fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.engines.fakes import ArrayBlocks

from shardlearn.core.block import Block
from shardlearn.core.matrix import Array, Csr, Matrix
from shardlearn.engines.serial import SerialEngine
from shardlearn.faces.wary import Wary, finite
from shardlearn.run import run
from shardlearn.solvers.problem import Glm
from shardlearn.solvers.registry import SOLVERS, Example
from shardlearn.statistics.registry import STATISTICS

VALUES = (np.nan, np.inf, -np.inf)
BLIND = ("class weights", "potentials")  # to features; to those far from all that may be chosen
BLIND += ("rows within",)  # a row with such a value is within no radius


class FoundError(Exception):
    """The data are to be searched."""


def found(_: int) -> None:
    raise FoundError


def spoiled(X: Matrix, row: int, column: int, value: float) -> Matrix:
    """With one value instead of another; in CSR one that is stored."""
    if isinstance(X, Csr):
        data, stored = X.data.copy(), X.indptr
        data[min(stored[row] + column, stored[row + 1] - 1)] = value
        return replace(X, data=data)
    X = X.copy()
    X[row, column] = value
    return X


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", [name for name in STATISTICS if name not in BLIND])
def test_every_float_sum_shows_it(name: str, seed: int) -> None:
    """In any row, one without weight as well, and in any column."""
    case = STATISTICS[name].case(seed, 40)
    if case.statistic.exact:
        return  # minima and counts may pass over it: they clear nothing
    assert finite(case.statistic.of(case.block))
    X = case.block.X
    for row in range(0, 40, 3):
        if isinstance(X, Csr) and X.indptr[row] == X.indptr[row + 1]:
            continue
        for column in range(case.block.p):
            for value in VALUES:
                block = replace(case.block, X=spoiled(X, row, column, value))
                with np.errstate(invalid="ignore"):
                    assert not finite(case.statistic.of(block)), (row, column, value)


def noticed(example: Example, block: Block, *, y_known: bool) -> bool:
    """Whether the fit comes to where the data are searched."""
    engine = SerialEngine()
    data = engine.open(ArrayBlocks(block.X, block.y, block.weight, rows=example.problem.shape.grid.rows))
    wary = Wary(example.solver, found, y_known)
    try:
        wary.end(run(wary, example.problem, {"train": data}, engine))
    except FoundError:
        return True
    return False


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_meets_it(name: str, single: bool) -> None:
    example = SOLVERS[name]()
    block, n = example.rows, example.rows.n
    X: Any = block.X
    if single:
        X = replace(X, data=X.data.astype(np.float32)) if isinstance(X, Csr) else X.astype(np.float32)
    light = int(np.flatnonzero(block.weight == 0.0)[-1]) if block.weight is not None else 0
    assert not noticed(example, replace(block, X=X), y_known=True)
    for row, column, value in ((0, 0, np.nan), (n - 1, 4, np.inf), (n // 2, 1, -np.inf), (light, 3, np.nan)):
        assert noticed(example, replace(block, X=spoiled(X, row, column, value)), y_known=True), (row, column, value)


@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_meets_a_target(name: str) -> None:
    """Where it is a number: codes of classes are known before, for a code that is none looks like any other class."""
    example = SOLVERS[name]()
    if example.rows.y is None or (isinstance(example.problem, Glm) and example.problem.loss.codes):
        return
    for row, value in ((0, np.nan), (example.rows.n - 1, np.inf), (100, -np.inf)):
        assert noticed(example, replace(example.rows, y=spoiled_target(example.rows.y, row, value)), y_known=False)


def spoiled_target(y: Array | None, row: int, value: float) -> Array:
    assert y is not None
    y = y.copy()
    y[row] = value
    return y
