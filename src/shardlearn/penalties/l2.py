"""Squared Euclidean norm: value = alpha |w|^2 / 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shardlearn import kernels
from shardlearn.core.matrix import Floats


@dataclass(frozen=True, slots=True)
class L2:
    """grad = alpha w, curvature = alpha."""

    alpha: float

    name: ClassVar[str] = "l2"

    def value(self, w: Floats, /) -> float:
        flat = w.reshape(-1)
        return 0.5 * self.alpha * kernels.dot(flat, flat)

    def grad(self, w: Floats, /) -> Floats:
        return self.alpha * w

    def prox(self, v: Floats, t: float, /) -> Floats:
        return v / (1.0 + self.alpha * t)
