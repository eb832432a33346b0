"""A contender's own process: loads the data once, then fits and times on command (JSON lines)."""

from __future__ import annotations

import gc
import json
import logging
import sys
import time
import warnings
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from .data import load
from .peers import DASK, INTEL, US, estimator


class Fallback(logging.Handler):
    """Notices when scikit-learn-intelex hands a fit over to scikit-learn."""

    seen = False

    def emit(self, record: logging.LogRecord) -> None:
        self.seen = self.seen or "fallback" in record.getMessage()


def main() -> None:
    warnings.simplefilter("ignore")  # that a loose tolerance has not converged is what the race finds out
    reply = sys.stdout
    sys.stdout = sys.stderr
    task = json.loads(sys.stdin.readline())
    X, y = load(Path(task["folder"]), task["target"])
    if task["library"] == DASK:
        import dask.array as da

        X, y = (da.from_array(a, chunks=(-(-len(a) // task["threads"]), *a.shape[1:])) for a in (X, y))
    fallback = Fallback()
    if task["library"] == INTEL:
        estimator(task["task"], INTEL, None, None)  # importing it sets its log up
        log = logging.getLogger("sklearnex")
        log.handlers, log.propagate, log.level = [fallback], False, logging.INFO
    print(json.dumps({"ready": True}), file=reply, flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        model = estimator(task["task"], task["library"], task["solver"], order["tol"])
        gc.collect()
        with _threads(task["library"], task["threads"]):
            began = time.perf_counter()
            model.fit(X, y)
            took = time.perf_counter() - began
        print(json.dumps({"seconds": took, "fallback": fallback.seen, **_model(model)}), file=reply, flush=True)


def _threads(library: str, threads: int):
    if library != US:
        return nullcontext()  # the environment says it
    import shardlearn

    return shardlearn.engine("threads", workers=threads)


def _model(model) -> dict:
    W = np.atleast_2d(np.asarray(model.coef_, np.float64))
    b = np.broadcast_to(np.asarray(model.intercept_, np.float64).reshape(-1), len(W))
    report = getattr(model, "report_", None)
    passes = getattr(report, "passes", None)
    iterations = np.max(getattr(model, "n_iter_", None) or 0) if passes is None else passes
    steps = int(np.max(getattr(model, "n_iter_", None) or 0))
    return {"W": W.tolist(), "b": b.tolist(), "passes": None if iterations is None else int(iterations), "steps": steps}


if __name__ == "__main__":
    main()
