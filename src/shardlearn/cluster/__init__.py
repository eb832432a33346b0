"""Clustering: k-means and its kin, and plots that help to choose how many clusters there are."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

# Loaded when first used, so that the names alone cost nothing: scikit-learn takes a second to import.
_WHERE = {
    "BisectingKMeans": "_bisecting",
    "ElbowDisplay": "_displays",
    "KMeans": "_kmeans",
    "MiniBatchKMeans": "_mini_batch",
    "SilhouetteDisplay": "_displays",
}
__all__ = ["BisectingKMeans", "ElbowDisplay", "KMeans", "MiniBatchKMeans", "SilhouetteDisplay"]

if TYPE_CHECKING:
    from ._bisecting import BisectingKMeans as BisectingKMeans
    from ._displays import ElbowDisplay as ElbowDisplay
    from ._displays import SilhouetteDisplay as SilhouetteDisplay
    from ._kmeans import KMeans as KMeans
    from ._mini_batch import MiniBatchKMeans as MiniBatchKMeans


def __getattr__(name: str) -> object:
    if name in _WHERE:
        return getattr(import_module(f".{_WHERE[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
