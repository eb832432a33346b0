"""A linear classifier that is fitted: labels, probabilities, decision values, accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np

from shardlearn.core.matrix import Array
from shardlearn.faces.answers import answer, measured
from shardlearn.faces.bases import ClassifierMixin
from shardlearn.faces.estimator import Face
from shardlearn.faces.scores import Accuracy, share

from ._outputs import Labels, Linear, Probabilities, Values
from ._regressor import linear


class LinearClassifier(ClassifierMixin, Face):
    """Decides by z = x . w + b: one row of w for two classes, one a class for more."""

    classes_: Array
    coef_: Array
    intercept_: Array

    def predict(self, X: Any) -> Any:
        """Predict the label of each row.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features). Columns of files are matched by name; a frame has them in the
            order of the fit.

        Returns
        -------
        ndarray of shape (n_samples,), or Predictions
            Labels, of the dtype of ``classes_``. An array where X is in memory; for a path, glob, dataset, reader or
            Source a :class:`~shardlearn.faces.predictions.Predictions`, which streams: ``.to_parquet(folder)``,
            ``.to_numpy()``, ``.batches()``. Row i is the same, bit for bit, predicted alone or among others.

        Raises
        ------
        InputError
            Missing or infinite values, features missing, renamed or of another kind.
        """
        return answer(self, "predict", lambda: Labels(self._linear(), self.classes_), X)

    def predict_proba(self, X: Any) -> Any:
        """Predict the probability of each class: softmax(z), or 1 / (1 + exp(-z)) and its complement for two classes.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features).

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or Predictions
            Columns in the order of ``classes_``. As a table: ``prediction`` and ``probability_<class>``.
        """
        return answer(self, "predict_proba", lambda: Probabilities(self._linear(), self.classes_, log=False), X)

    def predict_log_proba(self, X: Any) -> Any:
        """Predict the logarithm of each class's probability; finite where the probability itself rounds to zero.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features).

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or Predictions
            Columns in the order of ``classes_``. As a table: ``prediction`` and ``log_probability_<class>``.
        """
        return answer(self, "predict_log_proba", lambda: Probabilities(self._linear(), self.classes_, log=True), X)

    def decision_function(self, X: Any) -> Any:
        """z of each row; of two classes the second is predicted where z > 0, of more the one with the largest z.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features).

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), or Predictions
            One-dimensional for two classes. As a table: ``decision``, or ``decision_<class>``.
        """
        return answer(self, "decision_function", self._decision, X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy: the weighted share of rows whose label is predicted.

        Parameters
        ----------
        X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
            Rows of shape (n_samples, n_features).
        y : array of shape (n_samples,), or str
            True labels, or the name of their column.
        sample_weight : array of shape (n_samples,) or str, default=None
            Weights, or the name of their column.

        Returns
        -------
        float
            Computed in one pass, with the same bits for any number of workers.
        """
        return share(measured(self, X, y, sample_weight, lambda: Accuracy(Labels(self._linear(), self.classes_))))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _linear(self) -> Linear:
        return linear(np.atleast_2d(self.coef_), self.intercept_)

    def _decision(self) -> Values:
        two = len(self.classes_) == 2
        names = ("decision",) if two else tuple(f"decision_{label}" for label in self.classes_.tolist())
        return Values(self._linear(), names, flat=two)
