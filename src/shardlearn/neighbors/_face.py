"""What all estimators of neighbours share: parameters, the rows that they keep or name, and lists of neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from shardlearn.core.errors import InputError, StorageError
from shardlearn.core.matrix import Array, Csr, Ints, Matrix
from shardlearn.faces.estimator import Face
from shardlearn.faces.parameters import check_parameters, refuse
from shardlearn.faces.session import Session
from shardlearn.faces.wary import search as search_bad_values
from shardlearn.statistics.distances import METRICS, Metric

from ._around import Around
from ._base import Base, Held, Named, digest, held, named
from ._gathered import Gathering
from ._outcomes import Outcome
from ._search import Search
from ._trees import Trees

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
    _trees: Trees

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
        if self._metric().name == "haversine" and fit.laid.n_features != 2:
            raise InputError(
                "Haversine distance only valid in 2 dimensions.",
                code="SL2325",
                found=f"{fit.laid.n_features:,} features",
                needed="latitude and longitude, in radians",
            )
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
            return Held(self.rows_, None if y is None else np.asarray(y, np.float64), ids, self._trees)
        kept: Named | None = getattr(self, "_named", None)
        return kept if kept is not None else Named.from_text(self.base_, y)

    def _fitted(self) -> dict[str, object]:
        fitted = super()._fitted()
        if fitted.get("base_") == "":
            raise StorageError(
                f"This {type(self).__name__} can't be saved: the rows that it refers to have no name.",
                code="SL5115",
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
        self._named, self._trees = None, Trees()

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
        return Search(self._base(), k, self._metric(), outcome, alone, classes, self._algorithm())

    def _around(self, outcome: Gathering, radius: Any, alone: bool) -> Around:
        classes = getattr(self, "classes_", None) if outcome.targets is not None else None
        far = float(self.get_params(deep=False)["radius"] if radius is None else radius)
        return Around(self._base(), far, self._metric(), outcome, alone, classes, self._algorithm())

    def _algorithm(self) -> str:
        return str(self.get_params(deep=False)["algorithm"])


def _opened(base: Named) -> Any:
    from shardlearn.data import open_source

    return open_source(list(base.paths), **base.reading)
