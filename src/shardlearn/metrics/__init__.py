"""Metrics of predictions that stream past: exact sums, so the same bits however the rows are cut; and silhouettes."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .classification import Classification, ClassScores
from .regression import Regression, RegressionScores

# Loaded when first used: they need engines, and scikit-learn.
_WHERE = {"Silhouettes": "silhouette", "silhouette_samples": "silhouette", "silhouette_score": "silhouette"}
__all__ = ["ClassScores", "Classification", "Regression", "RegressionScores", *sorted(_WHERE)]

if TYPE_CHECKING:
    from .silhouette import Silhouettes as Silhouettes
    from .silhouette import silhouette_samples as silhouette_samples
    from .silhouette import silhouette_score as silhouette_score


def __getattr__(name: str) -> object:
    if name in _WHERE:
        return getattr(import_module(f".{_WHERE[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
