"""What the probes share: sums and distances whose bits are the same everywhere, and how a probe is described."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from tests.engines.fakes import ArrayBlocks

from shardlearn.core.solver import AnySolver, Status
from shardlearn.storage import state as storage

Array = np.ndarray[Any, Any]
OPEN = Status.RUNNING


def summed(values: Array) -> Array:
    """Sum along the first axis, one after the other: NumPy's own order of adding is not part of its promise."""
    return np.add.accumulate(values)[-1] if len(values) else np.zeros(values.shape[1:])


def products(X: Array, w: Array) -> Array:
    """X w as a chain over the columns."""
    out = np.zeros(len(X))
    for t in range(len(w)):
        out += X[:, t] * w[t]
    return out


def squares(X: Array, C: Array) -> Array:
    """(n, k) squared distances as a chain over the columns."""
    out = np.zeros((len(X), len(C)))
    for t in range(X.shape[1]):
        difference = X[:, t, None] - C[:, t]
        out += difference * difference
    return out


@dataclass(frozen=True)
class Probe:
    """A solver on data; with several stages the state of one goes on in the next (partial_fit)."""

    name: str
    solver: AnySolver
    problem: Any
    stages: tuple[Mapping[str, ArrayBlocks], ...]
    check: Callable[[Any], None]  # the final state is what it should be
    reopen: Callable[[Any], Any] = lambda state: state


def fingerprint(state: object) -> str:
    """Of every bit of a state."""
    digest = hashlib.sha256()
    for name, data in sorted(storage.to_files(state).items()):
        digest.update(name.encode() + data)
    return digest.hexdigest()


def blobs(seed: int, n: int, p: int, k: int) -> tuple[Array, Array]:
    """Rows round k centres, and which."""
    draw = np.random.default_rng(seed)
    label = draw.integers(0, k, n)
    return draw.normal(0, 6, (k, p))[label] + draw.standard_normal((n, p)), label
