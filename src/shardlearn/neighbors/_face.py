"""What all estimators of neighbours share: parameters, the rows that they keep or name, and lists of neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn import neighbors
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from shardlearn.core.errors import InputError, ParameterError, StorageError
from shardlearn.core.matrix import Array, Csr, Ints, Matrix
from shardlearn.core.statistic import Statistic
from shardlearn.faces.estimator import Face
from shardlearn.faces.parameters import check_parameters, refuse
from shardlearn.faces.session import Session, fitting
from shardlearn.faces.wary import search as search_bad_values
from shardlearn.statistics.distances import METRICS, Metric

from ._around import Around
from ._base import Base, Held, Named, digest, named
from ._gathered import Gathering
from ._keeping import bring, must_fit
from ._outcomes import Outcome
from ._search import Asked, Search
from ._trees import Trees

NUMBERS = ("n_neighbors", "radius", "p", "leaf_size", "n_jobs")  # scikit-learn would take True as 1
ALIASES = {"l2": "euclidean", "l1": "manhattan", "cityblock": "manhattan"}
INVERSE = "distances of inner products are negative: their inverses are no weights"

Store = Literal["auto", "rows"]


class Neighbors(Face):
    """Base of estimators that find the nearest of the rows that they were fitted on."""

    n_samples_fit_: int
    effective_metric_: str
    rows_: Matrix
    targets_: Array
    row_ids_: Ints
    base_: str
    classes_: Array
    _supervised: ClassVar[bool] = True
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

    @contextmanager
    def _fitting(self, X: Any, y: Any, also: Sequence[Statistic[Any]] = ()) -> Iterator[Session]:
        """A fit whose parameters can be honoured, and whose rows can be kept, if they are to be."""
        self._check()
        with fitting(self, X, y, None, also=also, supervised=self._supervised) as fit:
            if self._keeps_rows(fit) and fit.laid.missing != "drop":
                must_fit(fit, fit.laid.rows)
            yield fit

    def _check(self) -> Metric:
        """Refuse parameters that can't be honoured."""
        check_parameters(self)
        told = self.get_params(deep=False)
        for name in NUMBERS:
            if isinstance(told.get(name), bool):
                words = f"The '{name}' parameter of {type(self).__name__} must be a number. Got {told[name]} instead."
                raise ParameterError(words, code="SL1001", where=f"{type(self).__name__}(...)")
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
        name = ALIASES.get(told["metric"], told["metric"]) if isinstance(told["metric"], str) else ""
        if name not in METRICS:
            fix = "one of " + ", ".join(sorted({*METRICS, *ALIASES}))
            raise refuse(self, "metric", why="its distances are not defined here", fix=fix)
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
        if self._keeps_rows(fit):
            rows, targets, ids = bring(fit, lambda labels: self._targets(labels, fit))
            fit.publish(rows_=rows, row_ids_=ids, targets_=targets, n_samples_fit_=int(rows.shape[0]))
            return None
        base = named(fit.laid, X, y)
        fit.publish(n_samples_fit_=fit.found.rows, base_=base.to_text() if base.paths else "")
        if fit.laid.given[0] is not None:
            fit.publish(targets_=fit.laid.given[0])
        return base

    def _keeps_rows(self, fit: Session) -> bool:
        """Or refers to them."""
        return fit.laid.in_memory or bool(self.get_params(deep=False)["store"] == "rows")

    def _targets(self, labels: Array, fit: Session) -> Array | None:
        """y as it is kept; None: it is not."""
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
        if not fitted:
            return {}
        return fitted | {"base": digest(self._base(), getattr(self, "classes_", None), self._supervised)}

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

        Where scikit-learn's trees lack the metric, or rows are sparse, its ``algorithm`` is "brute": the answers are
        the same. Ids are positions among the rows that are held.

        Returns
        -------
        estimator
            Of the class of the same name in scikit-learn. Its distances agree to rounding.

        Raises
        ------
        ParameterError
            scikit-learn has no such metric, or not for sparse rows.
        """
        check_is_fitted(self)
        base, metric = self._held("to_sklearn()"), self._metric()
        if metric.name == "inner_product":
            raise refuse(self, "metric", why="scikit-learn has no such metric", fix='metric="cosine"')
        if isinstance(base.X, Csr) and metric.name not in neighbors.VALID_METRICS_SPARSE["brute"]:
            fix = 'fit on dense rows, or metric="euclidean", "manhattan" or "cosine"'
            raise refuse(self, "metric", why="scikit-learn has no such distance of sparse rows", fix=fix)
        peer = self._peer().set_params(**self._there(base))
        peer.fit(_as_scipy(base.X), None if base.y is None else self._labels())
        if hasattr(self, "feature_names_in_"):
            peer.feature_names_in_ = self.feature_names_in_.copy()
        return peer

    def _there(self, base: Held) -> dict[str, Any]:
        """Parameters that scikit-learn takes otherwise."""
        told = self.get_params(deep=False)
        lacks = isinstance(base.X, Csr) or told["metric"] not in neighbors.VALID_METRICS.get(told["algorithm"], ())
        tree = told["algorithm"] in ("kd_tree", "ball_tree")
        return ({"algorithm": "brute"} if tree and lacks else {}) | ({"p": 2} if told["p"] is None else {})

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
            return Asked(base.source or base.open(), alone=True)
        return Asked(_as_scipy(base.X), alone=True)

    def _search(self, outcome: Outcome, k: int, alone: bool) -> Search:
        classes = getattr(self, "classes_", None) if outcome.targets is not None else None
        return Search(self._base(), k, self._metric(), outcome, alone, classes, self._algorithm())

    def _around(self, outcome: Gathering, radius: Any, alone: bool) -> Around:
        classes = getattr(self, "classes_", None) if outcome.targets is not None else None
        return Around(self._base(), self._far(radius), self._metric(), outcome, alone, classes, self._algorithm())

    def _algorithm(self) -> str:
        return str(self.get_params(deep=False)["algorithm"])

    def _far(self, radius: Any) -> float:
        """The radius, checked."""
        far = self.get_params(deep=False)["radius"] if radius is None else radius
        if isinstance(far, bool) or not isinstance(far, Real) or np.isnan(float(far)):
            raise ParameterError(
                f"radius does not take {far!r} of type {type(far)}, enter a number",
                code="SL1001",
                where=type(self).__name__,
                fix="radius=..., of the method or of the estimator",
            )
        return float(far)


def _as_scipy(X: Matrix) -> Any:
    """The rows as scikit-learn takes them: some of its distances know 32-bit offsets alone."""
    if not isinstance(X, Csr):
        return X
    from scipy.sparse import csr_array

    indptr = X.indptr.astype(np.int32) if X.indptr[-1] <= np.iinfo(np.int32).max else X.indptr
    return csr_array((X.data, X.indices, indptr), shape=X.shape)
