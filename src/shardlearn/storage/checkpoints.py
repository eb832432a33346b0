"""Checkpoints of a fit: one folder a step, the last few are kept, and a fit goes on from the newest that is whole."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shardlearn.core.errors import StorageError

from . import state as states
from .canonical import Json, damaged, dumps, loads
from .places import Place

STEP = re.compile(r"step-(\d{8,})")
ABSENT = "SL5103"  # a step whose save was cut off
SHOWN, LONGEST = 5, 60


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """States of one fit under a folder.

    `identity` says in words what must not change when it goes on: class, parameters, seed, stamp of the data. None
    takes whatever fit it is, to look at.
    """

    place: Place
    identity: Mapping[str, str] | None
    keep: int = 2

    def save(self, state: object) -> None:
        """One more step; then steps before the last few are removed. What was there before is there if it fails."""
        steps = self._steps()
        step = self.place.inside(f"step-{steps[-1] + 1 if steps else 0:08d}")
        same: dict[str, Json] = dict(self.identity or {})
        files = states.to_files(state) | {"identity.json": dumps(same)}
        try:
            step.write("checkpoint", files)
        except StorageError as error:
            if error.__cause__ is not None:  # the system's: on a full disk, half a step is in the way of the next
                step.remove()
            raise
        for old in steps[: len(steps) + 1 - self.keep]:
            self.place.inside(f"step-{old:08d}").remove()

    def newest(self) -> Any | None:
        """The state of the newest whole step; None where there is none yet.

        A damaged step is named in a warning, and the one before it is taken. A step of another fit is refused.
        """
        broken: StorageError | None = None
        for step in reversed(self._steps()):
            place = self.place.inside(f"step-{step:08d}")
            try:
                return self._read(place)
            except StorageError as error:
                if error.code == ABSENT:
                    continue
                if error.code == "SL5111":
                    raise
                warnings.warn(f"{place} can't be used, an earlier step is tried: {error}", stacklevel=2)
                broken = broken or error
        if broken is not None:
            raise broken
        return None

    def _read(self, place: Place) -> Any:
        files = place.read("checkpoint")
        found = loads(files.pop("identity.json", b""), str(place))
        if not isinstance(found, dict):
            raise damaged(str(place), "no identity", "SL5108")
        if self.identity is not None and found != self.identity:
            raise _another(place, found, self.identity)
        return states.from_files(files, str(place))

    def _steps(self) -> list[int]:
        """Numbers of the steps that are there, ascending, whole or not."""
        return sorted(int(found[1]) for name in self.place.names() if (found := STEP.fullmatch(name)))


def _another(place: Place, then: Mapping[str, Json], now: Mapping[str, str]) -> StorageError:
    changed = sorted(name for name in then.keys() | now if then.get(name) != now.get(name))
    shown = [f"{name}: {_short(then.get(name))} then, {_short(now.get(name))} now" for name in changed[:SHOWN]]
    more = [f"and {len(changed) - SHOWN} more"] if len(changed) > SHOWN else []
    return StorageError(
        "The checkpoint belongs to another fit.",
        code="SL5111",
        where=str(place),
        found="; ".join([*shown, *more]),
        needed="the same data, parameters and release of shardlearn",
        fix="undo the change, or name another folder to start anew",
    )


def _short(value: Json) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."
