"""Classes by the votes of the nearest rows."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn import neighbors
from sklearn.utils._param_validation import Interval, StrOptions

from shardlearn.core.matrix import Array
from shardlearn.faces.bases import ClassifierMixin
from shardlearn.faces.labels import LABELS, encoded, one_column, whole_labels
from shardlearn.faces.scores import Accuracy, share
from shardlearn.faces.session import Session

from ._asking import Nearest
from ._face import Store
from ._outcomes import Votes, Weights
from ._search import answer, scored
from ._trees import Trees


class KNeighborsClassifier(ClassifierMixin, Nearest):
    """Predicts the class that most of the nearest rows have; of classes with equal votes the smallest.

    Neighbours are found as by :class:`NearestNeighbors`: exactly, the same for any number of workers and any files.
    Votes are summed in the order of the neighbours.

    Parameters
    ----------
    n_neighbors : int, default=5
        How many rows vote.
    weights : {"uniform", "distance"}, callable or None, default="uniform"
        "distance": a vote weighs 1 / distance; where neighbours lie at the row itself, they alone vote. A callable is
        given the distances (n, n_neighbors), and returns weights. None is "uniform".
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
    classes_ : ndarray of shape (n_classes,)
        Labels, ascending: int64, bool, float64 or str.
    effective_metric_ : str
        The metric.
    n_samples_fit_ : int
        Number of rows.
    rows_ : array or sparse rows of shape (n_samples_fit_, n_features_in_)
        The rows, where they are kept; ``targets_`` are the codes of their classes.
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
    >>> from shardlearn.neighbors import KNeighborsClassifier
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = KNeighborsClassifier(n_neighbors=3).fit(X, np.array(["a", "a", "b", "b"]))
    >>> print(model.predict(np.array([[1.1]])))
    ['a']
    >>> model.predict_proba(np.array([[0.9]])).round(3)
    array([[0.667, 0.333]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Nearest._parameter_constraints,
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), None],
        "weights": [StrOptions({"uniform", "distance"}), callable, None],
    }

    def __init__(
        self,
        n_neighbors: int = 5,
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
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.p = p
        self.metric = metric
        self.metric_params = metric_params
        self.n_jobs = n_jobs
        self.store = store

    def fit(self, X: Any, y: Any) -> Self:
        """Take the rows that vote.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features); data on disk may be larger than memory.
        y : array of shape (n_samples,), or str
            Labels: integers, booleans, strings or whole floats; or the name of their column, which is then no feature.

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
        with self._fitting(X, one_column(y), also=(LABELS,)) as fit:
            (found,) = fit.first
            fit.publish(classes_=whole_labels(found))
            named = self._keep(fit, X, y)
        self._named, self._trees = named, Trees()
        return self

    def _targets(self, labels: Array, fit: Session) -> Array:
        return encoded(labels, fit.attributes["classes_"]).astype(np.int64)

    def _labels(self) -> Array:
        out: Array = self.classes_[self.targets_]
        return out

    def _peer(self) -> Any:
        return neighbors.KNeighborsClassifier(**self._own())

    def predict(self, X: Any) -> Any:
        """Predict the class of each row.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes, or None
            Rows of shape (n_samples, n_features). None: the rows of the fit, none of which votes for itself.

        Returns
        -------
        ndarray of shape (n_samples,), or Predictions
            Labels, of the dtype of ``classes_``. For a path, glob, dataset, reader or Source a
            :class:`~shardlearn.faces.predictions.Predictions`, which streams.
        """
        return self._answer("predict", X, shares=False)

    def predict_proba(self, X: Any) -> Any:
        """Predict each class's share of the votes.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes, or None
            Rows of shape (n_samples, n_features).

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or Predictions
            Columns in the order of ``classes_``. As a table: ``prediction`` and ``probability_<class>``.
        """
        return self._answer("predict_proba", X, shares=True)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy: the weighted share of rows whose class is predicted.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes, or None
            Rows of shape (n_samples, n_features).
        y : array of shape (n_samples,), or str
            True labels, or the name of their column.
        sample_weight : array of shape (n_samples,) or str, default=None
            Weights, or the name of their column.

        Returns
        -------
        float
            The same bits for any number of workers.
        """
        asked = self._asked(X)
        search = self._search(self._votes(shares=False), self._count(None, asked.alone), asked.alone)
        return share(scored(self, (asked, y, sample_weight), search, Accuracy))

    def _answer(self, title: str, X: Any, shares: bool) -> Any:
        asked = self._asked(X)
        k = self._count(None, asked.alone)
        return answer(self, title, lambda: self._search(self._votes(shares), k, asked.alone), asked)

    def _votes(self, shares: bool) -> Votes:
        return Votes(self.classes_, self.weights, shares)
