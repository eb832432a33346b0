"""Nearest neighbours: exact, of rows in memory or on disk."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

# Loaded when first used, so that the names alone cost nothing: scikit-learn takes a second to import.
_WHERE = {
    "KNeighborsClassifier": "_classifier",
    "KNeighborsRegressor": "_regressor",
    "NearestNeighbors": "_nearest",
    "RadiusNeighborsClassifier": "_radius_classifier",
    "RadiusNeighborsRegressor": "_radius_regressor",
    "kneighbors_graph": "_graphs",
    "radius_neighbors_graph": "_graphs",
}
__all__ = [
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "NearestNeighbors",
    "RadiusNeighborsClassifier",
    "RadiusNeighborsRegressor",
    "kneighbors_graph",
    "radius_neighbors_graph",
]

if TYPE_CHECKING:
    from ._classifier import KNeighborsClassifier as KNeighborsClassifier
    from ._graphs import kneighbors_graph as kneighbors_graph
    from ._graphs import radius_neighbors_graph as radius_neighbors_graph
    from ._nearest import NearestNeighbors as NearestNeighbors
    from ._radius_classifier import RadiusNeighborsClassifier as RadiusNeighborsClassifier
    from ._radius_regressor import RadiusNeighborsRegressor as RadiusNeighborsRegressor
    from ._regressor import KNeighborsRegressor as KNeighborsRegressor


def __getattr__(name: str) -> object:
    if name in _WHERE:
        return getattr(import_module(f".{_WHERE[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
