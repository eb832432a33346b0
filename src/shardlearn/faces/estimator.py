"""What every estimator has beside its own fit: storage of what it learned, and a scikit-learn object of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .bases import BaseEstimator
from .session import is_fitted_name, set_attributes

NOT_STORED = {"report_", "singular_", "labels_"}  # what varies from run to run or machine to machine, or is of the rows


class Face(BaseEstimator):
    """Base of all estimators. Only `fit` sets attributes, once, at its end."""

    def to_sklearn(self) -> Any:
        """A plain fitted scikit-learn estimator of the same name, parameters and attributes.

        It knows nothing of shardlearn: it can be pickled, converted or served wherever scikit-learn is. Its sums go
        through BLAS, so its numbers agree to rounding, not bit for bit.

        Returns
        -------
        estimator
            Of the class of the same name in scikit-learn.
        """
        check_is_fitted(self)
        peer = self._peer()
        learned = {name: value for name, value in vars(self).items() if is_fitted_name(name) and name != "report_"}
        for name, value in learned.items():
            setattr(peer, name, value.copy() if isinstance(value, np.ndarray) else value)
        return peer

    def _peer(self) -> Any:
        """scikit-learn's estimator with the same parameters, not fitted."""
        raise NotImplementedError

    def _fitted(self) -> dict[str, object]:
        """Fitted attributes by name that are the same bits wherever they were computed."""
        return {name: value for name, value in vars(self).items() if is_fitted_name(name) and name not in NOT_STORED}

    def _restore(self, fitted: Mapping[str, Any], /) -> None:
        """Take fitted attributes as `_fitted` gave them."""
        set_attributes(self, dict(fitted))
