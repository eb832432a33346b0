"""Engines: where blocks live, and who computes."""

from .context import current, engine, set_engine

__all__ = ["current", "engine", "set_engine"]
