"""Several statistics of the same rows on one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shardlearn.core.block import Block
from shardlearn.core.statistic import Statistic, is_running

Answers = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """Each answers for itself; where all of them are exact, the pass may walk in any order."""

    parts: tuple[Statistic[Any], ...]

    @property
    def exact(self) -> bool:
        return all(part.exact for part in self.parts)

    def of(self, block: Block, /) -> Answers:
        return tuple(part.of(block) for part in self.parts)

    def add(self, into: Answers, block: Block, /) -> Answers:
        return tuple(
            part.add(left, block) if is_running(part) else part.merge(left, part.of(block))
            for part, left in zip(self.parts, into, strict=True)
        )

    def merge(self, left: Answers, right: Answers, /) -> Answers:
        return tuple(part.merge(a, b) for part, a, b in zip(self.parts, left, right, strict=True))

    def bytes(self) -> int:
        return sum(part.bytes() for part in self.parts)
