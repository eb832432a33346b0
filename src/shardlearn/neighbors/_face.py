"""What all estimators of neighbours share: parameters, the rows that they keep or name, and lists of neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from shardlearn.core.errors import InputError, ParameterError, StorageError
from shardlearn.core.matrix import Array, Csr, Ints, Matrix
from shardlearn.faces.estimator import Face
from shardlearn.faces.parameters import check_parameters, refuse
from shardlearn.faces.session import Session
from shardlearn.faces.wary import search as search_bad_values
from shardlearn.statistics.distances import METRICS, Metric

from ._base import Base, Held, Named, digest, held, named
from ._outcomes import Listed, Outcome
from ._search import Search, answer

ALIASES = {"l2": "euclidean", "l1": "manhattan", "cityblock": "manhattan"}
INVERSE = "distances of inner products are negative: their inverses are no weights"

Store = Literal["auto", "rows"]


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose neighbours are asked for: rows of X, or of the base itself."""

    X: Any
    alone: bool


class Neighbors(Face):
    """Base of estimators that find the nearest of the rows that they were fitted on."""

    n_samples_fit_: int
    effective_metric_: str
    rows_: Matrix
    targets_: Array
    row_ids_: Ints
    base_: str
    classes_: Array
    _named: Named | None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "algorithm": [StrOptions({"auto", "ball_tree", "kd_tree", "brute"})],
        "leaf_size": [Interval(Integral, 1, None, closed="left")],
        "p": [Interval(Real, 0, None, closed="right"), None],
        "metric": [str, callable],
        "metric_params": [dict, None],
        "n_jobs": [Integral, None],
        "store": [StrOptions({"auto", "rows"})],
    }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @property
    def effective_metric_params_(self) -> dict[str, Any]:
        """As scikit-learn has it."""
        return {"p": self._metric().power} if self._metric().name == "minkowski" else {}

    # -- fitting -----------------------------------------------------------------------------------------------------

    def _check(self) -> Metric:
        """Refuse parameters that can't be honoured."""
        check_parameters(self)
        told = self.get_params(deep=False)
        if not isinstance(told["metric"], str) or ALIASES.get(told["metric"], told["metric"]) not in METRICS:
            fix = "one of " + ", ".join(sorted({*METRICS, *ALIASES}))
            raise refuse(self, "metric", why="its distances are not defined here", fix=fix)
        if told["metric_params"]:
            raise refuse(self, "metric_params", why="no metric here has any", fix="metric_params=None")
        metric = self._metric()
        if metric.name == "minkowski" and metric.power < 1:
            raise refuse(self, "p", why="for p below 1 there is no metric", fix="p=1, or more")
        if metric.name == "inner_product" and told.get("weights") == "distance":
            raise refuse(self, "weights", why=INVERSE, fix='weights="uniform", or a callable')
        return metric

    def _metric(self) -> Metric:
        told = self.get_params(deep=False)
        name = ALIASES.get(told["metric"], str(told["metric"]))
        if name != "minkowski":
            return Metric(name)
        power = 2.0 if told["p"] is None else float(told["p"])
        whole = {1.0: "manhattan", 2.0: "euclidean", np.inf: "chebyshev"}
        return Metric(whole[power]) if power in whole else Metric("minkowski", power)

    def _keep(self, fit: Session, X: Any, y: Any) -> Named | None:
        """Publish the rows, or what they are called; gives what can't be said in an attribute."""
        if fit.laid.apart is not None:
            search_bad_values(fit.engine, fit.laid, fit.watched.emit)  # X too: y and weights alone were looked at
        else:
            assert fit.found is not None
        fit.publish(effective_metric_=self._metric().name)
        if fit.laid.in_memory or self.get_params(deep=False)["store"] == "rows":
            rows, labels, ids = held(fit.laid)
            fit.publish(rows_=rows, row_ids_=ids, n_samples_fit_=int(rows.shape[0]))
            if labels is not None:
                fit.publish(targets_=self._targets(labels, fit))
            return None
        base = named(fit.laid, X, y)
        fit.publish(n_samples_fit_=fit.found.rows, base_=base.to_text() if base.paths else "")
        if fit.laid.given[0] is not None:
            fit.publish(targets_=fit.laid.given[0])
        return base

    def _targets(self, labels: Array, fit: Session) -> Array:
        """y as it is kept; by estimators that have one: they say how."""
        raise NotImplementedError

    # -- what is kept ------------------------------------------------------------------------------------------------

    def _base(self) -> Base:
        """The rows."""
        y = getattr(self, "targets_", None)
        if hasattr(self, "rows_"):
            ids = getattr(self, "row_ids_", None)
            return Held(self.rows_, None if y is None else np.asarray(y, np.float64), ids)
        kept: Named | None = getattr(self, "_named", None)
        return kept if kept is not None else Named.from_text(self.base_, y)

    def _fitted(self) -> dict[str, object]:
        fitted = super()._fitted()
        if fitted.get("base_") == "":
            raise StorageError(
                f"This {type(self).__name__} can't be saved: the rows that it refers to have no name.",
                code="SL5111",
                found="a source that is no path, or a URI that holds a secret",
                fix='fit it with store="rows"; the saved model then holds all training rows',
            )
        return fitted

    def _identity(self) -> dict[str, object]:
        """What the fingerprint is made of: the same for rows that are kept and rows that are referred to."""
        held_or_named = {"rows_", "targets_", "row_ids_", "base_"}
        fitted = {name: value for name, value in super()._fitted().items() if name not in held_or_named}
        return fitted | {"base": digest(self._base(), getattr(self, "classes_", None))} if fitted else {}

    @property
    def _holds(self) -> str:
        """What a saved model says of itself."""
        if hasattr(self, "rows_"):
            return f"{self.n_samples_fit_:,} training rows, as they are"
        return f"a reference to {self.n_samples_fit_:,} training rows, which are not in this file"

    def _restore(self, fitted: Mapping[str, Any], /) -> None:
        super()._restore(fitted)
        self._named = None

    def _held(self, what: str) -> Held:
        """The rows, where they are in memory."""
        base = self._base()
        if isinstance(base, Held):
            return base
        raise InputError(
            f"{type(self).__name__}.{what} needs the training rows in memory.",
            code="SL2322",
            found="a model that refers to rows on disk",
            fix='store="rows"',
        )

    def to_sklearn(self) -> Any:
        """A plain scikit-learn estimator of the same name and parameters, fitted on the rows that are held.

        Returns
        -------
        estimator
            Of the class of the same name in scikit-learn. Its distances agree to rounding.
        """
        check_is_fitted(self)
        base, metric = self._held("to_sklearn()"), self._metric()
        if metric.name == "inner_product":
            raise refuse(self, "metric", why="scikit-learn has no such metric", fix='metric="cosine"')
        X: Any = base.X
        if isinstance(X, Csr):
            from scipy.sparse import csr_array

            X = csr_array((X.data, X.indices, X.indptr), shape=X.shape)
        peer = self._peer()
        return peer.fit(X) if base.y is None else peer.fit(X, self._labels())

    def _labels(self) -> Array:
        """y of the rows that are held, as it was given."""
        return self.targets_

    def _own(self) -> dict[str, Any]:
        """Parameters that scikit-learn has too."""
        return {name: value for name, value in self.get_params(deep=False).items() if name != "store"}

    # -- neighbours --------------------------------------------------------------------------------------------------

    def _asked(self, X: Any) -> Asked:
        """Rows of X; where it is None those of the base, each without itself."""
        check_is_fitted(self)
        if X is not None:
            return Asked(X, alone=False)
        base = self._base()
        if isinstance(base, Named):
            return Asked(base.source or _opened(base), alone=True)
        if isinstance(base.X, Csr):
            from scipy.sparse import csr_array

            return Asked(csr_array((base.X.data, base.X.indices, base.X.indptr), shape=base.X.shape), alone=True)
        return Asked(base.X, alone=True)

    def _search(self, outcome: Outcome, k: int, alone: bool) -> Search:
        classes = getattr(self, "classes_", None) if outcome.targets is not None else None
        return Search(self._base(), k, self._metric(), outcome, alone, classes)

    def _count(self, n_neighbors: Any, alone: bool) -> int:
        """The number of neighbours, checked in scikit-learn's words."""
        k = self.get_params(deep=False).get("n_neighbors") if n_neighbors is None else n_neighbors
        if not isinstance(k, int | np.integer):
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
        return answer(self, "kneighbors", lambda: self._search(outcome, k, asked.alone), asked.X)

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


def _opened(base: Named) -> Any:
    from shardlearn.data import open_source

    return open_source(list(base.paths), **base.reading)
