"""The k nearest rows of each query: exact, so found in any order and walked in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.matrix import Array, Floats, Ints, Matrix
from shardlearn.kernels import Neighbors

from .distances import Metric, Queries
from .gradient import wanted
from .parts import parts_of


@dataclass(frozen=True, slots=True)
class Found:
    """Of each of m queries the k nearest rows, by (key, row id); where there are fewer: inf, and the largest id."""

    key: Floats  # (m, k) grows with the distance; `Metric.distance`
    id: Ints  # (m, k)
    target: Floats | None  # (m, k) or (m, k, t): y of these rows

    @property
    def lists(self) -> Neighbors:
        """The same arrays, as kernels take them."""
        return Neighbors(self.key, self.id)


@dataclass(frozen=True)
class NearestRows:
    """Blocks are rows of the base; queries stand in the question."""

    queries: Matrix  # (m, p)
    k: int
    metric: Metric
    targets: tuple[int, ...] | None = None  # shape of a row's y, where y of the neighbours is wanted
    exact: ClassVar[bool] = True

    @cached_property
    def packed(self) -> Queries:
        """Made once in each process."""
        return self.metric.packed(self.queries)

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def of(self, block: Block, /) -> Found:
        return self.add(self.nothing(), block)

    def nothing(self) -> Found:
        """No neighbours yet."""
        m = self.queries.shape[0]
        none = Neighbors.none(m, self.k)
        return Found(none.square, none.id, None if self.targets is None else np.zeros((m, self.k, *self.targets)))

    def add(self, into: Found, block: Block, /) -> Found:
        if not block.n:
            return into
        ids = block.row_ids()
        self.metric.search(block.X, ids, self.packed, into.lists)
        if into.target is not None:
            take_targets(into.target, into.id, ids, wanted(block.y))
        return into

    def merge(self, left: Found, right: Found, /) -> Found:
        origin = kernels.join_nearest(left.lists, right.lists)
        if left.target is not None and right.target is not None:
            both = np.concatenate([left.target, right.target], axis=1)
            left.target[...] = both[np.arange(len(both))[:, None], origin]
        return left

    def bytes(self) -> int:
        values = 0 if self.targets is None else 8 * int(np.prod(self.targets))
        m: int = self.queries.shape[0]
        return m * self.k * (16 + 4 + 3 * values)  # a merge holds both sides' values once more

    @property
    def parts(self) -> int:
        return parts_of(self.bytes())

    def part(self, answer: Found, i: int, /) -> Found:
        """Some of the queries."""
        m = len(answer.key)
        some = slice(m * i // self.parts, m * (i + 1) // self.parts)
        return Found(answer.key[some], answer.id[some], None if answer.target is None else answer.target[some])

    def join(self, results: Sequence[Found], /) -> Found:
        target = None if self.targets is None else np.concatenate([part.target for part in results])
        return Found(
            np.concatenate([part.key for part in results]), np.concatenate([part.id for part in results]), target
        )


def take_targets(target: Array, found: Ints, ids: Ints, y: Array) -> None:
    """Bring the targets up to date with lists to which the rows `ids` (ascending) were joined.

    What was there before and still is stands first in its old order: so it is the beginning of the old list.
    """
    new = (found >= ids[0]) & (found <= ids[-1])
    kept = np.count_nonzero(~new, axis=1)
    old = target[np.arange(found.shape[1]) < kept[:, None]]
    target[~new] = old
    target[new] = y[np.searchsorted(ids, found[new])]
