"""One step of mini-batch k-means (Sculley 2010): rows of a batch go to their centres, and centres to their means.

A centre is the mean of all rows that ever went to it (running_means.py). One that has had few of them for its share is
taken away and put on a row of the batch, as in scikit-learn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.matrix import Floats, to_dense
from shardlearn.statistics.clusters import layers_of, whole
from shardlearn.statistics.seeding import Drawn, Spans

from .clusters import Clusters, units
from .running_means import Running

LOOKS = 10  # rows a cluster after which small clusters are looked for
STREAM = 1 << 31  # of draws among the rows of a batch: far from those of first centres


@dataclass(frozen=True, slots=True)
class Learned:
    """What batches have taught so far."""

    centers: Floats  # (k, p)
    running: Running
    steps: int = 0
    waiting: int = 0  # rows since small clusters were last looked for
    mean: float = 0.0  # squared distance of the last batch's rows from their centres, before these moved
    weight: float = 0.0  # of the last batch
    shift: float = 0.0  # sum |dc|^2 of the last step

    @classmethod
    def at(cls, centers: Floats) -> Learned:
        """Centres that no row has gone to."""
        return cls(centers, Running.none(*centers.shape))


def stepped(problem: Clusters, then: Learned, batch: Block, ratio: float) -> Learned:
    """After one more batch; `ratio` of the largest cluster's weight is small."""
    waiting = then.waiting + batch.n
    look = bool((then.running.counts == 0).any()) or waiting >= LOOKS * problem.k
    now = replace(then, steps=then.steps + 1, waiting=0 if look else waiting, weight=0.0, shift=0.0)
    rows = batch if batch.weight is None else batch.take(np.flatnonzero(batch.weight > 0))
    if not rows.n:
        return now
    now = _moved(problem, now, rows)
    if look and ratio > 0:
        now = _reassigned(problem, now, rows, ratio)
    apart = (now.centers - then.centers).reshape(-1)
    return replace(now, shift=kernels.dot(apart, apart))


def _moved(problem: Clusters, now: Learned, rows: Block) -> Learned:
    """With each centre at the mean of all its rows."""
    label, square, *_ = kernels.nearest_center(rows.X, problem.compared(now.centers), squares=True)
    assert square is not None
    unit = units(problem, Spans.of(rows.X, rows.weight))
    (k, p), layers = now.centers.shape, layers_of(unit.weights)
    sums, weights = np.zeros((layers, unit.scale.limbs, k, p), np.int64), np.zeros((layers, k), np.int64)
    moves = kernels.Moves(label, None, whole(rows.weight, unit.weights, rows.n))
    total = float(unit.weighing(kernels.cluster_sums(rows.X, moves, unit.scale, sums, weights)))
    running, hit = now.running.added(sums, weights, unit), np.flatnonzero(weights.any(axis=0))
    centers = now.centers.copy()
    centers[hit] = running.means(hit)
    high, low = kernels.double_sum(square, rows.weight)
    return replace(now, centers=centers, running=running, weight=total, mean=(high + low) / total)


def _reassigned(problem: Clusters, now: Learned, rows: Block, ratio: float) -> Learned:
    """With small clusters at random rows of the batch, as if as many had come there as to the smallest other one."""
    counts = now.running.counts
    order = np.argsort(counts, kind="stable")[: min(len(counts) - 1, rows.n // 2)]
    small = np.sort(order[counts[order] < ratio * counts[np.argmax(counts)]])
    if not len(small):
        return now
    drawn = Drawn(problem.shape.features, len(small), problem.seed, STREAM + now.steps).of(rows)
    others = np.ones(len(counts), np.bool_)
    others[small] = False
    centers = now.centers.copy()
    centers[small] = placed = to_dense(drawn.X)
    return replace(now, centers=centers, running=now.running.placed(small, placed, float(counts[others].min())))
