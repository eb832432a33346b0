"""The nearest point where few directions hold most of what lies between the points: `native/kernels/leading.hpp`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import shardlearn._native as _native
from shardlearn.core.matrix import Array, Floats, Ints

from .algebra import matmul, row_squares
from .clusters import Bounded, unbounded
from .points import Points, _fields

Singles = NDArray[np.float32]
U32, PADDED, LINE, CHAIN = 2.0**-24, 64, 64, 64


@dataclass(frozen=True, slots=True)
class Directions:
    """(q, p) nearly orthonormal ones, along which rows and points have coordinates once shifted by the pivot.

    `excess` covers how far they are from orthonormal, and the rounding of coordinates.
    """

    along: Points
    pivot: Floats  # (p,) in float32's precision
    excess: float

    @classmethod
    def of(cls, vectors: Floats, pivot: Floats) -> Directions:
        q, p = vectors.shape
        off = np.abs(matmul(vectors, np.ascontiguousarray(vectors.T)) - np.eye(q)).sum(axis=1).max() + q * p * 2.0**-50
        rounded = (min(p, CHAIN) + -(-p // CHAIN) + 8) * U32
        rounding = rounded / (1.0 - rounded)
        along = Points.of(vectors, np.zeros(p))
        shifted = Points(vectors, pivot, along.panels / np.float32(along.scale), along.norm, along.half, 1.0)
        return cls(shifted, pivot.astype(np.float32).astype(np.float64), 2.0 * off + 5.0 * float(np.sqrt(q)) * rounding)

    def coordinates(self, X: Array) -> Singles:
        """(n, q + 1) of rows; the last one is what is left of the row, at least."""
        out = np.empty((len(X), len(self.along.values) + 1), np.float32)
        _native.project(X, X.shape[1], *_fields(self.along), self.excess, out)
        return out


@dataclass(frozen=True, slots=True)
class Led:
    """Points, and the same in few coordinates."""

    points: Points
    directions: Directions
    few: Points
    flat: Singles  # (k, p) shifted and scaled, padded with zeros

    @classmethod
    def of(cls, values: Floats, directions: Directions) -> Led:
        points = Points.of(values, directions.pivot)
        apart = values - directions.pivot
        few = matmul(apart, np.ascontiguousarray(directions.along.values.T))
        square = row_squares(apart)
        left = np.sqrt(np.maximum(square - row_squares(few) + directions.excess * square, 0.0)) * (1.0 + 2.0**-40)
        both = np.concatenate([few, left[:, None]], axis=1)
        flat = on_lines(len(values), -(-values.shape[1] // PADDED) * PADDED)
        flat[:, : values.shape[1]] = apart * points.scale
        return cls(points, directions, Points.of(both, np.zeros(both.shape[1])), flat)


def on_lines(rows: int, columns: int) -> Singles:
    """Zeros that begin where a line of the cache does: rows of a multiple of 16 are loaded in half the time then."""
    room = np.zeros(rows * columns + LINE // 4, np.float32)
    first = -room.ctypes.data % LINE // 4
    return room[first : first + rows * columns].reshape(rows, columns)


def nearest_led(
    X: Array, led: Led, coordinates: Singles, into: Bounded | None = None, some: Ints | None = None
) -> tuple[Bounded, int]:
    """As `nearest_bounds`, whose labels these are; and how many scores were computed of rows as they are."""
    out = unbounded(len(X)) if into is None else into
    few, excess = _fields(led.few), led.directions.excess
    fields = (*_fields(led.points), few, excess, coordinates, led.flat)
    return out, _native.nearest_led(X, X.shape[1], *fields, some, out.label, out.upper, out.lower)
