"""What every estimator has beside its own fit: storage of what it learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .bases import BaseEstimator
from .session import is_fitted_name, set_attributes

NOT_STORED = {"report_"}  # what varies from run to run


class Face(BaseEstimator):
    """Base of all estimators. Only `fit` sets attributes, once, at its end."""

    def _fitted(self) -> dict[str, object]:
        """Fitted attributes by name, without the report."""
        return {name: value for name, value in vars(self).items() if is_fitted_name(name) and name not in NOT_STORED}

    def _restore(self, fitted: Mapping[str, Any], /) -> None:
        """Take fitted attributes as `_fitted` gave them."""
        set_attributes(self, dict(fitted))
