"""Sums of clusters on the driver, which lie as their centres do; and the means of them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from shardlearn import kernels
from shardlearn.core import fixed
from shardlearn.core.matrix import Csr, Floats, Ints, Matrix
from shardlearn.statistics.cells import Cells, CellSums, CellTable
from shardlearn.statistics.clusters import ClusterSums

from .clusters import Clusters, Units, directions

Sums: TypeAlias = Ints | CellTable  # (limbs, k, p), or for sparse rows (limbs, p, line)


def no_sums(shape: tuple[int, int], scale: fixed.Scale, sparse: bool) -> Sums:
    """Of no rows; `shape` is (k, p)."""
    k, p = shape
    return CellTable(k, kernels.no_line_sums(p, k, scale.limbs)) if sparse else np.zeros((scale.limbs, k, p), np.int64)


def sums_asked(problem: Clusters, units: Units) -> ClusterSums | CellSums:
    """What is asked of rows."""
    kind = CellSums if problem.shape.sparse else ClusterSums
    return kind(problem.k, problem.shape.features, units.scale, units.exponent)


def plus(sums: Sums, moved: Ints | Cells) -> Sums:
    if isinstance(sums, CellTable):
        assert isinstance(moved, Cells)
        return sums.plus(moved)
    assert not isinstance(moved, Cells)
    return sums + moved


def transferred(
    sums: Sums, weights: Ints, X: Matrix, moves: kernels.Moves, scale: fixed.Scale
) -> tuple[Sums, Ints, int]:
    """Sums and weights after some rows went from one cluster to another, and what these weigh together."""
    weights = weights.copy()
    if isinstance(sums, CellTable):
        assert isinstance(X, Csr)
        at, limbs, changed = kernels.moved_cells(X, moves.label, moves.before, moves.weight, scale, weights)
        return sums.plus(Cells(at, limbs)), weights, changed
    sums = sums.copy()
    return sums, weights, kernels.cluster_sums(X, moves, scale, sums, weights)


def points(rows: Matrix) -> Floats:
    """(k, p) centres of rows; they lie across where the rows are sparse."""
    if isinstance(rows, Csr):
        return kernels.points_across(kernels.lines_of(rows), rows.shape[0])
    return rows


def moved_means(sums: Sums, weights: Ints, centers: Floats, units: Units) -> tuple[Floats, float]:
    """(k, p) sums over weights, the old centre where there is no weight; of length one where units say so.

    And sum |dc|^2.
    """
    if isinstance(sums, CellTable):
        mean, squares = kernels.line_means(sums.limbs, weights, centers, units.scale)
        if units.unit:
            mean, squares = kernels.unit_lines(mean, weights, centers)
        return mean, kernels.dot(squares, np.ones(len(squares)))
    mean = kernels.cluster_means(sums, weights, centers, units.scale)
    if units.unit:
        none = (weights <= 0) | ~mean.any(axis=1)
        mean = np.where(none[:, None], centers, directions(mean))
    apart = (mean - centers).reshape(-1)
    return mean, kernels.dot(apart, apart)
