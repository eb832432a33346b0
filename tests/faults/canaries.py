"""A driver on the first of two hosts, as a program: fits on rows with canaries in them, which show in what is sent.

python -m tests.faults.canaries HEAD
"""

from __future__ import annotations

import json
import struct
import sys
from typing import Any

import numpy as np

import shardlearn
from shardlearn.linear_model import LinearRegression, LogisticRegression

VALUE = bytes.fromhex("c51ea79b42d1f33f")  # of a double, about 1.24, that stands in every second row
LABEL = "canary-in-a-label"


def seen(sent: bytes) -> dict[str, int]:
    """How often each canary is in what was sent; a label in eight bits a letter, or in NumPy's 32."""
    ways = {"value": [VALUE], "label": [LABEL.encode(), LABEL.encode("utf-32-le")]}
    return {name: sum(map(sent.count, patterns)) for name, patterns in ways.items()}


def rows() -> tuple[Any, Any]:
    draw = np.random.default_rng(0)
    X = draw.standard_normal((20_000, 20))
    [X[::2, 3]] = struct.unpack("<d", VALUE)
    return X, X[:, 0] > 0


def main(head: str) -> None:
    X, y = rows()
    labels = np.where(y, LABEL, "other")

    def fits() -> list[str]:
        models = LinearRegression().fit(X, y.astype(float)), LogisticRegression(tol=1e-3).fit(X, labels)
        return [shardlearn.fingerprint(model) for model in models]

    wanted = fits()
    with shardlearn.engine("ray", address=head) as engine:
        print(json.dumps({"identical": fits() == wanted, "workers": engine.workers}))


if __name__ == "__main__":
    main(sys.argv[1])
