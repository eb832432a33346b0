"""Least squares, with and without an L2 penalty."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn import linear_model
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Hidden, Interval, StrOptions

from shardlearn.core.errors import InputError, ParameterError
from shardlearn.core.matrix import Floats
from shardlearn.core.solver import AnySolver, Status
from shardlearn.faces.parameters import check_parameters, refuse
from shardlearn.faces.session import Session, fitting
from shardlearn.solvers.choice import LinearState, least_squares_solver
from shardlearn.solvers.gram_least_squares import GramLeastSquares, GramState
from shardlearn.solvers.iterative_least_squares import IterativeLeastSquares
from shardlearn.solvers.problem import LeastSquares
from shardlearn.solvers.singular_values import singular_values

from ._regressor import LinearRegressor

ROUNDS = 1_000
EXACT = ("cholesky", "svd")
ITERATIVE = ("lsqr", "sparse_cg")


class LinearRegression(LinearRegressor):
    """Ordinary least squares on data of any size.

    Minimises, for each target::

        sum_i s_i (y_i - x_i . w - b)^2

    Where many ``w`` do (collinear features, more features than rows), the one with the smallest norm, as in
    scikit-learn. ``s_i`` are the weights, ones without `sample_weight`; nothing is divided by their sum.

    One pass sums the second moments of the rows about a pivot, in float64 whatever the data's dtype; a Cholesky
    factorisation solves them on the driver; one more pass over the residuals takes away the error that forming
    ``X'X`` made. The model has the same bits for any number of workers and any engine.

    Parameters
    ----------
    fit_intercept : bool, default=True
        Whether to fit the intercept ``b``; it is zero otherwise.
    copy_X : bool, default=True
        Accepted for scikit-learn's sake: X is never overwritten.
    tol : float, default=1e-6
        For dense data of up to 8,192 features, as in scikit-learn: directions of the centred (and weighted) X whose
        singular value is at most `tol` times the largest are cut off, and ``w`` is the shortest solution over the
        rest. Second moments hold squares of singular values, and resolve those above 3e-7 times the largest. With a
        smaller `tol` columns are collinear only where rounding can't tell them apart, which a pass of its own
        measures; likewise with 1 and more, which LAPACK doesn't use either. Where something is cut, ``w`` errs by
        some 1e-16 / s^2, s the smallest singular value that is kept, relative to the largest, and an eigenvalue
        decomposition of the second moments is paid for (1 s for 1,000 features). Not with ``positive=True``.

        Of sparse data of up to 1,024 features ``w`` is exact up to rounding, whatever `tol`. Beyond these widths the
        passes end when the gradient is `tol` times what it was at zero.
    n_jobs : int, default=None
        Accepted for scikit-learn's sake. How many threads compute is a matter of the engine,
        ``shardlearn.engine("threads", workers=...)``; the report says how many did, and who said so.
    positive : bool, default=False
        Ask for ``w >= 0``: non-negative least squares on the second moments.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        ``w``. One-dimensional for a one-dimensional `y`.
    intercept_ : float or ndarray of shape (n_targets,)
        ``b``.
    rank_ : int
        Rank of the centred X. Not there with ``positive=True``.
    singular_ : ndarray of shape (min(n_samples, n_features),)
        Singular values of the centred (and weighted) X, descending. Not there with ``positive=True``. No fit uses
        them; their last bits depend on the machine, so they are neither saved nor part of the fingerprint.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X has names.
    report_ : Report
        What the fit read and how long each part took.

    References
    ----------
    Golub & Van Loan (2013), Matrix Computations, section 5.3; Björck (1996), Numerical Methods for Least Squares
    Problems, section 6.6 (corrected semi-normal equations).

    Examples
    --------
    >>> import numpy as np
    >>> from shardlearn.linear_model import LinearRegression
    >>> X = np.array([[1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [2.0, 3.0]])
    >>> y = X @ [1.0, 2.0] + 3.0
    >>> model = LinearRegression().fit(X, y)
    >>> model.coef_.round(6), round(float(model.intercept_), 6)
    (array([1., 2.]), 3.0)
    >>> model.predict(np.array([[3.0, 5.0]])).round(6)
    array([16.])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "fit_intercept": ["boolean"],
        "copy_X": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_jobs": [None, Integral],
        "positive": ["boolean"],
    }

    def __init__(
        self,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        tol: float = 1e-6,
        n_jobs: int | None = None,
        positive: bool = False,
    ) -> None:
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.tol = tol
        self.n_jobs = n_jobs
        self.positive = positive

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features); data on disk may be larger than memory.
        y : array of shape (n_samples,) or (n_samples, n_targets), or str
            Numbers, or the name of their column, which is then no feature.
        sample_weight : array of shape (n_samples,) or str, default=None
            Weights >= 0, or the name of their column. Weight 2 is the row twice, weight 0 the row left out.

        Returns
        -------
        self

        Raises
        ------
        ParameterError
            A parameter's value is out of range.
        InputError
            The data can't be used as it is; the error says where and why.
        Interrupted
            Ctrl-C: the attributes are those of the last whole round.
        """
        check_parameters(self)
        with fitting(self, X, y, sample_weight) as fit:
            alpha = np.zeros(targets(fit))
            problem = LeastSquares(fit.shape, alpha, bool(self.fit_intercept), bool(self.positive))
            solver = least_squares_solver(problem, float(self.tol), ROUNDS)
            if isinstance(solver, GramLeastSquares) and not fit.laid.sparse:
                solver = GramLeastSquares(cut=float(self.tol))
            state = fit.solve(solver, problem)
            fit.publish(**learned(fit, state), **spectrum(problem, state))
            warn_if_unfinished(fit, state, ROUNDS)
        return self

    def _peer(self) -> linear_model.LinearRegression:
        return linear_model.LinearRegression(**self.get_params())


class Ridge(LinearRegressor):
    """Least squares with an L2 penalty, on data of any size.

    Minimises, for each target::

        sum_i s_i (y_i - x_i . w - b)^2 + alpha |w|^2

    ``s_i`` are the weights, ones without `sample_weight`; nothing is divided by their sum, and the intercept ``b`` is
    not penalised. Two passes or so: see `LinearRegression`.

    Parameters
    ----------
    alpha : float or array of shape (n_targets,), default=1.0
        Strength of the penalty, >= 0; an array holds one for each target.
    fit_intercept : bool, default=True
        Whether to fit the intercept ``b``; it is zero otherwise.
    copy_X : bool, default=True
        Accepted for scikit-learn's sake: X is never overwritten.
    max_iter : int, default=None
        Passes at most of the solvers that iterate; None: 1,000.
    tol : float, default=1e-4
        When the solvers that iterate stop; the others are exact up to rounding.
    solver : {"auto", "svd", "cholesky", "lsqr", "sparse_cg", "lbfgs"}, default="auto"
        scikit-learn's names for what is done here:

        - "auto": "cholesky" up to 8,192 features (1,024 of sparse data), "lsqr" for more.
        - "cholesky": second moments in one pass, a Cholesky factorisation, a pass that refines the solution.
        - "svd": the same; its pivoted Cholesky factorisation finds the rank, and at ``alpha=0`` the solution with the
          smallest norm, which is what an SVD would be for.
        - "lsqr", "sparse_cg": passes over the data without a matrix of second moments, for more features than such a
          matrix has room for; `tol` and `max_iter` say when they stop.
        - "lbfgs": with ``positive=True`` only, as in scikit-learn; the same as "auto".
        - "sag", "saga" are refused: "auto" is exact in about two passes.
    positive : bool, default=False
        Ask for ``w >= 0``, with "auto" or "lbfgs": non-negative least squares on the second moments.
    random_state : int, RandomState instance, default=None
        Accepted for scikit-learn's sake: a fit draws nothing.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        ``w``. One-dimensional for a one-dimensional `y`.
    intercept_ : float or ndarray of shape (n_targets,)
        ``b``.
    n_iter_ : ndarray of shape (n_targets,)
        Steps taken; 1 for the solvers that do not iterate.
    solver_ : str
        The solver behind "auto".
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X has names.
    report_ : Report
        What the fit read and how long each part took.

    References
    ----------
    Hoerl & Kennard (1970), Ridge Regression: Biased Estimation for Nonorthogonal Problems; Björck (1996), Numerical
    Methods for Least Squares Problems, section 6.6.

    Examples
    --------
    >>> import numpy as np
    >>> from shardlearn.linear_model import Ridge
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> y = np.array([1.0, 3.0, 5.0, 7.0])
    >>> model = Ridge(alpha=5.0).fit(X, y)
    >>> model.coef_.round(6), round(float(model.intercept_), 6)
    (array([1.]), 2.5)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
        "fit_intercept": ["boolean"],
        "copy_X": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "tol": [Interval(Real, 0, None, closed="left")],
        "solver": [StrOptions({*EXACT, *ITERATIVE, "auto", "lbfgs"}), Hidden(StrOptions({"sag", "saga"}))],
        "positive": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        alpha: Any = 1.0,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = None,
        tol: float = 1e-4,
        solver: str = "auto",
        positive: bool = False,
        random_state: Any = None,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.solver = solver
        self.positive = positive
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features); data on disk may be larger than memory.
        y : array of shape (n_samples,) or (n_samples, n_targets), or str
            Numbers, or the name of their column, which is then no feature.
        sample_weight : float, array of shape (n_samples,) or str, default=None
            Weights >= 0, or the name of their column. Weight 2 is the row twice, weight 0 the row left out.

        Returns
        -------
        self

        Raises
        ------
        ParameterError
            A parameter's value is out of range, or not supported here.
        InputError
            The data can't be used as it is; the error says where and why.
        Interrupted
            Ctrl-C: the attributes are those of the last whole round.
        """
        self._refuse()
        with fitting(self, X, y, sample_weight) as fit:
            problem = LeastSquares(fit.shape, self._alphas(targets(fit)), bool(self.fit_intercept), bool(self.positive))
            name, solver = self._solver(problem)
            state = fit.solve(solver, problem)
            steps = np.full(problem.targets, max(state.iterations, 1), np.int32)
            fit.publish(**learned(fit, state), n_iter_=steps, solver_=name)
            warn_if_unfinished(fit, state, ROUNDS if self.max_iter is None else self.max_iter)
        return self

    def _peer(self) -> linear_model.Ridge:
        return linear_model.Ridge(**self.get_params())

    def _alphas(self, n_targets: int) -> Floats:
        """(t,) penalties, one for each target."""
        alpha = np.asarray(self.alpha, np.float64).reshape(-1)
        if len(alpha) not in (1, n_targets):
            raise ParameterError(
                f"Number of targets and number of penalties do not correspond: {len(alpha)} != {n_targets}",
                code="SL1006",
                where="alpha",
                needed="one number, or one for each target",
            )
        if not (np.isfinite(alpha) & (alpha >= 0)).all():
            raise ParameterError("alpha must be finite and >= 0", code="SL1006", where="alpha")
        return np.ascontiguousarray(np.broadcast_to(alpha, (n_targets,)))

    def _solver(self, problem: LeastSquares) -> tuple[str, AnySolver]:
        tol, rounds = float(self.tol), ROUNDS if self.max_iter is None else int(self.max_iter)
        if self.solver in ("auto", "lbfgs"):
            solver = least_squares_solver(problem, tol, rounds)
            return "cholesky" if isinstance(solver, GramLeastSquares) else "lsqr", solver
        return self.solver, GramLeastSquares() if self.solver in EXACT else IterativeLeastSquares(tol, rounds)

    def _refuse(self) -> None:
        check_parameters(self)
        if self.solver in ("sag", "saga"):
            raise refuse(
                self,
                "solver",
                why="not implemented here",
                fix='solver="auto": exact, in about two passes over the data',
            )
        if self.solver == "lbfgs" and not self.positive:
            raise refuse(
                self,
                "solver",
                why="'lbfgs' solver can be used only when positive=True, as in scikit-learn",
                fix='solver="auto"',
            )
        if self.positive and self.solver not in ("auto", "lbfgs"):
            raise refuse(
                self,
                "positive",
                why=f"solver='{self.solver}' does not support positive fitting, as in scikit-learn",
                fix='solver="auto", or positive=False',
            )


def targets(fit: Session) -> int:
    """Number of targets; labels that are no numbers are refused in scikit-learn's words."""
    if fit.laid.y_kind == "str":
        raise InputError(
            "could not convert string to float: y holds strings",
            code="SL2316",
            where="y",
            found="strings",
            needed="numbers",
            fix="a classifier for labels, for example shardlearn.linear_model.LogisticRegression",
        )
    return fit.laid.y_shape[0] if fit.laid.y_shape else 1


def learned(fit: Session, state: LinearState) -> dict[str, Any]:
    """Coefficients and intercept in scikit-learn's shapes."""
    if fit.laid.y_shape:
        return {"coef_": np.array(state.W), "intercept_": np.array(state.b)}
    return {"coef_": np.array(state.W[0]), "intercept_": float(state.b[0])}


def spectrum(problem: LeastSquares, state: LinearState) -> dict[str, Any]:
    """Rank and singular values, where second moments were formed and no sign was asked for."""
    if problem.positive or not isinstance(state, GramState) or state.gram is None:
        return {}
    values = singular_values(state.gram)[: min(problem.shape.rows, problem.shape.features)]
    return {"rank_": state.rank, "singular_": values}


def warn_if_unfinished(fit: Session, state: LinearState, rounds: int) -> None:
    """scikit-learn's warning where `max_iter` was reached."""
    if state.status is Status.OUT_OF_ROUNDS:
        warnings.warn(
            f"{fit.name} did not converge after {state.iterations} iterations; increase max_iter={rounds}, or tol.",
            ConvergenceWarning,
            stacklevel=3,
        )
