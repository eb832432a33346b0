"""Neighbours of rows, without a target."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar, Self

from sklearn import neighbors
from sklearn.utils._param_validation import Interval

from shardlearn.core.matrix import Array
from shardlearn.faces.session import Session

from ._asking import Nearest, Within
from ._face import Store
from ._trees import Trees


class NearestNeighbors(Nearest, Within):
    """Finds the nearest rows of each row, exactly.

    The distance of two rows is a fixed sequence of operations in float64 on their values, and of equally near rows
    those with the lower ids are taken. So the answer is a function of the data alone: the same bits for any number of
    workers, any engine, any files.

    Fitted on arrays and frames it keeps the rows. Fitted on a path it keeps the path and a stamp of its files, not the
    rows, and reads them again when it is asked: once for each batch of queries, a batch being as large as a quarter of
    the memory limit allows. Files that have changed since are refused.

    Parameters
    ----------
    n_neighbors : int, default=5
        How many neighbours `kneighbors` finds by default.
    radius : float, default=1.0
        How far `radius_neighbors` looks by default.
    algorithm : {"auto", "ball_tree", "kd_tree", "brute"}, default="auto"
        How rows in memory are searched; the answer is the same, bit for bit. "kd_tree": through a tree, where the
        metric allows one (Minkowski's with whole powers). "brute": all rows are looked at. "auto" and "ball_tree":
        through a tree where it helps, which is found out when 1,000 queries have been asked.
    leaf_size : int, default=30
        Of scikit-learn's trees; changes nothing.
    metric : str, default="minkowski"
        "minkowski", "euclidean" ("l2"), "sqeuclidean", "manhattan" ("l1", "cityblock"), "chebyshev", "cosine",
        "hamming", "haversine" (of latitudes and longitudes in radians), or "inner_product", whose distance is
        ``-x . y``.
    p : float, default=2
        Power of "minkowski", 1 or more: 1 is "manhattan", 2 "euclidean", infinity "chebyshev".
    metric_params : None
        Only None.
    n_jobs : int, default=None
        Accepted for scikit-learn's sake: threads come from ``shardlearn.engine("threads", workers=...)``.
    store : {"auto", "rows"}, default="auto"
        "auto": rows in memory are kept, rows on disk are referred to. "rows": rows on disk are read into memory and
        kept; a saved model then holds them.

    Attributes
    ----------
    effective_metric_ : str
        The metric.
    n_samples_fit_ : int
        Number of rows.
    rows_ : array or sparse rows of shape (n_samples_fit_, n_features_in_)
        The rows, where they are kept.
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
    >>> from shardlearn.neighbors import NearestNeighbors
    >>> model = NearestNeighbors(n_neighbors=2).fit(np.array([[0.0], [1.0], [3.0]]))
    >>> distances, ids = model.kneighbors(np.array([[0.4], [2.0]]))
    >>> ids
    array([[0, 1],
           [1, 2]])
    >>> distances
    array([[0.4, 0.6],
           [1. , 1. ]])
    """

    _supervised: ClassVar[bool] = False
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Nearest._parameter_constraints,
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), None],
        "radius": [Interval(Real, 0, None, closed="both"), None],
    }

    def __init__(
        self,
        *,
        n_neighbors: int = 5,
        radius: float = 1.0,
        algorithm: str = "auto",
        leaf_size: int = 30,
        metric: str = "minkowski",
        p: float = 2,
        metric_params: dict[str, Any] | None = None,
        n_jobs: int | None = None,
        store: Store = "auto",
    ) -> None:
        self.n_neighbors = n_neighbors
        self.radius = radius
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.metric = metric
        self.p = p
        self.metric_params = metric_params
        self.n_jobs = n_jobs
        self.store = store

    def fit(self, X: Any, y: Any = None) -> Self:
        """Take the rows among which neighbours are sought.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features); data on disk may be larger than memory.
        y : str, default=None
            The name of a column that is no feature. Anything else is not used, as in scikit-learn.

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
        aside = y if isinstance(y, str) else None
        with self._fitting(X, aside) as fit:
            named = self._keep(fit, X, aside)
        self._named, self._trees = named, Trees()
        return self

    def _targets(self, labels: Array, fit: Session) -> None:
        return None

    def _peer(self) -> Any:
        return neighbors.NearestNeighbors(**self._own())
