"""A k-d tree: finds what comparing all rows finds, to the bit, and looks at few of them where features are few."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shardlearn import _native
from shardlearn.core.matrix import Array, Floats, Ints

from .distances import Measure
from .points import Neighbors, Pairs

LEAF = 32  # rows of a leaf, at most
BRANCHES = 8


@dataclass(frozen=True, eq=False, slots=True)
class Tree:
    """Rows in leaves, and boxes around them."""

    boxes: Floats  # (groups, p, 2, 8)
    leaves: Floats  # (leaves, p, 32)
    ids: Ints  # (n,) in the order of the leaves

    @classmethod
    def of(cls, X: Array, ids: Ints) -> Tree:
        """Halves rows at medians by (value, position), so it is a function of the rows."""
        n, p = X.shape
        order = np.empty(n, np.int64)
        boxes = np.empty((_native.tree_groups(n), p, 2, BRANCHES))
        leaves = np.empty((_native.tree_leaves(n), p, LEAF))
        _native.plant(X, p, boxes, leaves, order)
        return cls(boxes, leaves, ids[order])

    @staticmethod
    def bytes(n: int, p: int) -> int:
        """What a tree of n rows takes, and what it takes to make it."""
        return 8 * (_native.tree_groups(n) * 2 * BRANCHES * p + _native.tree_leaves(n) * LEAF * p + n * (2 * p + 4))

    def nearest(self, points: Floats, measure: Measure, power: float, into: Neighbors) -> int:
        """Joins the rows to what was found among others; says how many were compared with points."""
        return _native.tree_nearest(
            self.boxes, self.leaves, self.ids, points, int(measure), power, into.square, into.id
        )

    def within(self, points: Floats, measure: Measure, power: float, limit: float, counts: Ints | None = None) -> Pairs:
        """Rows whose key is not above the limit; with `counts` (m,) they are only counted, and added there."""
        return Pairs(
            *_native.tree_within(self.boxes, self.leaves, self.ids, points, int(measure), power, limit, counts)
        )
