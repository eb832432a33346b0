"""Sums of clusters on the driver, a table for dense rows, a list of cells for sparse ones; and the means of them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from shardlearn import kernels
from shardlearn.core import fixed
from shardlearn.core.matrix import Csr, Floats, Ints, Matrix
from shardlearn.statistics.cells import Cells, CellSums
from shardlearn.statistics.clusters import ClusterSums

from .clusters import Clusters, Units, directions

Sums: TypeAlias = Ints | Cells  # (limbs, k, p)


def no_sums(shape: tuple[int, int], scale: fixed.Scale, sparse: bool) -> Sums:
    """Of no rows; `shape` is (k, p)."""
    return Cells.none(scale.limbs) if sparse else np.zeros((scale.limbs, *shape), np.int64)


def sums_asked(problem: Clusters, units: Units) -> ClusterSums | CellSums:
    """What is asked of rows."""
    kind = CellSums if problem.shape.sparse else ClusterSums
    return kind(problem.k, problem.shape.features, units.scale, units.exponent)


def plus(sums: Sums, moved: Sums) -> Sums:
    if isinstance(sums, Cells):
        assert isinstance(moved, Cells)
        return sums.plus(moved)
    assert not isinstance(moved, Cells)
    return sums + moved


def transferred(
    sums: Sums, weights: Ints, X: Matrix, moves: kernels.Moves, scale: fixed.Scale
) -> tuple[Sums, Ints, int]:
    """Sums and weights after some rows went from one cluster to another, and what these weigh together."""
    weights = weights.copy()
    if isinstance(sums, Cells):
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
    if isinstance(sums, Cells):
        mean, squares = kernels.cell_means(sums.at, sums.limbs, weights, centers, units.scale)
        if units.unit:
            mean, squares = kernels.unit_lines(mean, weights, centers)
        return mean, kernels.dot(squares, np.ones(len(squares)))
    mean = kernels.cluster_means(sums, weights, centers, units.scale)
    if units.unit:
        none = (weights <= 0) | ~mean.any(axis=1)
        mean = np.where(none[:, None], centers, directions(mean))
    apart = (mean - centers).reshape(-1)
    return mean, kernels.dot(apart, apart)
