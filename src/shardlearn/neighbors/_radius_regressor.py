"""Targets as means over all rows within a radius."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn import neighbors
from sklearn.utils._param_validation import Interval, StrOptions

from shardlearn.core.matrix import Array
from shardlearn.data import refusals
from shardlearn.faces.bases import MultiOutputMixin, RegressorMixin
from shardlearn.faces.scores import Explained, r2
from shardlearn.faces.session import Session

from ._asking import Within
from ._face import Store
from ._gathered import BallMeans
from ._outcomes import Weights
from ._search import answer, scored
from ._trees import Trees


class RadiusNeighborsRegressor(MultiOutputMixin, RegressorMixin, Within):
    """Predicts the mean of the targets of all rows within a radius; NaN, and a warning, where there are none.

    Neighbours are found as by :meth:`NearestNeighbors.radius_neighbors`: exactly, the same for any number of workers
    and any files. Means are summed in the order of the neighbours.

    Parameters
    ----------
    radius : float, default=1.0
        Rows that are no farther are averaged.
    weights : {"uniform", "distance"}, callable or None, default="uniform"
        "distance": a target weighs 1 / distance; where neighbours lie at the row itself, they alone count. A callable
        is given an array of n arrays of distances, and returns weights of the same shapes. None is "uniform".
    algorithm : {"auto", "ball_tree", "kd_tree", "brute"}, default="auto"
        As in :class:`NearestNeighbors`: it changes no bit of the answer.
    leaf_size : int, default=30
        Changes nothing.
    p : float, default=2
        Power of "minkowski".
    metric : str, default="minkowski"
        As in :class:`NearestNeighbors`.
    metric_params : None
        Only None.
    n_jobs : int, default=None
        Accepted for scikit-learn's sake: threads come from ``shardlearn.engine("threads", workers=...)``.
    store : {"auto", "rows"}, default="auto"
        "auto": rows in memory are kept, rows on disk are referred to. "rows": they are kept in any case.

    Attributes
    ----------
    effective_metric_ : str
        The metric.
    n_samples_fit_ : int
        Number of rows.
    rows_ : array or sparse rows of shape (n_samples_fit_, n_features_in_)
        The rows, where they are kept; ``targets_`` are their targets.
    base_ : str
        What the model refers to, where they are not: JSON.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X has names.
    report_ : Report
        What the fit read and how long each part took.

    Examples
    --------
    >>> import numpy as np
    >>> from shardlearn.neighbors import RadiusNeighborsRegressor
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0.0, 0.0, 1.0, 1.0])
    >>> RadiusNeighborsRegressor(radius=0.5).fit(X, y).predict(np.array([[1.5]]))
    array([0.5])
    """

    n_targets_: int

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Within._parameter_constraints,
        "radius": [Interval(Real, 0, None, closed="both"), None],
        "weights": [StrOptions({"uniform", "distance"}), callable, None],
    }

    def __init__(
        self,
        radius: float = 1.0,
        *,
        weights: Weights = "uniform",
        algorithm: str = "auto",
        leaf_size: int = 30,
        p: float = 2,
        metric: str = "minkowski",
        metric_params: dict[str, Any] | None = None,
        n_jobs: int | None = None,
        store: Store = "auto",
    ) -> None:
        self.radius = radius
        self.weights = weights
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.p = p
        self.metric = metric
        self.metric_params = metric_params
        self.n_jobs = n_jobs
        self.store = store

    def fit(self, X: Any, y: Any) -> Self:
        """Take the rows that are averaged.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features); data on disk may be larger than memory.
        y : array of shape (n_samples,) or (n_samples, n_targets), or str
            Targets, or the name of their column, which is then no feature.

        Returns
        -------
        self

        Raises
        ------
        ParameterError
            A parameter's value is out of range, or not supported here.
        InputError
            The data can't be used as it is; the error says where and why.
        """
        with self._fitting(X, y) as fit:
            assert fit.found is not None
            if fit.laid.y_kind == "str":
                raise refusals.not_numeric("y", "strings")
            fit.publish(n_targets_=0 if not fit.laid.y_shape else fit.laid.y_shape[0])
            named = self._keep(fit, X, y)
        self._named, self._trees = named, Trees()
        return self

    def _targets(self, labels: Array, fit: Session) -> Array:
        return np.asarray(labels, np.float64)

    def _peer(self) -> Any:
        return neighbors.RadiusNeighborsRegressor(**self._own())

    def predict(self, X: Any) -> Any:
        """Predict the target of each row.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes, or None
            Rows of shape (n_samples, n_features). None: the rows of the fit, each without itself.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets), or Predictions
            For a path, glob, dataset, reader or Source a :class:`~shardlearn.faces.predictions.Predictions`, which
            streams.
        """
        asked = self._asked(X)
        return answer(self, "predict", lambda: self._around(self._means(), None, asked.alone), asked)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R2, the coefficient of determination: 1 - sum s (y - prediction)^2 / sum s (y - mean)^2.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes, or None
            Rows of shape (n_samples, n_features).
        y : array of shape (n_samples,) or (n_samples, n_targets), or str
            True values, or the name of their column.
        sample_weight : array of shape (n_samples,) or str, default=None
            Weights, or the name of their column.

        Returns
        -------
        float
            The mean over the targets; the same bits for any number of workers.
        """
        asked = self._asked(X)
        search = self._around(self._means(), None, asked.alone)
        targets = max(self.n_targets_, 1)
        return r2(scored(self, (asked, y, sample_weight), search, lambda method: Explained(method, targets)))

    def _means(self) -> BallMeans:
        return BallMeans(self.weights, (self.n_targets_,) if self.n_targets_ else ())
