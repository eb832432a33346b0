"""Which solver runs: a function of the data's shape and of parameters alone, never of workers, memory or time."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from shardlearn.core.matrix import Floats
from shardlearn.core.solver import AnySolver, Status

from .gradient_descent import GradientDescent
from .gram_least_squares import GramLeastSquares
from .iterative_least_squares import IterativeLeastSquares
from .lbfgs import Lbfgs
from .newton_cholesky import NewtonCholesky
from .preconditioned_lbfgs import PreconditionedLbfgs
from .problem import Glm, LeastSquares

WIDEST_METRIC = 4096  # features up to which a Gram metric of dense data is cheaper than the passes that it saves
WIDEST_SPARSE_METRIC = 512  # the same of sparse data, whose passes are cheap
WIDEST_GRAM = 8192  # features up to which least squares forms a Gram matrix
WIDEST_SPARSE_GRAM = 1024  # the same of sparse data, whose products with vectors are cheap


class LinearState(Protocol):
    """What every state of a linear model has."""

    @property
    def W(self) -> Floats: ...  # (k, p)
    @property
    def b(self) -> Floats: ...  # (k,)
    @property
    def rounds(self) -> int: ...  # passes
    @property
    def iterations(self) -> int: ...
    @property
    def status(self) -> Status: ...
    @property
    def figures(self) -> Mapping[str, float]: ...


GLM_SOLVERS: Mapping[str, type[PreconditionedLbfgs | Lbfgs | NewtonCholesky | GradientDescent]] = MappingProxyType(
    {
        "preconditioned-lbfgs": PreconditionedLbfgs,
        "lbfgs": Lbfgs,
        "newton-cholesky": NewtonCholesky,
        "gradient-descent": GradientDescent,
    }
)


def glm_solver_name(problem: Glm, wish: str = "auto") -> str:
    """The name behind "auto"; other names stay."""
    if wish != "auto":
        return wish
    widest = WIDEST_SPARSE_METRIC if problem.shape.sparse else WIDEST_METRIC
    return "preconditioned-lbfgs" if problem.shape.features <= widest else "lbfgs"


def glm_solver(problem: Glm, wish: str, tol: float, max_iter: int) -> AnySolver:
    """A solver for a generalised linear model; `tol` bounds the largest |dF|, F a mean over rows."""
    return GLM_SOLVERS[glm_solver_name(problem, wish)](tol=tol, max_iter=max_iter)


def least_squares_solver(problem: LeastSquares, tol: float, max_iter: int) -> AnySolver:
    """A solver for least squares; `tol` and `max_iter` matter to the iterative one alone."""
    narrow = WIDEST_SPARSE_GRAM if problem.shape.sparse and not problem.positive else WIDEST_GRAM
    if problem.shape.features <= narrow:
        return GramLeastSquares()
    return IterativeLeastSquares(tol=tol, max_iter=max_iter)
