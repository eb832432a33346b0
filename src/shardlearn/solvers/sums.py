"""Sums of clusters on the driver, which lie as their centres do; and the means of them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from shardlearn import kernels
from shardlearn.core import fixed
from shardlearn.core.matrix import Csr, Floats, Ints, Matrix
from shardlearn.statistics.cells import Cells, CellSums, CellTable, moved_cells
from shardlearn.statistics.clusters import ClusterSums, layers_of

from .clusters import Clusters, Units, directions

Sums: TypeAlias = Ints | CellTable  # (layers, limbs, k, p), or for sparse rows (layers, limbs, p, line)


def no_sums(shape: tuple[int, int], units: Units, sparse: bool) -> tuple[Sums, Ints]:
    """Of no rows, and their weights (layers, k); `shape` is (k, p)."""
    (k, p), limbs, layers = shape, units.scale.limbs, layers_of(units.weights)
    weights = np.zeros((layers, k), np.int64)
    if sparse:
        return CellTable(k, kernels.no_line_sums(p, k, limbs, layers)), weights
    return np.zeros((layers, limbs, k, p), np.int64), weights


def sums_asked(problem: Clusters, units: Units) -> ClusterSums | CellSums:
    """What is asked of rows."""
    kind = CellSums if problem.shape.sparse else ClusterSums
    return kind(problem.k, problem.shape.features, units.scale, units.weights)


def plus(sums: Sums, moved: Ints | tuple[Cells, ...]) -> Sums:
    if isinstance(sums, CellTable):
        assert isinstance(moved, tuple)
        return sums.plus(moved)
    assert not isinstance(moved, tuple)
    return sums + moved


def transferred(
    sums: Sums, weights: Ints, X: Matrix, moves: kernels.Moves, scale: fixed.Scale
) -> tuple[Sums, Ints, Ints]:
    """Sums and weights after some rows went from one cluster to another, and what these weigh together (layers,)."""
    if isinstance(sums, CellTable):
        assert isinstance(X, Csr)
        cells, weights, changed = moved_cells(X, moves, scale, weights.copy())
        return sums.plus(cells), weights, changed
    sums, weights = sums.copy(), weights.copy()
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
    bits = 1 if units.weights is None else units.weights.bits
    if isinstance(sums, CellTable):
        mean, squares = kernels.line_means(sums.limbs, weights, centers, units.scale, bits)
        if units.unit:
            mean, squares = kernels.unit_lines(mean, weights, centers)
        return mean, kernels.dot(squares, np.ones(len(squares)))
    mean = kernels.cluster_means(sums, weights, centers, units.scale, bits)
    if units.unit:
        none = np.flatnonzero((weights.max(axis=0) == 0) | (mean == 0.0).all(axis=1))
        mean = directions(mean)
        mean[none] = centers[none]
    apart = (mean - centers).reshape(-1)
    return mean, kernels.dot(apart, apart)
