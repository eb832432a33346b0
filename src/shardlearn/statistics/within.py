"""All rows within a radius of each query: first how many there are, then which."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.matrix import Array, Floats, Ints, Matrix
from shardlearn.kernels import Pairs

from .distances import Metric, Queries
from .gradient import wanted


@dataclass(frozen=True)
class CountWithin:
    """How many rows there are of keys not above a limit; blocks are rows of the base, queries stand in the question."""

    queries: Matrix  # (m, p)
    limit: float
    metric: Metric
    exact: ClassVar[bool] = True

    @cached_property
    def packed(self) -> Queries:
        """Made once in each process."""
        return self.metric.packed(self.queries)

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def of(self, block: Block, /) -> Ints:
        return self.add(np.zeros(self.queries.shape[0], np.int64), block)

    def add(self, into: Ints, block: Block, /) -> Ints:
        if block.n:
            for _ in self.metric.within(block.X, block.row_ids(), self.packed, self.limit, into):
                pass
        return into

    def merge(self, left: Ints, right: Ints, /) -> Ints:
        left += right
        return left

    def bytes(self) -> int:
        return 8 * int(self.queries.shape[0])


@dataclass(frozen=True, slots=True)
class Part:
    """Pairs of queries and rows, in any order."""

    point: NDArray[np.int32]  # (h,) which query
    key: Floats  # (h,)
    id: Ints  # (h,)
    target: Array | None  # (h,) or (h, t): y of the rows


@dataclass(frozen=True, slots=True)
class Inside:
    """Pairs by block; they are put in order once, at the end."""

    parts: tuple[Part, ...]

    def lists(self, queries: int, targets: tuple[int, ...] | None) -> Balls:
        """The pairs of each query, by (key, row id)."""
        none = Part(np.zeros(0, np.int32), np.zeros(0), np.zeros(0, np.int64), None)
        point, key, id_ = (
            np.concatenate([getattr(one, name) for one in (none, *self.parts)]) for name in ("point", "key", "id")
        )
        starts, order = kernels.sorted_lists(Pairs(point, key, id_), queries)
        target = None
        if targets is not None:
            given = [part.target for part in self.parts if part.target is not None]
            target = np.concatenate([np.zeros((0, *targets)), *given])[order]
        return Balls(starts, key[order], id_[order], target)


@dataclass(frozen=True, slots=True)
class Balls:
    """Of each of m queries all rows that are near, by (key, row id): those of query j from starts[j] on."""

    starts: Ints  # (m + 1,)
    key: Floats  # (h,)
    id: Ints  # (h,)
    target: Array | None  # (h,) or (h, t)


@dataclass(frozen=True)
class RowsWithin:
    """The rows that `CountWithin` counts, with what belongs to them."""

    queries: Matrix  # (m, p)
    limit: float
    metric: Metric
    pairs: int  # as many as there are, at most
    targets: tuple[int, ...] | None = None  # shape of a row's y, where y of the neighbours is wanted
    exact: ClassVar[bool] = False
    gathers: ClassVar[bool] = True

    @cached_property
    def packed(self) -> Queries:
        """Made once in each process."""
        return self.metric.packed(self.queries)

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def of(self, block: Block, /) -> Inside:
        if not block.n:
            return Inside(())
        found = self.metric.within(block.X, block.row_ids(), self.packed, self.limit)
        return Inside(tuple(part_of(pairs, block, self.targets) for pairs in found if len(pairs.id)))

    def merge(self, left: Inside, right: Inside, /) -> Inside:
        return Inside(left.parts + right.parts)

    def bytes(self) -> int:
        return pair_bytes(self.targets) * self.pairs


def part_of(pairs: Pairs, block: Block, targets: tuple[int, ...] | None) -> Part:
    """Pairs with the targets of their rows, which are of this block."""
    target = None
    if targets is not None:
        target = wanted(block.y)[np.searchsorted(block.row_ids(), pairs.id)]
    return Part(pairs.point, pairs.square, pairs.id, target)


def pair_bytes(targets: tuple[int, ...] | None) -> int:
    """Bytes of a pair."""
    return 20 + (0 if targets is None else 8 * int(np.prod(targets)))
