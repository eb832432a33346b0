"""Clustering: k-means, and plots that help to choose how many clusters there are."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

# Loaded when first used, so that the names alone cost nothing: scikit-learn takes a second to import.
_WHERE = {"ElbowDisplay": "_displays", "KMeans": "_kmeans", "SilhouetteDisplay": "_displays"}
__all__ = ["ElbowDisplay", "KMeans", "SilhouetteDisplay"]

if TYPE_CHECKING:
    from ._displays import ElbowDisplay as ElbowDisplay
    from ._displays import SilhouetteDisplay as SilhouetteDisplay
    from ._kmeans import KMeans as KMeans


def __getattr__(name: str) -> object:
    if name in _WHERE:
        return getattr(import_module(f".{_WHERE[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
