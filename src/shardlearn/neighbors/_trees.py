"""When rows in memory are searched through a tree: the answer is the same, so measurements may decide."""

from __future__ import annotations

from typing import Any

import numpy as np

from shardlearn.core.matrix import Array, Ints
from shardlearn.kernels import Neighbors, Tree
from shardlearn.statistics.distances import Metric

FEW_FEATURES = 16  # beyond, boxes exclude nothing
FEWEST_ROWS = 4_096
FEWEST_QUERIES = 500  # a tree takes about as long to make as so many queries take without one
PROBES, PROBED, MOST_SEEN = 256, 16, 0.15  # queries, neighbours of each, and the part of the rows that may be looked at
SHARE = 4  # a tree takes this part of the memory limit, at most


class Trees:
    """What a model knows of the tree of its rows: made when enough was asked, dropped where it does not help."""

    def __init__(self) -> None:
        self.tree: Tree | None = None
        self.asked = 0
        self.seen: dict[Metric, float] = {}  # the part of the rows that probes looked at

    def __reduce__(self) -> tuple[Any, ...]:
        return Trees, ()  # it is made again sooner than sent

    def where_it_pays(
        self, algorithm: str, metric: Metric, rows: tuple[Array, Ints], queries: int, memory: int | None
    ) -> Tree | None:
        """The tree, if one can be asked, and answers sooner than all rows would."""
        n, p = rows[0].shape
        if algorithm == "brute" or not metric.grows or n == 0 or p == 0:
            return None
        if memory is not None and Tree.bytes(n, p) > memory // SHARE:
            return None
        self.asked += queries
        if algorithm != "kd_tree" and (p > FEW_FEATURES or n < FEWEST_ROWS or self.asked < FEWEST_QUERIES):
            return None
        if self.tree is None:
            self.tree = Tree.of(*rows)
        if algorithm != "kd_tree" and self._share(metric, rows[0]) > MOST_SEEN:
            return None
        return self.tree

    def _share(self, metric: Metric, X: Array) -> float:
        """The part of the rows that a few of them look at as queries."""
        if metric not in self.seen:
            assert self.tree is not None
            some = X[np.linspace(0, len(X) - 1, PROBES).astype(np.int64)]
            seen = metric.search_tree(self.tree, metric.packed(some), Neighbors.none(PROBES, PROBED))
            self.seen[metric] = seen / (PROBES * len(X))
        return self.seen[metric]
