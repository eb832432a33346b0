"""A search for all rows within a radius: rows that are held are walked past, others are counted and then gathered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from shardlearn.core.block import Block, join
from shardlearn.core.matrix import Array, Ints, Matrix, concat_rows, slice_rows
from shardlearn.core.query import Query
from shardlearn.kernels import Tree
from shardlearn.statistics.distances import Metric
from shardlearn.statistics.within import Balls, CountWithin, Inside, RowsWithin, pair_bytes, part_of

from ._base import PIECE, Base, Held
from ._gathered import Gathering, Nearby
from ._search import SHARE, Fold, beside, piece_within

ROOM = 512 * 1024 * 1024  # bytes of pairs that are held together, where no limit says less
GROWTH, SPARE = 8, 4  # how much more is asked at once than before, and may be found than before
COPIES = 4  # of a pair, while pairs are put in order


@dataclass(frozen=True, eq=False, slots=True)
class Around:
    """What is asked of the base for every row, and what is made of it."""

    base: Base
    radius: float
    metric: Metric
    outcome: Gathering
    alone: bool = False  # the rows are the base's own: none is its own neighbour
    classes: Array | None = None  # of the base's target, where it stands there as labels
    algorithm: str = "auto"
    piece: int = PIECE  # bytes of held rows that are looked at together
    tree: Tree | None = None  # of the held rows
    room: int = ROOM
    limited: bool = False  # there must not be more

    def __call__(self, block: Block, /) -> Block:
        """Past rows that are held."""
        assert isinstance(self.base, Held)
        parts: list[Block] = []
        size, start = self._most(self.base.rows), 0
        if self.limited and block.n > size:
            ranges = stretches(self._counted(block.X), self._most(1))
            return reduce(join, [self.made(part, self._found(part.X)) for part in (block.slice(*r) for r in ranges)])
        while not parts or start < block.n:  # as many as find room if they have as many neighbours as those before
            part = block.slice(start, min(start + size, block.n))
            balls = self._found(part.X)
            parts.append(self.made(part, balls))
            start, size = start + size, min(GROWTH * size, self._most(SPARE * len(balls.id) // max(part.n, 1)))
        return reduce(join, parts)

    def within_memory(self, engine: Any, queries: int) -> Around:
        """In pieces that fit, or with a tree where one pays."""
        room = ROOM if engine.memory is None else min(ROOM, max(engine.memory // (SHARE * engine.workers), 1))
        limited = engine.memory is not None
        if not isinstance(self.base, Held):
            return replace(self, room=room, limited=limited)
        tree = self.base.tree(self.algorithm, self.metric, queries, engine.memory)
        return replace(self, base=self.base.alone(), piece=piece_within(engine), tree=tree, room=room, limited=limited)

    def asked(self, queries: Matrix) -> CountWithin:
        return CountWithin(queries, self.metric.reach(self.radius, queries.shape[1]), self.metric)

    def gathered(self, queries: Matrix, pairs: int) -> RowsWithin:
        """What is asked when it is known how many pairs there are, at most."""
        limit = self.metric.reach(self.radius, queries.shape[1])
        return RowsWithin(queries, limit, self.metric, pairs, self.outcome.targets)

    def one_batch(self, blocks: Sequence[Block], fold: Fold) -> Iterator[Block]:
        """Two passes: pairs are counted, and gathered, as many of them together as there is room for."""
        X = concat_rows([block.X for block in blocks])
        counts: Ints = fold(Query(self.asked(X), beside=beside(self, *X.shape)))
        n, firsts = len(counts), np.cumsum([0, *(block.n for block in blocks)]).tolist()
        for start, stop in stretches(counts, self._most(1)) or [(0, 0)]:
            query = self.gathered(slice_rows(X, start, stop), int(counts[start:stop].sum(dtype=np.int64)))
            inside: Inside = fold(Query(query, beside=beside(self, stop - start, X.shape[1])))
            balls = inside.lists(stop - start, self.outcome.targets)
            for block, first in zip(blocks, firsts[:-1], strict=True):
                low, high = max(start, first), min(stop, first + block.n)
                if low < high or (not block.n and start <= first < stop + (stop == n)):
                    yield self.made(block.slice(low - first, high - first), some(balls, low - start, high - start))

    def made(self, block: Block, balls: Balls) -> Block:
        """The outcome for rows around which all that may be near is found."""
        row = np.repeat(np.arange(block.n), np.diff(balls.starts))
        distance = self.metric.distance(balls.key, block.p)
        near = distance <= self.radius
        if self.alone:
            own = block.row_ids()
            if isinstance(self.base, Held) and self.base.ids is not None:
                own = self.base.ids[own]
            near &= balls.id != own[row]
        target = None if balls.target is None else balls.target[near]
        row = row[near]
        counts = np.bincount(row, minlength=block.n)
        return self.outcome.answered(block, Nearby(row, counts, distance[near], balls.id[near], target))

    def values(self, block: Block, /) -> Any:
        return self.outcome.values(block)

    def columns(self, block: Block, /) -> Mapping[str, Array]:
        return self.outcome.columns(block)

    def _most(self, rows: int) -> int:
        """How many queries there is room for that have so many neighbours."""
        return max(self.room // (COPIES * pair_bytes(self.outcome.targets) * max(rows, 1)), 1)

    def _counted(self, X: Matrix) -> Ints:
        assert isinstance(self.base, Held)
        asked = self.asked(X)
        counts = np.zeros(X.shape[0], np.int64)
        if self.tree is not None:
            self.metric.within_tree(self.tree, asked.packed, asked.limit, counts)
            return counts
        for rows in self.base.blocks(self.piece):
            counts = asked.add(counts, rows)
        return counts

    def _found(self, X: Matrix) -> Balls:
        assert isinstance(self.base, Held)
        asked = self.gathered(X, 0)
        if self.tree is not None:
            whole = Block(self.base.X, self.base.y, None, 0, self.base.ids)
            pairs = self.metric.within_tree(self.tree, asked.packed, asked.limit)
            inside = Inside((part_of(pairs, whole, asked.targets),))
        else:
            inside = reduce(asked.merge, (asked.of(rows) for rows in self.base.blocks(self.piece)), Inside(()))
        return inside.lists(X.shape[0], asked.targets)


def stretches(counts: Ints, pairs: int) -> list[tuple[int, int]]:
    """Neighbouring queries with about so many pairs together at most; one at least."""
    ends = np.cumsum(counts)
    out, start, n = [], 0, len(counts)
    while start < n:
        before = int(ends[start - 1]) if start else 0
        stop = max(int(np.searchsorted(ends, before + pairs, side="right")), start + 1)
        out.append((start, stop))
        start = stop
    return out


def some(balls: Balls, start: int, stop: int) -> Balls:
    """Those of some of the queries."""
    pairs = slice(int(balls.starts[start]), int(balls.starts[stop]))
    target = None if balls.target is None else balls.target[pairs]
    return Balls(balls.starts[start : stop + 1] - pairs.start, balls.key[pairs], balls.id[pairs], target)
