"""scikit-learn's base classes, with the few types that are used of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:

    class BaseEstimator:
        """Parameters, tags, representation, metadata routing."""

        n_features_in_: int

        _parameter_constraints: ClassVar[dict[str, list[Any]]]

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def __sklearn_tags__(self) -> Any: ...

    class ClassifierMixin:
        """Tags of a classifier."""

    class RegressorMixin:
        """Tags of a regressor."""

    class ClusterMixin:
        """Tags of a clusterer."""

    class TransformerMixin:
        """Tags of a transformer, `set_output`."""

    class ClassNamePrefixFeaturesOutMixin:
        """Names of what `transform` answers: the class's name and a number."""

    class MultiOutputMixin:
        """Tags of an estimator with several targets."""

else:
    from sklearn.base import (
        BaseEstimator,
        ClassifierMixin,
        ClassNamePrefixFeaturesOutMixin,
        ClusterMixin,
        MultiOutputMixin,
        RegressorMixin,
        TransformerMixin,
    )

__all__ = [
    "BaseEstimator",
    "ClassNamePrefixFeaturesOutMixin",
    "ClassifierMixin",
    "ClusterMixin",
    "MultiOutputMixin",
    "RegressorMixin",
    "TransformerMixin",
]
