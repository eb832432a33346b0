"""Logistic regression for two classes and for more."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn import linear_model
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Hidden, Interval, StrOptions

from shardlearn.core.errors import ParameterError
from shardlearn.core.matrix import Floats
from shardlearn.core.solver import AnySolver, Status
from shardlearn.faces.labels import LABELS, classify, one_column
from shardlearn.faces.parameters import check_parameters, refuse
from shardlearn.faces.session import Session, fitting
from shardlearn.losses.logistic import Logistic
from shardlearn.losses.multinomial import Multinomial
from shardlearn.solvers.choice import GLM_SOLVERS, glm_solver
from shardlearn.solvers.problem import Glm, Start

from ._classifier import LinearClassifier

ELSEWHERE = {
    "newton-cg": 'solver="newton-cholesky", or the default, which needs fewer passes',
    "liblinear": 'solver="auto"; it minimises the same objective, but for the intercept, which is not penalised',
    "sag": 'solver="auto"; about ten passes whatever the scale of the features',
    "saga": 'solver="auto"; about ten passes whatever the scale of the features',
}


class LogisticRegression(LinearClassifier):
    """Logistic regression with an L2 penalty, on data of any size.

    Minimises, with ``z = x . w + b`` and ``s_i`` the weights (of rows times classes)::

        (1 / S) sum_i s_i log(1 + exp(-y_i z_i)) + |w|^2 / (2 C S)        two classes, y = -1, 1
        (1 / S) sum_i s_i (log sum_k exp(z_ik) - z_i,y_i) + |w|^2 / (2 C S)        more, one w a class
        S = sum_i s_i

    which has the minimum of scikit-learn's objective. The intercept is not penalised. Rows are read once a round, and
    only sums leave a block: loss, gradient, sometimes second moments. The model has the same bits for any number of
    workers and any engine.

    Parameters
    ----------
    penalty : "deprecated"
        Deprecated in scikit-learn, refused here: say ``C`` alone for an L2 penalty, ``C=np.inf`` for none.
    C : float, default=1.0
        Inverse strength of the penalty; ``np.inf`` for none.
    l1_ratio : float, default=0.0
        Share of an L1 penalty; only 0 for now.
    dual : bool, default=False
        Only False: the dual has a variable a row.
    tol : float, default=1e-4
        The fit ends when no partial derivative of the objective above is larger, and the metric promises less than
        `tol` of further descent.
    fit_intercept : bool, default=True
        Whether to fit ``b``; it is zero otherwise.
    intercept_scaling : float, default=1
        Only 1: it belongs to liblinear.
    class_weight : dict or "balanced", default=None
        Weights of classes, ``{label: weight}``; "balanced": ``S / (n_classes * S_k)`` with the weights of the rows.
    random_state : int, RandomState instance, default=None
        Accepted for scikit-learn's sake: a fit draws nothing that could change the model.
    solver : {"auto", "preconditioned-lbfgs", "lbfgs", "newton-cholesky", "gradient-descent"}, default="auto"
        - "auto": "preconditioned-lbfgs" for dense data of up to 4,096 features and sparse data of up to 512, else
          "lbfgs".
        - "preconditioned-lbfgs": L-BFGS in a metric that some of the rows give. From 32,768 rows of up to some hundred
          features on, about 16,000 rows are fitted first, and the search begins at their model, in the metric of
          their curvature: about five passes over all rows. Else the metric is a Gram matrix: about ten passes,
          whatever the conditioning.
        - "lbfgs": L-BFGS in the metric of the features' variances, for sparse or very wide data.
        - "newton-cholesky": Newton's method; fewest rounds, each of n p^2 operations.
        - "gradient-descent": Nesterov's, with restarts; to learn from, and for comparison.
    max_iter : int, default=100
        Steps at most; reached, a `ConvergenceWarning` says so.
    verbose : int, default=0
        Above 0: a line a round on stderr.
    warm_start : bool, default=False
        Start from the last fit's coefficients.
    n_jobs : None
        Deprecated in scikit-learn, refused here: threads come from ``shardlearn.engine("threads", workers=...)``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, ascending: int64, bool, float64 or str.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        ``w``; one row for two classes, that of ``classes_[1]``.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        ``b``.
    n_iter_ : ndarray of shape (1,)
        Steps taken.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X has names.
    report_ : Report
        What the fit read and how long each part took.

    References
    ----------
    Böhning & Lindsay (1988), Monotonicity of quadratic-approximation algorithms; Nocedal & Wright (2006), Numerical
    Optimization, chapters 3 and 7.

    Examples
    --------
    >>> import numpy as np
    >>> from shardlearn.linear_model import LogisticRegression
    >>> X = np.array([[0.5], [1.0], [1.5], [3.0], [3.5], [4.0]])
    >>> y = np.array(["no", "no", "no", "yes", "yes", "yes"])
    >>> model = LogisticRegression().fit(X, y)
    >>> print(model.predict(np.array([[0.7], [3.3]])))
    ['no' 'yes']
    >>> model.predict_proba(np.array([[2.25]])).round(3)
    array([[0.5, 0.5]])
    >>> model.score(X, y)
    1.0
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "penalty": [StrOptions({"l1", "l2", "elasticnet"}), None, Hidden(StrOptions({"deprecated"}))],
        "C": [Interval(Real, 0, None, closed="right")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both"), None],
        "dual": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "random_state": ["random_state"],
        "solver": [StrOptions({"auto", *GLM_SOLVERS}), Hidden(StrOptions(set(ELSEWHERE)))],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        penalty: Any = "deprecated",
        *,
        C: float = 1.0,
        l1_ratio: float = 0.0,
        dual: bool = False,
        tol: float = 1e-4,
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        random_state: Any = None,
        solver: str = "auto",
        max_iter: int = 100,
        verbose: int = 0,
        warm_start: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.penalty = penalty
        self.C = C
        self.l1_ratio = l1_ratio
        self.dual = dual
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.random_state = random_state
        self.solver = solver
        self.max_iter = max_iter
        self.verbose = verbose
        self.warm_start = warm_start
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features); data on disk may be larger than memory.
        y : array of shape (n_samples,), or str
            Labels: integers, booleans, strings or whole floats; or the name of their column, which is then no feature.
        sample_weight : array of shape (n_samples,) or str, default=None
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
        with fitting(self, X, one_column(y), sample_weight, also=(LABELS,), verbose=self.verbose) as fit:
            least = self._glm(fit, 2)
            fit.must_fit(self._solver(least), least)
            classes = classify(fit, self.class_weight)
            problem = self._problem(fit, len(classes))
            state = fit.solve(self._solver(problem), problem, rounds=int(self.max_iter), tol=float(self.tol))
            fit.publish(
                classes_=classes,
                coef_=settled(state.W),
                intercept_=settled(state.b[:, None])[:, 0],
                n_iter_=np.array([state.iterations], np.int32),
            )
            self._warn(state)
        return self

    def _peer(self) -> linear_model.LogisticRegression:
        solver = self.solver if self.solver == "newton-cholesky" else "lbfgs"
        return linear_model.LogisticRegression(**self.get_params() | {"solver": solver})

    def _problem(self, fit: Session, n_classes: int) -> Glm:
        problem = self._glm(fit, n_classes)
        start = self._start((problem.outputs, fit.laid.n_features)) if self.warm_start else None
        return replace(problem, start=start)

    def _glm(self, fit: Session, n_classes: int) -> Glm:
        outputs = 1 if n_classes == 2 else n_classes
        loss = Logistic() if n_classes == 2 else Multinomial()
        return Glm(fit.shape, loss, 1.0 / float(self.C), outputs, self.fit_intercept)

    def _start(self, shape: tuple[int, int]) -> Start | None:
        """The last fit's coefficients, where there was one."""
        if not hasattr(self, "coef_"):
            return None
        if self.coef_.shape != shape:
            raise ParameterError(
                f"Initialization coef is of shape {self.coef_.shape}, expected shape {shape}",
                code="SL1005",
                where="warm_start=True",
                found="a last fit on other features or classes",
                fix="warm_start=False, or a new estimator",
            )
        b = np.array(self.intercept_, np.float64) if self.fit_intercept else np.zeros(shape[0])
        return Start(np.array(self.coef_, np.float64), b)

    def _solver(self, problem: Glm) -> AnySolver:
        return glm_solver(problem, self.solver, float(self.tol), int(self.max_iter))

    def _warn(self, state: Any) -> None:
        if state.status is Status.OUT_OF_ROUNDS:
            warnings.warn(
                f"LogisticRegression failed to converge after {state.iterations} iteration(s): the largest partial "
                f"derivative is {state.gradient:.2e}, tol={self.tol}.\n"
                f"Increase the number of iterations (max_iter={self.max_iter}), or tol.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _refuse(self) -> None:
        """Values that scikit-learn takes, or took, and that are not honoured here: each with what to use."""
        check_parameters(self)
        if self.penalty != "deprecated":
            raise refuse(
                self,
                "penalty",
                why="deprecated in scikit-learn 1.8",
                fix="leave it out: C alone is an L2 penalty, C=np.inf is none",
            )
        if self.dual:
            raise refuse(self, "dual", why="the dual has one variable a row", fix="dual=False, the same model")
        if self.l1_ratio != 0:
            raise refuse(
                self,
                "l1_ratio",
                why="no L1 penalty yet",
                fix="l1_ratio=0 (L2); sklearn.linear_model.LogisticRegression(solver='saga') for data in memory",
            )
        if self.intercept_scaling != 1:
            raise refuse(
                self,
                "intercept_scaling",
                why="it belongs to liblinear, which penalises the intercept",
                fix="intercept_scaling=1: the intercept is not penalised here",
            )
        if self.n_jobs is not None:
            raise refuse(
                self,
                "n_jobs",
                why="deprecated in scikit-learn 1.8",
                fix='with shardlearn.engine("threads", workers=2): ...',
            )
        if self.solver in ELSEWHERE:
            raise refuse(self, "solver", why="not implemented here", fix=ELSEWHERE[self.solver])


def settled(values: Floats) -> Floats:
    """A constant added to all classes changes no probability: of all equal models, the one whose sum is zero."""
    if len(values) == 1:
        return np.array(values)
    total = np.zeros(values.shape[1])
    for row in values:
        total = total + row
    out: Floats = values - total / len(values)
    return out
