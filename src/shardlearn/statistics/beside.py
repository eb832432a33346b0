"""Several statistics of the same rows on one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shardlearn.core.block import Block
from shardlearn.core.statistic import Statistic, is_cut, is_running

Answers = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """Each answers for itself; where all of them are exact, the pass may walk in any order.

    Cut as the one with most parts is; where another has no more parts it has None, and one that can't be cut is
    in the first part as a whole.
    """

    each: tuple[Statistic[Any], ...]

    @property
    def exact(self) -> bool:
        return all(one.exact for one in self.each)

    def of(self, block: Block, /) -> Answers:
        return tuple(one.of(block) for one in self.each)

    def add(self, into: Answers, block: Block, /) -> Answers:
        return tuple(
            one.add(left, block) if is_running(one) else one.merge(left, one.of(block))
            for one, left in zip(self.each, into, strict=True)
        )

    def merge(self, left: Answers, right: Answers, /) -> Answers:
        return tuple(None if a is None else one.merge(a, b) for one, a, b in zip(self.each, left, right, strict=True))

    def bytes(self) -> int:
        return sum(one.bytes() for one in self.each)

    @property
    def parts(self) -> int:
        return max(map(_parts, self.each))

    def part(self, answer: Answers, i: int, /) -> Answers:
        return tuple(_part(one, own, i) for one, own in zip(self.each, answer, strict=True))

    def join(self, results: Sequence[Answers], /) -> Answers:
        columns = zip(self.each, zip(*results, strict=True), strict=True)
        return tuple(one.join(own[: one.parts]) if is_cut(one) else own[0] for one, own in columns)


def _parts(one: Statistic[Any]) -> int:
    return one.parts if is_cut(one) else 1


def _part(one: Statistic[Any], answer: Any, i: int) -> Any:
    if i >= _parts(one):
        return None
    return one.part(answer, i) if is_cut(one) else answer
