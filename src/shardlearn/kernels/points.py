"""Rows compared with points: float32 scores leave what may be nearest, float64 distances decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

import shardlearn._native as _native
from shardlearn.core.matrix import Array, Floats, Ints

Labels = NDArray[np.int32]
Fields: TypeAlias = tuple[Floats, Floats, NDArray[np.float32], Floats, Floats, float]


@dataclass(frozen=True, slots=True)
class Points:
    """Points as rows are compared with them; a squared distance is one FMA chain sum_t (x_t - c_t)^2 over the features.

    The pivot is about where points and rows lie: it makes decisions fast, and changes none.
    """

    values: Floats  # (k, p)
    pivot: Floats  # (p,)
    panels: NDArray[np.float32]
    norm: Floats  # (k,)
    half: Floats  # (k,)
    scale: float

    @classmethod
    def of(cls, values: Floats, pivot: Floats | None = None) -> Points:
        """By default the pivot is a median of each feature: a point far away does not move it."""
        k, p = values.shape
        if pivot is None:
            pivot = np.partition(values, k // 2, axis=0)[k // 2] if k else np.zeros(p)
        panels, norm, half = np.empty(_native.panel_floats(k, p), np.float32), np.empty(k), np.empty(k)
        return cls(values, pivot, panels, norm, half, _native.pack_points(values, pivot, panels, norm, half))


class Nearest(NamedTuple):
    """Of each row the point at the least distance, the lowest number where several are."""

    label: Labels  # (n,)
    square: Floats | None  # (n,) squared distance
    redone: int  # rows that float32 did not decide
    unclear: int  # rows that may have values that are not finite


@dataclass(frozen=True, slots=True)
class Neighbors:
    """Of each of m points the k nearest rows so far, by distance, then by id; without one: inf, and the largest id."""

    square: Floats  # (m, k)
    id: Ints  # (m, k)

    @classmethod
    def none(cls, m: int, k: int) -> Neighbors:
        return cls(np.full((m, k), np.inf), np.full((m, k), np.iinfo(np.int64).max))


class Pairs(NamedTuple):
    """Points, and rows that are near them, in any order."""

    point: NDArray[np.int32]
    square: Floats
    id: Ints


def nearest(X: Array, points: Points, squares: bool = False) -> Nearest:
    label = np.empty(len(X), np.int32)
    square = np.empty(len(X)) if squares else None
    return Nearest(label, square, *_native.nearest(X, X.shape[1], *_fields(points), label, square))


def label_squares(X: Array, points: Points, label: Labels) -> Floats:
    """The squared distance of each row to the point that its label names."""
    out = np.empty(len(X))
    _native.label_squares(X, X.shape[1], points.values, label, out)
    return out


def nearest_rows(X: Array, ids: Ints, points: Points, into: Neighbors) -> None:
    """Joins these rows to what was found among others."""
    _native.nearest_rows(X, X.shape[1], ids, *_fields(points), into.square, into.id)


def rows_within(X: Array, ids: Ints, points: Points, limit: float, counts: Ints | None = None) -> Pairs:
    """Rows whose squared distance is not above the limit; with `counts` (k,) they are only counted, and added there."""
    return Pairs(*_native.rows_within(X, X.shape[1], ids, *_fields(points), limit, counts))


def _fields(points: Points) -> Fields:
    return points.values, points.pivot, points.panels, points.norm, points.half, points.scale
