"""Neighbours as sparse matrices, by functions."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    StrOptions,
    validate_parameter_constraints,
)

from shardlearn.core.errors import ParameterError

from ._asking import Nearest, Within
from ._face import Neighbors
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
    told = {"metric": metric, "p": p, "metric_params": metric_params}
    check("kneighbors_graph", n_neighbors=n_neighbors, p=p, mode=mode, include_self=include_self, n_jobs=n_jobs)
    return fitted(X, Nearest, told).kneighbors_graph(queries(X, mode, include_self), n_neighbors, mode)


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
    told = {"metric": metric, "p": p, "metric_params": metric_params}
    check("radius_neighbors_graph", radius=radius, p=p, mode=mode, include_self=include_self, n_jobs=n_jobs)
    return fitted(X, Within, told).radius_neighbors_graph(queries(X, mode, include_self), radius, mode)


TAKEN: dict[str, list[Any]] = {
    "n_neighbors": [Interval(Integral, 1, None, closed="left")],
    "radius": [Real],
    "mode": [StrOptions({"connectivity", "distance"})],
    "p": Neighbors._parameter_constraints["p"],
    "include_self": ["boolean", StrOptions({"auto"})],
    "n_jobs": [Integral, None],
}


def check(name: str, **told: Any) -> None:
    """Refuse a value of the wrong type or range, in scikit-learn's words."""
    try:
        validate_parameter_constraints({one: TAKEN[one] for one in told}, told, caller_name=name)
    except InvalidParameterError as error:
        raise ParameterError(str(error), code="SL1001", where=f"{name}(...)") from None


def fitted(X: Any, kind: type[Neighbors], told: dict[str, Any]) -> Any:
    """X itself, where it is an estimator that was told the same."""
    if not isinstance(X, Neighbors):
        return NearestNeighbors(**told).fit(X)
    if not isinstance(X, kind):
        raise ParameterError(
            f"A {type(X).__name__} does not find neighbours in this way.",
            code="SL1001",
            needed="rows, or one of " + ", ".join(sorted(one.__name__ for one in kind.__subclasses__())),
        )
    for name, own in X.get_params(deep=False).items():
        if name in told and told[name] != own:
            raise ParameterError(
                f"Got {told[name]} for {name}, while the estimator has {own} for the same parameter.",
                code="SL1001",
                fix=f"{name}={own!r}",
            )
    return X


def queries(X: Any, mode: str, include_self: bool | str) -> Any:
    """None where no row is to be its own neighbour."""
    if include_self == "auto":
        include_self = mode == "connectivity"
    if not include_self:
        return None
    return X._asked(None).X if isinstance(X, Neighbors) else X
