"""One library's own process: makes the rows, fits, then answers and times on command (JSON lines)."""

from __future__ import annotations

import gc
import gzip
import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from .settings import DATA, rows

QUERIES = 10_000
FEW = 10  # features for which trees are made
US, FAISS, SCIPY = "shardlearn", "faiss-cpu", "SciPy cKDTree"
LIBRARIES = (US, "scikit-learn", "scikit-learn-intelex", FAISS)


def load(table: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows and queries, float32."""
    if "MNIST" in table:
        train, test = (_images(Path(DATA or "", "fashion_mnist", f"{part}-images-idx3-ubyte.gz")) for part in PARTS)
        return train[: rows(len(train))], test[: rows(len(test))]
    n, p = (int(part.replace(",", "")) for part in table.split(" x "))
    rng = np.random.default_rng(0)
    return rng.standard_normal((rows(n), p), np.float32), rng.standard_normal((rows(QUERIES), p), np.float32)


PARTS = ("train", "t10k")


def _images(path: Path) -> np.ndarray:
    with gzip.open(path) as file:
        return np.frombuffer(file.read()[16:], np.uint8).reshape(-1, 784).astype(np.float32)


def search(library: str, X: np.ndarray) -> Callable[[np.ndarray, int], np.ndarray]:
    """A function from queries and k to ids."""
    if library == FAISS:
        import faiss

        index = faiss.IndexFlatL2(X.shape[1])
        index.add(X)
        return lambda Q, k: index.search(Q, k)[1]
    if library == SCIPY:
        from scipy.spatial import cKDTree

        tree = cKDTree(X)
        return lambda Q, k: tree.query(Q, k, workers=-1)[1]
    if library == US:
        from shardlearn.neighbors import NearestNeighbors
    elif library == "scikit-learn":
        from sklearn.neighbors import NearestNeighbors
    else:
        from sklearnex.neighbors import NearestNeighbors
    model = NearestNeighbors(algorithm="brute" if X.shape[1] > FEW else "kd_tree").fit(X)
    return lambda Q, k: model.kneighbors(Q, k)[1]


def main() -> None:
    library, table, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    reply = sys.stdout
    sys.stdout = sys.stderr
    X, Q = load(table)
    found = search(library, X)
    for line in sys.stdin:
        order = json.loads(line)
        gc.collect()
        with _threads(library, threads):
            began = time.perf_counter()
            ids = found(Q, order["k"])
            took = time.perf_counter() - began
        if order["write"]:
            np.save(order["write"], np.asarray(ids, np.int64))
        print(json.dumps({"seconds": took, "flops": 2.0 * len(X) * len(Q) * X.shape[1]}), file=reply, flush=True)


def _threads(library: str, threads: int):
    if library != US:
        return nullcontext()  # the environment says it
    import shardlearn

    return shardlearn.engine("threads", workers=threads)


if __name__ == "__main__":
    main()
