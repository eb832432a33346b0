"""Every statistic, with blocks to try it on, for the laws that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from shardlearn import kernels
from shardlearn.core import fixed
from shardlearn.core.block import Block
from shardlearn.core.matrix import Array, Csr, Floats, Matrix, to_dense
from shardlearn.core.rng import Purpose, philox, uniform
from shardlearn.core.statistic import Statistic
from shardlearn.losses.logistic import Logistic
from shardlearn.losses.multinomial import Multinomial
from shardlearn.losses.poisson import Poisson
from shardlearn.losses.squared import Squared

from .by_leaf import ByLeaf, Shared
from .cells import CellSums
from .class_weights import ClassWeights
from .clusters import ClusterSums, Farthest, Inertia
from .column_range import ColumnRange
from .curvature import Curvature
from .distances import METRICS, Metric
from .gradient import GradSums
from .gram import Gram
from .labels import Labels
from .moments import Moments
from .neighbors import NearestRows
from .products import Products
from .sample_rows import SampleRows
from .seeding import Drawn, Extent, Masses, Potentials
from .silhouette import DistanceSums
from .survey import Survey
from .unit_rows import UnitRows
from .whole_rows import WholeRows
from .within import CountWithin, RowsWithin

WIDTHS = (1, 3, 17)


@dataclass(frozen=True, slots=True)
class Case:
    """A statistic and rows that it can be asked about."""

    statistic: Statistic[Any]
    block: Block


@dataclass(frozen=True, slots=True)
class Row:
    """`case(seed, n)`: a statistic of random settings, which do not depend on n, and a block of n random rows."""

    case: Callable[[int, int], Case]
    weighted: bool = True  # a weight of 2 is the row twice; False: weights do not matter to it
    dense: bool = True  # False: all rows are sparse


@dataclass(frozen=True, slots=True)
class Files:
    """What a survey must know of data in three files."""

    n_features: int
    file_starts: tuple[int, ...] = (0, 7, 40)


def draws(seed: int, stream: int, n: int) -> Floats:
    """(n,) uniform numbers, a function of (seed, stream, position)."""
    return uniform(philox(seed, Purpose.TEST, np.arange(n, dtype=np.int64), stream))


def numbers(seed: int, stream: int, shape: tuple[int, ...]) -> Floats:
    """Numbers of different signs and sizes."""
    n = int(np.prod(shape))
    size = np.ldexp(1.0, (draws(seed, stream + 1, n) * 13.0).astype(np.int64) - 6)
    out: Floats = ((2.0 * draws(seed, stream, n) - 1.0) * size).reshape(shape)
    return out


def width(seed: int) -> int:
    """Number of features."""
    return WIDTHS[seed % len(WIDTHS)]


def features(seed: int, n: int) -> Matrix:
    """(n, p) in float64 or float32, dense or sparse."""
    X = numbers(seed, 0, (n, width(seed)))
    if seed % 4 == 1:
        return X.astype(np.float32)
    return sparse(np.where(np.abs(X) < 0.25, 0.0, X)) if is_sparse(seed) else X


def is_sparse(seed: int) -> bool:
    """Whether the features of this seed are sparse."""
    return seed % 4 == 2


def sparse(X: Floats) -> Csr:
    """The same values as CSR."""
    rows, columns = np.nonzero(X)
    indptr = np.searchsorted(rows, np.arange(len(X) + 1)).astype(np.int64)
    return Csr(X[rows, columns], columns.astype(np.int32), indptr, X.shape[1])


def block(seed: int, n: int, y: Array | None) -> Block:
    """n rows; every second seed has weights, zeros among them."""
    weight = None if seed % 2 else np.floor(4.0 * draws(seed, 9, n)) * (0.5 if seed % 3 else 1.0)
    return Block(features(seed, n), y, weight, start=0)


def codes(seed: int, n: int, k: int) -> Floats:
    """(n,) class codes."""
    return np.floor(k * draws(seed, 5, n))


def model(seed: int, k: int) -> tuple[Floats, Floats, Floats | None]:
    """W, b and a pivot where the data are dense."""
    p = width(seed)
    pivot = None if is_sparse(seed) or seed % 5 == 0 else numbers(seed, 14, (p,))
    return 0.05 * numbers(seed, 10, (k, p)), numbers(seed, 12, (k,)), pivot


def _squared(seed: int, n: int) -> Case:
    return Case(GradSums(Squared(), *model(seed, 2)), block(seed, n, numbers(seed, 16, (n, 2))))


def _logistic(seed: int, n: int) -> Case:
    return Case(GradSums(Logistic(), *model(seed, 1)), block(seed, n, codes(seed, n, 2)))


def _multinomial(seed: int, n: int) -> Case:
    return Case(GradSums(Multinomial(), *model(seed, 4)), block(seed, n, codes(seed, n, 4)))


def _poisson(seed: int, n: int) -> Case:
    W, b, pivot = model(seed, 1)
    return Case(GradSums(Poisson(), 0.01 * W, 0.05 * b, pivot), block(seed, n, codes(seed, n, 9)))


def _gram(seed: int, n: int) -> Case:
    *_, pivot = model(seed, 1)
    pivot_y = None if pivot is None else numbers(seed, 18, (2,))
    return Case(Gram(width(seed), 2, pivot, pivot_y), block(seed, n, numbers(seed, 16, (n, 2))))


def _gram_alone(seed: int, n: int) -> Case:
    return Case(Gram(width(seed), 0, model(seed, 1)[2]), block(seed, n, None))


def _gram_through(seed: int, n: int) -> Case:
    V, shift, pivot = model(seed, 3)
    return Case(Gram(3, 1, pivot, None, (V, shift)), block(seed, n, numbers(seed, 16, (n, 1))))


def _moments(seed: int, n: int) -> Case:
    return Case(Moments(width(seed), 1, model(seed, 1)[2]), block(seed, n, numbers(seed, 16, (n,))))


def _products(seed: int, n: int) -> Case:
    return Case(Products(*model(seed, 2)), block(seed, n, None))


def _sample_rows(seed: int, n: int) -> Case:
    return Case(SampleRows(width(seed), 300, model(seed, 1)[2]), block(seed, n, codes(seed, n, 2)))


def _curvature(seed: int, n: int) -> Case:
    W, b, pivot = model(seed, 3)
    step = 0.5 * numbers(seed, 20, W.shape), 0.5 * numbers(seed, 22, b.shape)
    return Case(Curvature(Multinomial(), W, b, pivot, step), block(seed, n, codes(seed, n, 3)))


def _curvature_alone(seed: int, n: int) -> Case:
    return Case(Curvature(Logistic(), *model(seed, 1)), block(seed, n, codes(seed, n, 2)))


def _nearest_rows(seed: int, n: int) -> Case:
    """Rows and queries of few values: many ties."""
    rows = block(seed, n, codes(seed, n, 5))
    X = np.rint(numbers(seed, 24, (9, width(seed))))
    if not is_sparse(seed):
        rows = replace(rows, X=np.rint(to_dense(rows.X)))
    metric = Metric([name for name in METRICS if name != "haversine"][seed % 9 % 8], 3.0)
    return Case(NearestRows(X, 1 + seed % 11, metric, () if seed % 3 else None), rows)


def _reach(metric: Metric, seed: int) -> float:
    return metric.reach(0.6 if metric.name in ("cosine", "hamming") else 20.0, width(seed))


def _rows_within(seed: int, n: int) -> Case:
    near = _nearest_rows(seed, n)
    asked = near.statistic
    assert isinstance(asked, NearestRows)
    limit = _reach(asked.metric, seed)
    return Case(RowsWithin(asked.queries, limit, asked.metric, 9 * 400, asked.targets), near.block)


def _count_within(seed: int, n: int) -> Case:
    near = _nearest_rows(seed, n)
    asked = near.statistic
    assert isinstance(asked, NearestRows)
    return Case(CountWithin(asked.queries, _reach(asked.metric, seed), asked.metric), near.block)


def _labels(seed: int, n: int) -> Case:
    drawn = codes(seed, n, 2 + seed % 40)
    kinds: tuple[Array, ...] = (
        drawn.astype(np.int64) - 3,
        drawn > 1.0,
        drawn - 1.5,
        np.array([f"class {c:.0f}" for c in drawn], np.str_),
    )
    return Case(Labels(limit=20), block(seed, n, kinds[seed % 4]))


def _class_weights(seed: int, n: int) -> Case:
    return Case(ClassWeights(np.array([0.0, 1.0, 2.0])), block(seed, n, codes(seed, n, 3)))


def _column_range(seed: int, n: int) -> Case:
    return Case(ColumnRange(width(seed)), block(seed, n, None))


def _survey(seed: int, n: int) -> Case:
    whole = block(seed, n, numbers(seed, 16, (n,)))
    if not is_sparse(seed) and n:
        X = features(seed, n)
        assert not isinstance(X, Csr)
        X[draws(seed, 24, n) < 0.05, 0] = np.nan
        X[draws(seed, 26, n) < 0.05, -1] = np.inf
        whole = replace(whole, X=X)
    return Case(Survey(Files(width(seed))), whole)


def _centers(seed: int, k: int) -> kernels.Centers:
    return kernels.centers_of(numbers(seed, 32, (k, width(seed))), is_sparse(seed))


def _labelled(seed: int, n: int, k: int) -> Block:
    """Rows with labels now and before, some of which have none before."""
    label, before = codes(seed, n, k).astype(np.int32), (np.floor((k + 1) * draws(seed, 34, n)) - 1.0).astype(np.int32)
    return block(seed, n, None).with_extra("labels", {"label": label, "before": before})


def _near(seed: int, n: int, k: int) -> Block:
    """Rows with the nearest of k candidates, and the distance."""
    square = np.floor(8.0 * draws(seed, 36, n)) * draws(seed, 38, n)
    return block(seed, n, None).with_extra("near", {"candidate": codes(seed, n, k).astype(np.int32), "square": square})


def _heavy(seed: int) -> fixed.Weights:
    return fixed.Weights(1 + seed % 3, 3, 1 + seed % 2)


def _cluster_sums(seed: int, n: int) -> Case:
    itemsize = 4 if seed % 4 == 1 else 8
    scale = fixed.scale(np.full(width(seed), 64.0), 1 << 14, itemsize=itemsize)
    return Case(ClusterSums(5, width(seed), scale, _heavy(seed)), _labelled(seed, n, 5))


def _sums_of_cells(seed: int, n: int) -> Case:
    """Sparse rows, whatever the seed."""
    made = _cluster_sums(seed, n)
    scale = fixed.scale(np.full(width(seed), 64.0), 1 << 14)
    rows = replace(made.block, X=sparse(to_dense(made.block.X)))
    return Case(CellSums(5, width(seed), scale, _heavy(seed)), rows)


def _farthest(seed: int, n: int) -> Case:
    return Case(Farthest(_centers(seed, 3), width(seed), 4, _heavy(seed)), block(seed, n, None))


def _inertia(seed: int, n: int) -> Case:
    return Case(Inertia(_centers(seed, 3)), block(seed, n, None))


def _extent(seed: int, n: int) -> Case:
    return Case(Extent(width(seed)), block(seed, n, None))


def _drawn_rows(seed: int, n: int) -> Case:
    return Case(Drawn(width(seed), 6, seed, 1, near=seed % 5 > 0), _near(seed, n, 3))


def _masses(seed: int, n: int) -> Case:
    return Case(Masses(4, _heavy(seed)), _near(seed, n, 4))


def _potentials(seed: int, n: int) -> Case:
    return Case(Potentials((_centers(seed, 1), _centers(seed + 12, 1))), _near(seed, n, 4))


def _distance_sums(seed: int, n: int) -> Case:
    ids = np.array([0, 3, 4, 70], np.int64)
    return Case(DistanceSums(ids, _centers(seed, 4), np.arange(3.0)), block(seed, n, codes(seed, n, 3)))


def _cosine_sums(seed: int, n: int) -> Case:
    ids, aimless = np.array([0, 3, 4, 70], np.int64), np.array([False, True, False, False])
    statistic = DistanceSums(ids, _centers(seed, 4), np.arange(3.0), aimless)
    return Case(statistic, UnitRows()(block(seed, n, codes(seed, n, 3))))


def _whole_rows(seed: int, n: int) -> Case:
    return Case(WholeRows(300, 12 * width(seed)), block(seed, n, None))


def _at_leaves(seed: int, n: int) -> Block:
    """Rows at the nodes 2, 3, 5 and 7 of a tree, with labels that only those at 3 have a use for."""
    node = np.array([2, 3, 5, 7])[codes(seed, n, 4).astype(np.int64)].astype(np.int32)
    label = np.floor(2 * draws(seed, 34, n)).astype(np.int32)
    columns = {"node": node, "labels/label": label, "labels/before": label[::-1].copy()}
    return block(seed, n, None).with_extra("leaves", columns)


def _by_leaf(seed: int, n: int) -> Case:
    itemsize = 4 if seed % 4 == 1 else 8
    scale = fixed.scale(np.full(width(seed), 64.0), 1 << 14, itemsize=itemsize)
    each: dict[int, Statistic[Any]] = {3: ClusterSums(2, width(seed), scale, _heavy(seed)), 7: Extent(width(seed))}
    return Case(ByLeaf(each), _at_leaves(seed, n))


def _floats_by_leaf(seed: int, n: int) -> Case:
    each: dict[int, Statistic[Any]] = {node: Shared(_centers(seed, 2), 2, _heavy(seed)) for node in (2, 3, 5)}
    return Case(ByLeaf(each | {7: Inertia(_centers(seed, 3))}), _at_leaves(seed, n))


def _shared(seed: int, n: int) -> Case:
    return Case(Shared(_centers(seed, 3), 3, _heavy(seed)), block(seed, n, None))


STATISTICS: Mapping[str, Row] = MappingProxyType(
    {
        "gradient, squared": Row(_squared),
        "gradient, logistic": Row(_logistic),
        "gradient, multinomial": Row(_multinomial),
        "gradient, poisson": Row(_poisson),
        "gram": Row(_gram),
        "gram without targets": Row(_gram_alone),
        "gram of directions": Row(_gram_through),
        "moments": Row(_moments),
        "products": Row(_products),
        "nearest rows": Row(_nearest_rows, weighted=False),
        "rows within": Row(_rows_within, weighted=False),
        "count within": Row(_count_within, weighted=False),
        "rows": Row(_sample_rows, weighted=False),
        "curvature, multinomial": Row(_curvature),
        "curvature, logistic": Row(_curvature_alone),
        "class weights": Row(_class_weights),
        "labels": Row(_labels, weighted=False),
        "column range": Row(_column_range, weighted=False),
        "sums of clusters": Row(_cluster_sums),
        "sums of clusters in cells": Row(_sums_of_cells, dense=False),
        "farthest rows": Row(_farthest, weighted=False),
        "inertia": Row(_inertia),
        "spans": Row(_extent, weighted=False),
        "drawn rows": Row(_drawn_rows, weighted=False),
        "masses": Row(_masses),
        "potentials": Row(_potentials),
        "sums of distances": Row(_distance_sums, weighted=False),
        "sums of 1 - cosine": Row(_cosine_sums, weighted=False),
        "by leaf": Row(_by_leaf, weighted=False),
        "floats by leaf": Row(_floats_by_leaf),
        "shares of clusters": Row(_shared),
        "whole rows": Row(_whole_rows, weighted=False),
        "survey": Row(_survey, weighted=False),
    }
)
