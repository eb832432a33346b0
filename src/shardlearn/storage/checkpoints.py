"""Checkpoints of a fit: one folder a step, the last few are kept, and a fit goes on from the newest that is whole."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shardlearn.core.errors import StorageError

from . import state as states
from .atomic import MANIFEST, read_folder, write_folder
from .canonical import Json, damaged, dumps, loads

STEP = re.compile(r"step-(\d{8,})")
ABSENT = "SL5103"  # a step whose save was cut off


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """States of one fit under a folder.

    `identity` says in words what must not change when it goes on: class, parameters, seed, stamp of the data.
    """

    folder: Path
    identity: Mapping[str, str]
    keep: int = 2

    def save(self, state: object) -> None:
        """One more step; then steps before the last few are removed."""
        steps = self._steps()
        path = self.folder / f"step-{steps[-1] + 1 if steps else 0:08d}"
        same: dict[str, Json] = dict(self.identity)
        write_folder(path, "checkpoint", states.to_files(state) | {"identity.json": dumps(same)}, overwrite=False)
        for step in steps[: len(steps) + 1 - self.keep]:
            _remove(self.folder / f"step-{step:08d}")

    def newest(self) -> Any | None:
        """The state of the newest whole step; None where there is none yet.

        A damaged step is named in a warning, and the one before it is taken. A step of another fit is refused.
        """
        broken: StorageError | None = None
        for step in reversed(self._steps()):
            path = self.folder / f"step-{step:08d}"
            try:
                return self._read(path)
            except StorageError as error:
                if error.code == ABSENT:
                    continue
                if error.code == "SL5111":
                    raise
                warnings.warn(f"{path} can't be used, an earlier step is tried: {error}", stacklevel=2)
                broken = broken or error
        if broken is not None:
            raise broken
        return None

    def _read(self, path: Path) -> Any:
        files = read_folder(path, "checkpoint")
        found = loads(files.pop("identity.json", b""), str(path))
        if not isinstance(found, dict):
            raise damaged(str(path), "no identity", "SL5108")
        changed = sorted(name for name in found.keys() | self.identity if found.get(name) != self.identity.get(name))
        if changed:
            raise StorageError(
                "The checkpoint belongs to another fit.",
                code="SL5111",
                where=str(path),
                found="changed since: " + ", ".join(changed),
                needed="the same data, parameters and release of shardlearn",
                fix="undo the change, or name another folder to start anew",
            )
        return states.from_files(files, str(path))

    def _steps(self) -> list[int]:
        """Numbers of the steps that are there, ascending, whole or not."""
        names = os.listdir(self.folder) if self.folder.is_dir() else []
        return sorted(int(found[1]) for name in names if (found := STEP.fullmatch(name)))


def _remove(path: Path) -> None:
    """The manifest first: what is left by a kill in between is a step whose save was cut off."""
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(path), key=lambda name: name != MANIFEST):
            os.unlink(path / name)
        os.rmdir(path)
