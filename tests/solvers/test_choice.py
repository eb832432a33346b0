"""Which solver runs depends on the shape of the data and on parameters."""

import numpy as np
import pytest

from shardlearn.core.grid import Grid
from shardlearn.losses.logistic import Logistic
from shardlearn.solvers.choice import GLM_SOLVERS, glm_solver, glm_solver_name, least_squares_solver
from shardlearn.solvers.gram_least_squares import GramLeastSquares
from shardlearn.solvers.iterative_least_squares import IterativeLeastSquares
from shardlearn.solvers.lbfgs import Lbfgs
from shardlearn.solvers.preconditioned_lbfgs import PreconditionedLbfgs
from shardlearn.solvers.problem import Glm, LeastSquares, Shape


def glm(features, sparse=False):
    return Glm(Shape(Grid(0, 100, 64), features, sparse), Logistic(), 1.0)


def test_auto():
    assert glm_solver(glm(4096), "auto", 1e-4, 100) == PreconditionedLbfgs(1e-4, 100)
    assert glm_solver(glm(4097), "auto", 1e-3, 5) == Lbfgs(1e-3, 5)
    assert glm_solver(glm(512, sparse=True), "auto", 1e-3, 5) == PreconditionedLbfgs(1e-3, 5)
    assert glm_solver(glm(513, sparse=True), "auto", 1e-3, 5) == Lbfgs(1e-3, 5)


@pytest.mark.parametrize("name", GLM_SOLVERS)
def test_by_name(name):
    assert glm_solver_name(glm(5000), name) == name
    assert glm_solver(glm(5000), name, 1e-2, 7) == GLM_SOLVERS[name](1e-2, 7)


@pytest.mark.parametrize(
    ("features", "sparse", "kind"),
    [
        (8192, False, GramLeastSquares),
        (8193, False, IterativeLeastSquares),
        (1024, True, GramLeastSquares),
        (1025, True, IterativeLeastSquares),
    ],
)
def test_least_squares(features, sparse, kind):
    problem = LeastSquares(Shape(Grid(0, 100, 64), features, sparse), np.zeros(1))
    assert isinstance(least_squares_solver(problem, 1e-6, 50), kind)
    positive = LeastSquares(Shape(Grid(0, 100, 64), features, sparse), np.zeros(1), positive=True)
    assert isinstance(least_squares_solver(positive, 1e-6, 50), GramLeastSquares if features <= 8192 else kind)
