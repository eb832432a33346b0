"""What solvers do when answers are of no use: they end, with the last good point."""

from dataclasses import replace

import numpy as np
import pytest
from tests.engines.fakes import ArrayBlocks
from tests.solvers.fitting import binary, glm, rotated, solved

from shardlearn.core.block import Block
from shardlearn.core.events import ignore
from shardlearn.core.solver import Status
from shardlearn.engines.serial import SerialEngine
from shardlearn.solvers.gradient_descent import GradientDescent
from shardlearn.solvers.lbfgs import Lbfgs
from shardlearn.solvers.newton_cholesky import NewtonCholesky, NewtonPhase
from shardlearn.solvers.preconditioned_lbfgs import PreconditionedLbfgs
from shardlearn.statistics.double import Double


def walls(solver, problem, blocks, state, rounds=500):
    """Go on, with F infinite wherever it is asked for, until the state says stop."""
    engine = SerialEngine()
    data = {"train": engine.open(blocks)}
    for _ in range(rounds):
        if state.status is not Status.RUNNING:
            break
        answer = engine.fold(data, solver.ask(problem, state), emit=ignore)
        state = solver.tell(problem, state, infinite(answer))
    return state


def infinite(answer):
    if hasattr(answer, "loss"):
        return replace(answer, loss=Double(np.inf, 0.0))
    if hasattr(answer, "sums"):
        return replace(answer, sums=infinite(answer.sums), values=np.full(4, np.inf))
    return answer


@pytest.fixture
def setting():
    X = rotated(500, 6, 30.0)
    y = binary(X)
    return glm(X, "logistic", l2=1e-2), ArrayBlocks(X, y, rows=1024)


@pytest.mark.parametrize("solver", [PreconditionedLbfgs(1e-9), Lbfgs(1e-9), GradientDescent(1e-9)])
def test_a_wall_on_all_sides(solver, setting):
    problem, blocks = setting
    good = solved(solver, problem, blocks.X, blocks.y, after=lambda s: s.iterations == 3)
    end = walls(solver, problem, blocks, good)
    assert end.status is Status.STALLED
    assert end.W.tobytes() == good.W.tobytes()
    assert end.b.tobytes() == good.b.tobytes()


def test_newton_hands_over_at_a_wall(setting):
    problem, blocks = setting
    solver = NewtonCholesky(1e-9)
    good = solved(solver, problem, blocks.X, blocks.y, after=lambda s: s.iterations == 1)
    handed = walls(solver, problem, blocks, good, rounds=4)
    assert handed.phase is NewtonPhase.FALLBACK
    assert handed.W.tobytes() == good.W.tobytes()
    assert handed.figures == good.figures
    end = solved(solver, problem, blocks.X, blocks.y, state=handed)
    assert end.status is Status.CONVERGED
    assert end.iterations > handed.iterations


def test_a_gradient_of_nothing():
    """No direction is downhill, and the tolerance can't be met."""
    X = np.zeros((100, 2))
    state = solved(PreconditionedLbfgs(-1.0), glm(X, "logistic", intercept=False), X, np.arange(100) % 2.0)
    assert state.status is Status.STALLED
    assert not state.W.any()


def test_a_first_block_that_weighs_nothing():
    X = rotated(2000, 4, 3.0, offset=5.0)
    y = binary(X)
    weight = np.ones(2000)
    weight[:1024] = 0.0
    for solver in (PreconditionedLbfgs(1e-8), NewtonCholesky(1e-8)):
        state = solved(solver, glm(X, "logistic"), X, y, weight)
        alone = solved(solver, glm(X[1024:], "logistic"), X[1024:], y[1024:])
        np.testing.assert_allclose(state.W, alone.W, rtol=1e-6)


def test_a_sample_that_weighs_nothing():
    """The metric is then of no use, but the fit ends all the same."""
    problem = glm(np.zeros((10, 2)), "logistic")
    solver = Lbfgs()
    state = solver.init(problem)
    empty = Block(np.zeros((0, 2)), np.zeros(0), None, 0)
    for _ in range(2):
        state = solver.tell(problem, state, solver.ask(problem, state).measure.of(empty))
    assert np.isfinite(state.second).all()
