"""The questions of scikit-learn's estimators of neighbours: the k nearest, and all within a radius."""

from __future__ import annotations

from typing import Any

import numpy as np

from shardlearn.core.errors import ParameterError
from shardlearn.core.matrix import Array, Ints

from ._face import Neighbors
from ._gathered import ListedBalls
from ._outcomes import Listed
from ._search import answer


class Nearest(Neighbors):
    """Estimators that find the k nearest rows."""

    def _count(self, n_neighbors: Any, alone: bool) -> int:
        """The number of neighbours, checked in scikit-learn's words."""
        k = self.get_params(deep=False).get("n_neighbors") if n_neighbors is None else n_neighbors
        if not isinstance(k, int | np.integer) or isinstance(k, bool):
            raise ParameterError(f"n_neighbors does not take {type(k)} value, enter integer value", code="SL1001")
        if k <= 0:
            raise ParameterError(f"Expected n_neighbors > 0. Got {k}", code="SL1001")
        if k > self.n_samples_fit_ - alone:
            sign = "<" if alone else "<="
            raise ParameterError(
                f"Expected n_neighbors {sign} n_samples_fit, but n_neighbors = {k}, "
                f"n_samples_fit = {self.n_samples_fit_}",
                code="SL1001",
            )
        return int(k)

    def kneighbors(self, X: Any = None, n_neighbors: int | None = None, return_distance: bool = True) -> Any:
        """Find the nearest rows of each row.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes, default=None
            Queries of shape (n_queries, n_features). None: the rows of the fit, none of which is its own neighbour.
        n_neighbors : int, default=None
            How many; None is the parameter of the estimator.
        return_distance : bool, default=True
            Whether distances are wanted too.

        Returns
        -------
        (distances, ids), ids, or Predictions
            Each of shape (n_queries, n_neighbors), the nearest first, of equally near rows the one with the lowest id
            first; ids are positions in the data of the fit. For a path, glob, dataset, reader or Source a
            :class:`~shardlearn.faces.predictions.Predictions`, which streams.
        """
        asked = self._asked(X)
        k = self._count(n_neighbors, asked.alone)
        outcome = Listed(return_distance)
        return answer(self, "kneighbors", lambda: self._search(outcome, k, asked.alone), asked)

    def kneighbors_graph(self, X: Any = None, n_neighbors: int | None = None, mode: str = "connectivity") -> Any:
        """The neighbours of each row as a sparse matrix.

        Parameters
        ----------
        X : array, sparse matrix, frame, path or Source, default=None
            Queries; None: the rows of the fit, none of which is its own neighbour.
        n_neighbors : int, default=None
            How many; None is the parameter of the estimator.
        mode : {"connectivity", "distance"}, default="connectivity"
            Entries are ones, or distances.

        Returns
        -------
        csr_matrix of shape (n_queries, n_samples_fit)
            In memory, also for queries on disk.
        """
        check_mode(mode)
        found = self.kneighbors(X, n_neighbors, return_distance=True)
        distance, ids = found if isinstance(found, tuple) else found.to_numpy()
        return graph(distance.ravel(), ids.ravel(), np.full(len(ids), ids.shape[1]), self.n_samples_fit_, mode)


class Within(Neighbors):
    """Estimators that find all rows within a radius."""

    def radius_neighbors(
        self, X: Any = None, radius: float | None = None, return_distance: bool = True, sort_results: bool = False
    ) -> Any:
        """Find all rows that are no farther than a radius from each row.

        A row is inside if the distance that is returned for it is not above the radius, as float64 numbers.

        Parameters
        ----------
        X : array, sparse matrix, frame, path or Source, default=None
            Queries of shape (n_queries, n_features). None: the rows of the fit, none of which is its own neighbour.
        radius : float, default=None
            How far; None is the parameter of the estimator.
        return_distance : bool, default=True
            Whether distances are wanted too.
        sort_results : bool, default=False
            Changes nothing: the nearest come first anyway, of equally near rows the one with the lowest id.

        Returns
        -------
        (distances, ids) or ids
            Each an array of n_queries arrays, in memory.
        """
        distance, ids = self._within(X, radius)
        return (distance, ids) if return_distance else ids

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
        distance, ids = self._within(X, radius)
        counts = np.array([len(one) for one in ids], np.int64)
        flat, near = np.concatenate([np.zeros(0), *distance]), np.concatenate([np.zeros(0, np.int64), *ids])
        return graph(flat, near, counts, self.n_samples_fit_, mode)

    def _within(self, X: Any, radius: float | None) -> tuple[Array, Array]:
        asked = self._asked(X)
        found = answer(self, "radius_neighbors", lambda: self._around(ListedBalls(), radius, asked.alone), asked)
        distance, ids = found if isinstance(found, tuple) else found.to_numpy()
        return distance, ids


def check_mode(mode: str) -> None:
    """What the entries of a graph are."""
    if mode not in ("connectivity", "distance"):
        raise ParameterError(
            f'Unsupported mode, must be one of "connectivity", or "distance" but got "{mode}" instead', code="SL1001"
        )


def graph(distance: Array, ids: Ints, counts: Ints, rows: int, mode: str) -> Any:
    """Neighbours, so many of each query, as a sparse matrix; rows that were left out of the fit widen it."""
    from scipy.sparse import csr_matrix

    values = distance if mode == "distance" else np.ones(len(ids))
    indptr = np.concatenate([[0], np.cumsum(counts)])
    return csr_matrix((values, ids, indptr), shape=(len(counts), max(rows, int(ids.max(initial=-1)) + 1)))
