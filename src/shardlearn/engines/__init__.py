"""Engines: where blocks live, and who computes."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .context import current as current
    from .context import engine as engine
    from .context import set_engine as set_engine

__all__ = ["current", "engine", "set_engine"]


def __getattr__(name: str) -> object:
    """Load the engines when one is asked for (PEP 562): their parts, such as the policy, stand on less."""
    if name in __all__:
        return getattr(import_module(".context", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
