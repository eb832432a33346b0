"""Multinomial logistic loss, one output a class: value = log(sum_q e^(z_q)) - z_y."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shardlearn import kernels
from shardlearn.core.matrix import Array, Floats


@dataclass(frozen=True, slots=True)
class Multinomial:
    """With s = softmax(z): slope = s - onehot(y), curvature = s (1 - s) and -s_a s_b; at most 1/2 I (Böhning 1992)."""

    name: ClassVar[str] = "multinomial"
    fused: ClassVar[int | None] = 2
    bound: ClassVar[float | None] = 0.5
    codes: ClassVar[bool] = True
    shiftable: ClassVar[bool] = True
    domain: ClassVar[tuple[float, float]] = (0.0, np.inf)

    def value(self, y: Array, z: Floats, /) -> Floats:
        shifted = _shifted(z)
        chosen = np.take_along_axis(shifted, y.astype(np.int64)[:, None], axis=1)[:, 0]
        out: Floats = kernels.log(_across(kernels.exp(shifted))) - chosen
        return out

    def slope(self, y: Array, z: Floats, /) -> Floats:
        hot = y.astype(np.int64)[:, None] == np.arange(z.shape[1])
        out: Floats = _softmax(z) - hot
        return out

    def curvature(self, y: Array, z: Floats, /) -> Floats:
        s, grown = _softmax(z), kernels.exp(_shifted(z))
        total = _across(grown)
        others = np.stack([_across(np.delete(grown, q, axis=1)) for q in range(z.shape[1])], axis=1)
        return s * (others / total[:, None])  # 1 - s without cancellation

    def coupling(self, y: Array, z: Floats, /) -> Floats | None:
        return _softmax(z)


def _shifted(z: Floats) -> Floats:
    out: Floats = z - z.max(axis=1, keepdims=True)
    return out


def _across(values: Floats) -> Floats:
    """(n, k) -> (n,): sums in the order of the outputs, as the native pass does."""
    total = np.zeros(len(values))
    for column in values.T:
        total = total + column
    return total


def _softmax(z: Floats) -> Floats:
    grown = kernels.exp(_shifted(z))
    out: Floats = grown / _across(grown)[:, None]
    return out
