"""Neighbours of rows, without a target."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn import neighbors
from sklearn.utils._param_validation import Interval

from shardlearn.core.matrix import Array, Floats, Ints
from shardlearn.faces.session import fitting

from ._face import Neighbors, Store, check_mode, graph

FEW, MORE = 64, 4  # neighbours that are asked for at first, and how many times more then


class NearestNeighbors(Neighbors):
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
        Says in scikit-learn how to search. Every search here is exact and looks at all rows, so it changes nothing.
    leaf_size : int, default=30
        Of scikit-learn's trees; changes nothing.
    metric : str, default="minkowski"
        "minkowski", "euclidean" ("l2"), "sqeuclidean", "manhattan" ("l1", "cityblock"), "chebyshev", "cosine",
        "hamming", or "inner_product", whose distance is ``-x . y``.
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

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Neighbors._parameter_constraints,
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
        y : None
            Ignored.

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
        self._check()
        with fitting(self, X, None, None, supervised=False) as fit:
            named = self._keep(fit, X, None)
        self._named = named
        return self

    def radius_neighbors(
        self, X: Any = None, radius: float | None = None, return_distance: bool = True, sort_results: bool = False
    ) -> Any:
        """Find all rows that are no farther than a radius from each row.

        More and more neighbours of all queries are asked for until the farthest lies outside: cheap where a query has
        some hundred neighbours, dear where one has most of the rows.

        Parameters
        ----------
        X : array, sparse matrix, frame, path or Source, default=None
            Queries of shape (n_queries, n_features). None: the rows of the fit, none of which is its own neighbour.
        radius : float, default=None
            How far; None is the parameter of the estimator.
        return_distance : bool, default=True
            Whether distances are wanted too.
        sort_results : bool, default=False
            Changes nothing: the nearest come first anyway.

        Returns
        -------
        (distances, ids) or ids
            Each an array of n_queries arrays, in memory. A row at exactly the radius is inside.
        """
        distance, ids, inside = self._within(X, radius)
        near = objects([row[:n] for row, n in zip(ids, inside.tolist(), strict=True)])
        if not return_distance:
            return near
        return objects([row[:n] for row, n in zip(distance, inside.tolist(), strict=True)]), near

    def radius_neighbors_graph(
        self, X: Any = None, radius: float | None = None, mode: str = "connectivity", sort_results: bool = False
    ) -> Any:
        """The rows within a radius of each row as a sparse matrix.

        Parameters
        ----------
        X : array, sparse matrix, frame, path or Source, default=None
            Queries; None: the rows of the fit, none of which is its own neighbour.
        radius : float, default=None
            How far; None is the parameter of the estimator.
        mode : {"connectivity", "distance"}, default="connectivity"
            Entries are ones, or distances.
        sort_results : bool, default=False
            Changes nothing: the nearest come first anyway.

        Returns
        -------
        csr_matrix of shape (n_queries, n_samples_fit)
            In memory.
        """
        check_mode(mode)
        distance, ids, inside = self._within(X, radius)
        chosen = np.arange(ids.shape[1]) < inside[:, None]
        return graph(distance[chosen], ids[chosen], inside, self.n_samples_fit_, mode)

    def _within(self, X: Any, radius: float | None) -> tuple[Floats, Ints, Ints]:
        """Distances and ids (m, k) of so many neighbours that some lie outside, and how many lie inside."""
        far = self.radius if radius is None else radius
        most = self.n_samples_fit_ - self._asked(X).alone
        k = min(FEW, most)
        while True:
            found = self.kneighbors(X, k)
            distance, ids = found if isinstance(found, tuple) else found.to_numpy()
            inside = np.count_nonzero(distance <= far, axis=1)
            if k == most or int(inside.max()) < k:
                return distance, ids, inside
            k = min(MORE * k, most)

    def _peer(self) -> Any:
        return neighbors.NearestNeighbors(**self._own())


def objects(rows: list[Any]) -> Array:
    """Arrays of different lengths as one array of objects."""
    out = np.empty(len(rows), object)
    for i, row in enumerate(rows):
        out[i] = row
    return out
