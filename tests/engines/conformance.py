"""Failure scripts as data: what happens at the first, second, ... reading of a block."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag
from typing import Any

from tests.engines.fakes import ArrayBlocks

from shardlearn.core.block import Block
from shardlearn.core.engine import Footprint
from shardlearn.core.events import Emit
from shardlearn.core.grid import Grid

Script = Mapping[int, Sequence[str]]  # of a block: what its readings do, in order; after the last one, "ok"

SCRIPTS: dict[str, Script] = {
    "nothing": {},
    "one raises": {3: ["raise"]},
    "first and last raise": {0: ["raise"], 15: ["raise"]},
    "three times, then well": {5: ["raise", "raise", "raise"]},
    "three in every piece": {block: ["raise"] for block in (0, 1, 3, 4, 8, 12, 13, 14, 15)},
    "one hangs": {4: ["hang"]},
    "raises, hangs, well": {7: ["raise", "hang", "ok"]},
    "neighbours": {6: ["hang"], 7: ["raise", "raise"]},
}
DEADLY: dict[str, Script] = {  # for workers that are processes
    "one dies": {2: ["die"]},
    "all die once": {block: ["die"] for block in (0, 5, 10, 15)},
    "dies, raises, hangs": {9: ["die", "raise", "hang"]},
}

_RELEASED: dict[str, Flag] = {}


@dataclass(frozen=True)
class ScriptedBlocks:
    """Blocks that fail as they are told. How often each was read is kept in files, for all processes to see."""

    inner: ArrayBlocks
    script: Script
    folder: str
    error: type[BaseException] = OSError

    @property
    def grid(self) -> Grid:
        return self.inner.grid

    def read(self, numbers: Sequence[int], /, *, emit: Emit) -> Iterator[tuple[int, Block]]:
        for number, block in self.inner.read(numbers, emit=emit):
            self.act(number)
            yield number, block

    def act(self, number: int) -> None:
        with open(Path(self.folder) / str(number), "ab", buffering=0) as file:
            file.write(b".")
            times = file.tell()
        todo = self.script.get(number, ())
        match todo[times - 1] if times <= len(todo) else "ok":
            case "raise":
                raise self.error(f"block {number}, reading {times}")
            case "die":
                os._exit(7)
            case "hang":
                _RELEASED.setdefault(self.folder, Flag()).wait(60)

    def readings(self, number: int) -> int:
        path = Path(self.folder) / str(number)
        return path.stat().st_size if path.exists() else 0

    def fired_all(self) -> bool:
        """Whether every step of the script was reached."""
        return all(self.readings(number) >= len(steps) for number, steps in self.script.items())

    def release(self) -> None:
        """End what hangs in this process."""
        _RELEASED.setdefault(self.folder, Flag()).set()

    def cuts(self) -> Sequence[int]:
        return self.inner.cuts()

    def empty(self) -> Block:
        return self.inner.empty()

    def footprint(self) -> Footprint:
        return self.inner.footprint()

    def place(self, first: int, stop: int, /) -> str:
        return self.inner.place(first, stop)

    def stamp(self) -> str:
        return "scripted"


def equal(left: Any, right: Any) -> bool:
    """Whether two answers have the same bits."""
    return bool(left.dtype == right.dtype and left.tobytes() == right.tobytes())
