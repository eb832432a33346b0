"""Sums that left the range of float64 are an error, not a model."""

from __future__ import annotations

import numpy as np

from shardlearn.core.errors import InputError
from shardlearn.core.matrix import Floats


def finite(*sums: Floats) -> None:
    """Refuse second moments that are infinite: values were finite, their squares were not."""
    if not all(bool(np.isfinite(one).all()) for one in sums):
        raise InputError(
            "Input X contains infinity or a value too large for dtype('float64').",
            code="SL2901",
            found="squares of features or targets, times weights, whose sum is beyond 1.8e308",
            needed="values whose squares can be summed",
            fix="scale the columns first",
        )
