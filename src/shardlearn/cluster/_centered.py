"""What estimators of clusters around centres share: which centre a row belongs to, how far it is, how good they are."""

from __future__ import annotations

from typing import Any

from shardlearn.core.errors import InputError
from shardlearn.core.matrix import Array
from shardlearn.faces.answers import answer, measured
from shardlearn.faces.bases import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from shardlearn.faces.estimator import Face
from shardlearn.faces.predictions import Method
from shardlearn.faces.session import Session

from ._outputs import Centers, Distances, LeftOver, Nearest


class Centered(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, Face):
    """Base of estimators with ``cluster_centers_``."""

    n_clusters: int
    cluster_centers_: Array
    labels_: Array

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Find the centres."""
        raise NotImplementedError

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Fit, and say the cluster of each row: ``labels_`` where they are there, else ``predict(X)``.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,), or Predictions
        """
        self.fit(X, y, sample_weight)
        return self.labels_ if hasattr(self, "labels_") else self.predict(X)

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Fit, and give the distance of each row to each centre.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_clusters), or Predictions
        """
        self.fit(X, y, sample_weight)
        return self.transform(X)

    def predict(self, X: Any) -> Any:
        """Say the cluster of each row.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features). Columns of files are matched by name; a frame has them in the
            order of the fit.

        Returns
        -------
        ndarray of shape (n_samples,), or Predictions
            Numbers of centres, int32. An array where X is in memory; for a path, glob, dataset, reader or Source a
            :class:`~shardlearn.faces.predictions.Predictions`, which streams: ``.to_parquet(folder)``,
            ``.to_numpy()``, ``.batches()``. Row i is the same predicted alone or among others.

        Raises
        ------
        InputError
            Missing or infinite values, features missing, renamed or of another kind.
        """
        return answer(self, "predict", self._labels, X)

    def transform(self, X: Any) -> Any:
        """Give the Euclidean distance of each row to each centre.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features).

        Returns
        -------
        ndarray of shape (n_samples, n_clusters), or Predictions
            In float64. As a table: columns ``distance_0``, ``distance_1``, ...
        """
        return answer(self, "transform", lambda: Distances(self._centers()), X)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Minus the sum of squared distances of the rows to their nearest centres, times the weights.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features).
        y : str, default=None
            The name of a column that is no feature. Anything else is ignored.
        sample_weight : array of shape (n_samples,) or str, default=None
            Weights, or the name of their column.

        Returns
        -------
        float
            Computed in one pass, with the same bits for any number of workers.
        """
        aside = y if isinstance(y, str) else None
        found = measured(self, X, aside, sample_weight, lambda: LeftOver(Nearest(self._centers(), squares=True)))
        return -float(found)

    def _labels(self) -> Method:
        return Nearest(self._centers())

    def _centers(self) -> Centers:
        return Centers.of(self.cluster_centers_)

    @property
    def _n_features_out(self) -> int:
        return len(self.cluster_centers_)

    def __getattr__(self, name: str) -> Any:
        if name == "labels_" and "cluster_centers_" in vars(self):
            raise AttributeError(
                "There is no labels_ after a fit on a path or Source, nor in a loaded model: predict(source) has them."
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def check_rows(fit: Session, n_clusters: int) -> None:
    """As many rows as clusters."""
    if fit.laid.rows < n_clusters:
        raise InputError(
            f"n_samples={fit.laid.rows} should be >= n_clusters={n_clusters}.",
            code="SL2317",
            found=f"{fit.laid.rows} rows",
            needed=f"{n_clusters} rows or more",
            fix="fewer clusters",
        )
