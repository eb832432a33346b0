"""How far all rows are from a few of them, cluster by cluster: what silhouettes are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.matrix import Array, Floats, Ints, take_rows
from shardlearn.core.rows import positions

from .parts import parts_of, stretch, together
from .unit_rows import UNIT

Bools = NDArray[np.bool_]
AT_ONCE = 1 << 20  # distances that are held


@dataclass(slots=True)
class Distances:
    """Of m rows, to those of k clusters."""

    sums: Floats  # (m, k)
    counts: Ints  # (k,) rows of each cluster
    own: Ints  # (m,) the cluster of each of the m rows itself; -1: not met


@dataclass(frozen=True, slots=True)
class DistanceSums:
    """sum_(i in cluster c) |x_i - x_s| for every sampled row s: m distances a row. Targets are labels of clusters.

    With `aimless`, the sampled rows of zeros, all rows are of length one and distances are 1 - cosine: 1 where there is
    no direction.
    """

    ids: Ints  # (m,) of the sampled rows, ascending
    sample: kernels.Centers  # these rows
    labels: Array  # (k,) ascending
    aimless: Bools | None = None  # (m,)
    exact: ClassVar[bool] = False

    def of(self, block: Block, /) -> Distances:
        m, k = len(self.ids), len(self.labels)
        out = Distances(np.zeros((m, k)), np.zeros(k, np.int64), np.full(m, -1, np.int64))
        if not block.n:
            return out
        assert block.y is not None
        cluster = np.searchsorted(self.labels, block.y)
        out.counts[:] = np.bincount(cluster, minlength=k)
        ids = block.row_ids()
        met = positions(self.ids, ids)
        out.own[positions(ids[met], self.ids)] = cluster[met]
        zeros = block.extra.get(f"{UNIT}/none", np.zeros(block.n, bool))
        order, start, some = np.argsort(cluster, kind="stable"), 0, max(AT_ONCE // m, 1)
        for c in np.flatnonzero(out.counts):
            rows = order[start : start + out.counts[c]]
            for at in range(0, len(rows), some):
                now = rows[at : at + some]
                far = self._apart(kernels.center_squares(take_rows(block.X, now), self.sample), zeros[now])
                out.sums[:, c] += kernels.weighted_rows_sum(far, np.ones((len(far), 1)))[0]
            start += len(rows)
        return out

    def _apart(self, squares: Floats, zeros: Bools) -> Floats:
        """Distances of rows to the sampled ones."""
        if self.aimless is None:
            return np.sqrt(squares)
        return np.where(zeros[:, None] | self.aimless, 1.0, 0.5 * squares)

    def merge(self, left: Distances, right: Distances, /) -> Distances:
        left.sums += right.sums
        left.counts += right.counts
        return Distances(left.sums, left.counts, np.maximum(left.own, right.own))

    def bytes(self) -> int:
        return 8 * (len(self.ids) * (len(self.labels) + 1) + len(self.labels))

    @property
    def parts(self) -> int:
        return parts_of(self.bytes())

    def part(self, answer: Distances, i: int, /) -> Distances:
        sums = stretch(answer.sums, i, self.parts)
        return Distances(sums, answer.counts[:0], answer.own[:0]) if i else Distances(sums, answer.counts, answer.own)

    def join(self, results: Sequence[Distances], /) -> Distances:
        sums = together([one.sums for one in results], (len(self.ids), len(self.labels)))
        return Distances(sums, results[0].counts, results[0].own)
