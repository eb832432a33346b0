"""A process of its own that joins a Ray cluster and prints what came of it, as JSON.

python -m tests.engines.ray_joined HOST:PORT INSECURE
"""

from __future__ import annotations

import json
import sys

from tests.engines.ray_alone import data, state

import shardlearn
from shardlearn.linear_model import LinearRegression


def main(address: str, insecure: bool) -> None:
    X, y = data()
    wanted = shardlearn.fingerprint(LinearRegression().fit(X, y))
    before = state()
    try:
        with shardlearn.engine("ray", address=address, allow_insecure=insecure) as engine:
            equal = shardlearn.fingerprint(LinearRegression().fit(X, y)) == wanted
            out = {"equal": equal, "workers": engine.workers, "who": getattr(engine, "workers_from", "")}
    except shardlearn.EngineError as error:
        out = {"error": str(error)}
    after = state()
    print(json.dumps(out | {"changed": [name for name in before if before[name] != after[name]]}))


if __name__ == "__main__":
    main(sys.argv[1], bool(int(sys.argv[2])))
