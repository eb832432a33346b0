"""Neighbours as sparse matrices, by functions."""

from __future__ import annotations

from typing import Any

from ._nearest import NearestNeighbors


def kneighbors_graph(
    X: Any,
    n_neighbors: int,
    *,
    mode: str = "connectivity",
    metric: str = "minkowski",
    p: float = 2,
    metric_params: dict[str, Any] | None = None,
    include_self: bool | str = False,
    n_jobs: int | None = None,
) -> Any:
    """The k nearest rows of each row as a sparse matrix.

    Parameters
    ----------
    X : array, sparse matrix, frame, path, glob, a fitted estimator of neighbours, or what `shardlearn.read` takes
        Rows of shape (n_samples, n_features); those of an estimator are the rows it was fitted on.
    n_neighbors : int
        How many.
    mode : {"connectivity", "distance"}, default="connectivity"
        Entries are ones, or distances.
    metric : str, default="minkowski"
        As in :class:`NearestNeighbors`.
    p : float, default=2
        Power of "minkowski".
    metric_params : None
        Only None.
    include_self : bool or "auto", default=False
        Whether a row is among its own neighbours; "auto": in a graph of ones.
    n_jobs : int, default=None
        Changes nothing.

    Returns
    -------
    csr_matrix of shape (n_samples, n_samples)
        In memory.

    Examples
    --------
    >>> from shardlearn.neighbors import kneighbors_graph
    >>> kneighbors_graph([[0.0], [3.0], [1.0]], 1).toarray()
    array([[0., 0., 1.],
           [0., 0., 1.],
           [1., 0., 0.]])
    """
    model = fitted(X, metric, p, metric_params)
    return model.kneighbors_graph(queries(X, mode, include_self), n_neighbors, mode)


def radius_neighbors_graph(
    X: Any,
    radius: float,
    *,
    mode: str = "connectivity",
    metric: str = "minkowski",
    p: float = 2,
    metric_params: dict[str, Any] | None = None,
    include_self: bool | str = False,
    n_jobs: int | None = None,
) -> Any:
    """The rows within a radius of each row as a sparse matrix.

    Parameters
    ----------
    X : array, sparse matrix, frame, path, glob, a fitted estimator of neighbours, or what `shardlearn.read` takes
        Rows of shape (n_samples, n_features); those of an estimator are the rows it was fitted on.
    radius : float
        How far.
    mode : {"connectivity", "distance"}, default="connectivity"
        Entries are ones, or distances.
    metric : str, default="minkowski"
        As in :class:`NearestNeighbors`.
    p : float, default=2
        Power of "minkowski".
    metric_params : None
        Only None.
    include_self : bool or "auto", default=False
        Whether a row is among its own neighbours; "auto": in a graph of ones.
    n_jobs : int, default=None
        Changes nothing.

    Returns
    -------
    csr_matrix of shape (n_samples, n_samples)
        In memory.

    Examples
    --------
    >>> from shardlearn.neighbors import radius_neighbors_graph
    >>> radius_neighbors_graph([[0.0], [3.0], [1.0]], 1.5, mode="distance").toarray()
    array([[0., 0., 1.],
           [0., 0., 0.],
           [1., 0., 0.]])
    """
    model = fitted(X, metric, p, metric_params)
    return model.radius_neighbors_graph(queries(X, mode, include_self), radius, mode)


def fitted(X: Any, metric: str, p: float, metric_params: dict[str, Any] | None) -> Any:
    """X itself, where it is an estimator."""
    if hasattr(X, "kneighbors_graph") or hasattr(X, "radius_neighbors_graph"):
        return X
    return NearestNeighbors(metric=metric, p=p, metric_params=metric_params).fit(X)


def queries(X: Any, mode: str, include_self: bool | str) -> Any:
    """None where no row is to be its own neighbour."""
    if include_self == "auto":
        include_self = mode == "connectivity"
    if not include_self:
        return None
    return X._asked(None).X if hasattr(X, "_asked") else X
