"""Whether anybody still wants what is being computed: what takes long on one block asks between its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

Stop: TypeAlias = Callable[[], bool]


class Stopped(Exception):  # noqa: N818 - no error: the attempt was cancelled, and noticed it
    """The attempt was cancelled."""


_STOP: ContextVar[Stop] = ContextVar("shardlearn_stop", default=lambda: False)


@contextmanager
def stoppable(stop: Stop) -> Iterator[None]:
    """What is computed in here asks this one."""
    token = _STOP.set(stop)
    try:
        yield
    finally:
        _STOP.reset(token)


def still_wanted() -> None:
    """Raise `Stopped` where it is not."""
    if _STOP.get()():
        raise Stopped
