"""When rows in memory are searched through a tree: the answer is the same, so measurements may decide."""

from __future__ import annotations

from typing import Any

import numpy as np

from shardlearn.core.matrix import Array, Ints
from shardlearn.kernels import Neighbors, Tree
from shardlearn.statistics.distances import SQUARES, Metric

FEW_FEATURES = 10  # beyond, boxes exclude little
FEWEST_ROWS = 4_096
FEWEST_QUERIES = 1_000  # a tree takes about as long to make as so many queries take without one
PROBES, PROBED = 256, 16  # queries, and neighbours of each
MOST_SEEN = 0.08  # of the rows; where more are looked at, comparing all in float32 is sooner done
MOST_SEEN_BY_CHAINS = 0.15  # the same where all comparing is in float64
SHARE = 4  # a tree takes this part of the memory limit, at most


def most_seen(metric: Metric) -> float:
    """The part of the rows that may be looked at."""
    return MOST_SEEN if metric.name in SQUARES else MOST_SEEN_BY_CHAINS


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
        if algorithm != "kd_tree" and self._share(metric, rows[0]) > most_seen(metric):
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
