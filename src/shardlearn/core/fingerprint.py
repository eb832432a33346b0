"""The fingerprint of a model: equal for equal bits, whatever computed them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import numpy as np

from .matrix import Array

NUMERICS = 1  # changes when the bits of any fit change


def fingerprint(kind: str, parameters: Mapping[str, object], seed: int | None, arrays: Mapping[str, Array]) -> str:
    """SHA-256 over class name, parameters (canonical JSON), seed, numerics version and arrays in name order.

    Of each array: name, dtype, shape and little-endian bytes. No times, workers, engine or paths.
    """
    head = {"class": kind, "parameters": parameters, "seed": seed, "numerics": NUMERICS}
    digest = hashlib.sha256(json.dumps(head, sort_keys=True, separators=(",", ":"), allow_nan=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        little = array.astype(array.dtype.newbyteorder("<"))
        digest.update(f"\0{name}\0{little.dtype.str}\0{array.shape}\0".encode())
        digest.update(little.tobytes())
    return digest.hexdigest()
