"""Squared error: value = (z - y)^2 / 2, summed over the outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shardlearn.core.matrix import Array, Floats

from .loss import targets


@dataclass(frozen=True, slots=True)
class Squared:
    """slope = z - y, curvature = 1."""

    name: ClassVar[str] = "squared"
    fused: ClassVar[int | None] = 0
    bound: ClassVar[float | None] = 1.0
    codes: ClassVar[bool] = False
    shiftable: ClassVar[bool] = False
    domain: ClassVar[tuple[float, float]] = (-np.inf, np.inf)

    def value(self, y: Array, z: Floats, /) -> Floats:
        left = z - targets(y, z.shape[1])
        total = np.zeros(len(z))
        for column in (0.5 * left * left).T:
            total += column
        return total

    def slope(self, y: Array, z: Floats, /) -> Floats:
        return z - targets(y, z.shape[1])

    def curvature(self, y: Array, z: Floats, /) -> Floats:
        return np.ones_like(z)

    def coupling(self, y: Array, z: Floats, /) -> Floats | None:
        return None
