"""A wish to stop after the round that runs: the command line's first Ctrl-C, or a notebook's button."""

from __future__ import annotations

from threading import Event

_asked = Event()


def request() -> None:
    """Stop every running fit at the end of its round."""
    _asked.set()


def requested() -> bool:
    """Whether somebody asked."""
    return _asked.is_set()


def clear() -> None:
    """Forget it, before the next fit."""
    _asked.clear()
