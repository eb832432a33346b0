"""Linear models: least squares, ridge, logistic regression."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

# Loaded when first used, so that the names alone cost nothing: scikit-learn takes a second to import.
_WHERE = {"LinearRegression": "_least_squares", "LogisticRegression": "_logistic", "Ridge": "_least_squares"}
__all__ = ["LinearRegression", "LogisticRegression", "Ridge"]

if TYPE_CHECKING:
    from ._least_squares import LinearRegression as LinearRegression
    from ._least_squares import Ridge as Ridge
    from ._logistic import LogisticRegression as LogisticRegression


def __getattr__(name: str) -> object:
    if name in _WHERE:
        return getattr(import_module(f".{_WHERE[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
