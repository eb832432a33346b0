"""Elementary functions of float64 arrays, the same bits everywhere.

The errors in ulp are the largest seen on ten million arguments.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from shardlearn import _native
from shardlearn.core.matrix import Floats


def _apply(function: Callable[[Floats, Floats], None], x: Floats) -> Floats:
    out = np.empty(x.shape)
    if x.ndim == 1:
        function(x, out)
    else:
        if not x.flags.c_contiguous:
            raise TypeError("x must be C-contiguous.")
        function(x.reshape(-1), out.reshape(-1))
    return out


def exp(x: Floats) -> Floats:
    """e^x. 0.76 ulp."""
    return _apply(_native.exp, x)


def log(x: Floats) -> Floats:
    """Natural logarithm; -inf at 0, NaN below. 0.81 ulp."""
    return _apply(_native.log, x)


def log1p(x: Floats) -> Floats:
    """log(1 + x); -inf at -1, NaN below. 0.84 ulp."""
    return _apply(_native.log1p, x)


def expm1(x: Floats) -> Floats:
    """e^x - 1. 1.05 ulp."""
    return _apply(_native.expm1, x)


def tanh(x: Floats) -> Floats:
    """Hyperbolic tangent. 1.03 ulp."""
    return _apply(_native.tanh, x)


def expit(x: Floats) -> Floats:
    """1 / (1 + e^-x). 1.79 ulp."""
    return _apply(_native.expit, x)


def softplus(x: Floats) -> Floats:
    """log(1 + e^x). 1.49 ulp."""
    return _apply(_native.softplus, x)


def sin(x: Floats) -> Floats:
    """Sine of radians; NaN from 2**20 on. 0.79 ulp."""
    return _apply(_native.sin, x)


def cos(x: Floats) -> Floats:
    """Cosine of radians; NaN from 2**20 on. 0.77 ulp."""
    return _apply(_native.cos, x)


def asin(x: Floats) -> Floats:
    """Arc sine; NaN beyond 1. 0.87 ulp."""
    return _apply(_native.asin, x)
