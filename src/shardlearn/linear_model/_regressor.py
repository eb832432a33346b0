"""A linear regressor that is fitted: its predictions and its score."""

from __future__ import annotations

from typing import Any

import numpy as np

from shardlearn.core.matrix import Array, Floats
from shardlearn.faces.answers import answer, measured
from shardlearn.faces.bases import MultiOutputMixin, RegressorMixin
from shardlearn.faces.estimator import Face
from shardlearn.faces.scores import Explained, r2

from ._outputs import Linear, Values


class LinearRegressor(MultiOutputMixin, RegressorMixin, Face):
    """Predicts x . w + b for one target or several."""

    coef_: Array
    intercept_: Any

    def predict(self, X: Any) -> Any:
        """Predict the target of each row.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features). Columns of files are matched by name; a frame has them in the
            order of the fit.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets), or Predictions
            An array where X is in memory; for a path, glob, dataset, reader or Source a
            :class:`~shardlearn.faces.predictions.Predictions`, which streams: ``.to_parquet(folder)``,
            ``.to_numpy()``, ``.batches()``. Row i is the same, bit for bit, predicted alone or among others.

        Raises
        ------
        InputError
            Missing or infinite values, features missing, renamed or of another kind.
        """
        return answer(self, "predict", lambda: self._values(), X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R2, the coefficient of determination: 1 - sum s (y - prediction)^2 / sum s (y - mean)^2.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features).
        y : array of shape (n_samples,) or (n_samples, n_targets), or str
            True values, or the name of their column.
        sample_weight : array of shape (n_samples,) or str, default=None
            Weights, or the name of their column.

        Returns
        -------
        float
            The mean over the targets; computed in one pass, with the same bits for any number of workers.
        """
        return r2(measured(self, X, y, sample_weight, lambda: Explained(self._values(), self._targets())))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _values(self) -> Values:
        coef = np.atleast_2d(self.coef_)
        flat = self.coef_.ndim == 1
        names = ("prediction",) if flat else tuple(f"prediction_{t}" for t in range(len(coef)))
        return Values(linear(coef, self.intercept_), names, flat)

    def _targets(self) -> int:
        return 1 if self.coef_.ndim == 1 else len(self.coef_)


def linear(coef: Array, intercept: Any) -> Linear:
    """Coefficients as kernels take them; whoever has changed the attributes gets what they say."""
    W: Floats = np.ascontiguousarray(coef, np.float64)
    b: Floats = np.ascontiguousarray(np.broadcast_to(np.asarray(intercept, np.float64), (len(W),)))
    return Linear(W, b)
