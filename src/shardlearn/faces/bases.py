"""scikit-learn's base classes, with the few types that are used of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

from sklearn.utils._set_output import _wrap_data_with_container

from .predictions import Predictions

FRAMED = ("transform", "fit_transform")


def framed(method: Callable[..., Any]) -> Callable[..., Any]:
    """What is in memory as the frame that `set_output` asks for; `Predictions` as they are, whatever it asks for."""

    @wraps(method)
    def answer(self: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        out = method(self, X, *args, **kwargs)
        return out if isinstance(out, Predictions) else _wrap_data_with_container("transform", out, X, self)

    return answer


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
        """Tags of a transformer, `set_output` for what is in memory."""

    class ClassNamePrefixFeaturesOutMixin:
        """Names of what `transform` answers: the class's name and a number."""

    class MultiOutputMixin:
        """Tags of an estimator with several targets."""

else:
    from sklearn import base
    from sklearn.base import (
        BaseEstimator,
        ClassifierMixin,
        ClassNamePrefixFeaturesOutMixin,
        ClusterMixin,
        MultiOutputMixin,
        RegressorMixin,
    )

    class TransformerMixin(base.TransformerMixin):
        """scikit-learn's, which wraps methods so that they answer with frames; what streams has no frame."""

        def __init_subclass__(cls, **options):
            own = {name: vars(cls)[name] for name in FRAMED if name in vars(cls)}
            super().__init_subclass__(**options)
            for name, method in own.items():
                setattr(cls, name, framed(method))


__all__ = [
    "BaseEstimator",
    "ClassNamePrefixFeaturesOutMixin",
    "ClassifierMixin",
    "ClusterMixin",
    "MultiOutputMixin",
    "RegressorMixin",
    "TransformerMixin",
]
