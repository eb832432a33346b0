"""Notices that are given once, by whichever reader comes first."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from shardlearn.core.events import Emit, Notice


class Said:
    """What was said already, in this process."""

    def __init__(self, done: bool = False) -> None:
        self._done, self._lock = done, Lock()

    def __reduce__(self) -> tuple[type[Said], tuple[bool]]:
        return Said, (True,)  # a copy in another process says nothing

    def once(self, notices: Sequence[str], emit: Emit) -> None:
        """Emit the notices, unless that was done."""
        with self._lock:
            done, self._done = self._done, True
        for text in () if done else notices:
            emit(Notice(text))
