"""Poisson deviance (half of it, without what depends on y alone): value = e^z - y z."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shardlearn import kernels
from shardlearn.core.matrix import Array, Floats

from .loss import targets


@dataclass(frozen=True, slots=True)
class Poisson:
    """slope = e^z - y, curvature = e^z, which has no bound."""

    name: ClassVar[str] = "poisson"
    fused: ClassVar[int | None] = 3
    bound: ClassVar[float | None] = None
    codes: ClassVar[bool] = False
    shiftable: ClassVar[bool] = False
    domain: ClassVar[tuple[float, float]] = (0.0, np.inf)

    def value(self, y: Array, z: Floats, /) -> Floats:
        out: Floats = (kernels.exp(z) - targets(y, 1) * z)[:, 0]
        return out

    def slope(self, y: Array, z: Floats, /) -> Floats:
        return kernels.exp(z) - targets(y, 1)

    def curvature(self, y: Array, z: Floats, /) -> Floats:
        return kernels.exp(z)

    def coupling(self, y: Array, z: Floats, /) -> Floats | None:
        return None
