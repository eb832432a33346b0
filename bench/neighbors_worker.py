"""One library's own process: makes the rows, fits, then answers and times on command (JSON lines).

Ours may be fitted on a file of the rows, in a memory limit that they fit into or in one that they don't.
"""

from __future__ import annotations

import gc
import gzip
import json
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .parquet import LEAN, own_threads
from .settings import DATA, FOLDER, SCALE, rows

QUERIES = 10_000
FEW = 10  # features for which trees are made
US, FAISS, SCIPY = "shardlearn", "faiss-cpu", "SciPy cKDTree"
CACHED, STREAMED, READ = "Parquet, room for all", "Parquet, room for less", "Parquet, reading alone"
FROM_FILE = (CACHED, STREAMED, READ)
GROUP = 65_536  # rows of a row group
LEAST = 90_000_000  # bytes of memory in which two threads can stream
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


def written(table: str) -> Path:
    """The rows as a file."""
    path = FOLDER / f"neighbors-{table.replace(' ', '')}-{SCALE:g}.parquet"
    if not path.exists():
        columns = {f"x{j}": column for j, column in enumerate(load(table)[0].T)}
        pq.write_table(pa.table(columns), path.with_suffix(".part"), row_group_size=GROUP)
        path.with_suffix(".part").rename(path)
    return path


def from_file(way: str, path: str) -> Callable[[np.ndarray, int], np.ndarray | None]:
    """The same of a file; or the file read once, and no answer."""
    if way == READ:
        read = own_threads(GROUP, **LEAN)

        def alone(Q: np.ndarray, k: int) -> None:
            read(path)

        return alone
    from shardlearn.neighbors import NearestNeighbors

    warnings.simplefilter("ignore")  # that queries have no names of columns
    model = NearestNeighbors(algorithm="brute").fit(path)
    return lambda Q, k: model.kneighbors(Q, k)[1]


def limit(way: str, size: int) -> int | None:
    """Bytes of memory that ours may take, for rows of this size."""
    return {CACHED: 4 * size + LEAST, STREAMED: max(int(0.6 * size), LEAST)}.get(way)


def main() -> None:
    library, table, threads, way = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    reply = sys.stdout
    sys.stdout = sys.stderr
    X, Q = load(table)
    found = from_file(way, str(written(table))) if way else search(library, X)
    for line in sys.stdin:
        order = json.loads(line)
        gc.collect()
        with _threads(library, threads, limit(way, X.nbytes)):
            began = time.perf_counter()
            ids = found(Q, order["k"])
            took = time.perf_counter() - began
        if order["write"] and ids is not None:
            np.save(order["write"], np.asarray(ids, np.int64))
        flops = 0.0 if ids is None else 2.0 * len(X) * len(Q) * X.shape[1]
        print(json.dumps({"seconds": took, "flops": flops, "bytes": X.nbytes}), file=reply, flush=True)


def _threads(library: str, threads: int, memory: int | None):
    if library != US:
        return nullcontext()  # the environment says it
    import shardlearn

    return shardlearn.engine("threads", workers=threads, memory=memory)


if __name__ == "__main__":
    main()
