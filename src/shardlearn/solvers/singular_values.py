"""Singular values, which no fit uses: the one place where LAPACK is asked."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigvalsh  # noqa: TID251 - reported beside the model, never part of it or of its fingerprint

from shardlearn.core.matrix import Floats


def singular_values(gram: Floats) -> Floats:
    """Of features whose second moments (p, p) are given, descending; the last bits depend on the machine."""
    values: Floats = eigvalsh(gram)[::-1]
    return np.sqrt(np.maximum(values, 0.0))
