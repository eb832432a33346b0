"""Logistic loss of one output, for classes 0 and 1: value = log(1 + e^z) - y z."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shardlearn import kernels
from shardlearn.core.matrix import Array, Floats

from .loss import targets


@dataclass(frozen=True, slots=True)
class Logistic:
    """slope = 1 / (1 + e^-z) - y, curvature = 1 / ((1 + e^z) (1 + e^-z)) <= 1/4 (Böhning & Lindsay 1988)."""

    name: ClassVar[str] = "logistic"
    fused: ClassVar[int | None] = 1
    bound: ClassVar[float | None] = 0.25
    codes: ClassVar[bool] = False  # any target between the two classes has a meaning
    shiftable: ClassVar[bool] = False
    domain: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def value(self, y: Array, z: Floats, /) -> Floats:
        out: Floats = (kernels.softplus(z) - targets(y, 1) * z)[:, 0]
        return out

    def slope(self, y: Array, z: Floats, /) -> Floats:
        return kernels.expit(z) - targets(y, 1)

    def curvature(self, y: Array, z: Floats, /) -> Floats:
        return kernels.expit(z) * kernels.expit(-z)

    def coupling(self, y: Array, z: Floats, /) -> Floats | None:
        return None
