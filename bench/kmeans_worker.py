"""A contender's own process: `python -m bench.kmeans_worker LIBRARY ALGORITHM FOLDER THREADS`, then JSON lines."""

from __future__ import annotations

import gc
import json
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from .kmeans import ARRAY, BATCHES, FAISS, FIT, HALVES, HELD, PASS, READ, SPARK, STREAMED, SUPER
from .parquet import LEAN, own_threads
from .peers import DASK, INTEL, US
from .settings import THREADS

LEAST = 90_000_000  # bytes of memory in which two threads can stream
Fit = Callable[[Any], np.ndarray]  # rows -> centres


def main(library: str, algorithm: str, folder: str, threads: str) -> None:
    warnings.simplefilter("ignore")  # that a fixed number of iterations has not converged
    reply = sys.stdout
    sys.stdout = sys.stderr
    sparse = Path(folder, "X.npz")
    X = as_csr(sp.load_npz(sparse)) if sparse.exists() else np.load(Path(folder, "X.npy"))
    start = np.load(Path(folder, "start.npy"))
    for line in sys.stdin:
        order = json.loads(line)
        try:
            if order["task"] == PASS:
                answer = labelled(library, X, start, int(threads))
            elif order["task"] == HELD:
                answer = held(algorithm, folder, start, order["iterations"], int(threads))
            else:
                answer = timed(fitter(library, algorithm, folder, start, order), X, library, int(threads))
        except ImportError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), file=reply, flush=True)


def as_csr(X: Any) -> sp.csr_matrix:
    """With the indices that all libraries take."""
    return sp.csr_matrix((X.data, X.indices.astype(np.int32), X.indptr.astype(np.int32)), X.shape)


def timed(fit: Fit, X: Any, library: str, threads: int) -> dict[str, Any]:
    gc.collect()
    with within(library, threads):
        began = time.perf_counter()
        centers = fit(X)
        took = time.perf_counter() - began
    return {"seconds": took, "inertia": inertia(X, np.asarray(centers, np.float64))}


def labelled(library: str, X: Any, start: np.ndarray, threads: int) -> dict[str, Any]:
    """The label of each row, by a model that is there before the clock starts."""
    with within(library, threads):
        label = labeller(library, X, start)
        gc.collect()
        began = time.perf_counter()
        found = label(X)
        took = time.perf_counter() - began
    apart = 0.0
    for first in range(0, X.shape[0], 8192):
        rows = X[first : first + 8192]
        dense = np.asarray(rows.toarray() if sp.issparse(rows) else rows, np.float64)
        apart += float(np.square(dense - start[found[first : first + 8192]]).sum())
    answer = {"seconds": took, "inertia": apart}
    return answer if sp.issparse(X) else answer | {"flops": 2.0 * X.shape[0] * start.size}


def labeller(library: str, X: Any, start: np.ndarray) -> Fit:
    """Rows -> labels under these centres."""
    if library == FAISS:
        import faiss

        index = faiss.IndexFlatL2(start.shape[1])
        index.add(start)
        return lambda X: index.search(X, 1)[1][:, 0]
    if library == SUPER:
        import superkmeans

        model = superkmeans.SuperKMeans(*start.shape, n_threads=THREADS)
        return lambda X: model.assign(X, start)
    twice = np.concatenate([start, start])  # each is a cluster of its own: the centres stay
    rows = sp.csr_matrix(twice) if sp.issparse(X) else twice
    return family(library).KMeans(len(start), init=start, n_init=1, max_iter=1).fit(rows).predict


def held(way: str, folder: str, start: np.ndarray, iterations: int, threads: int) -> dict[str, Any]:
    """The same fit of the array, or of a file under a memory limit; or the file read as often."""
    import shardlearn
    from shardlearn.cluster import KMeans

    X, path = np.load(Path(folder, "X.npy")), str(Path(folder, "X.parquet"))
    limit = max(int(0.9 * X.nbytes), LEAST) if way == STREAMED else 4 * X.nbytes + LEAST
    model = KMeans(len(start), init=start, n_init=1, tol=0.0, max_iter=iterations)
    gc.collect()
    began = time.perf_counter()
    if way == READ:
        for _ in range(iterations):
            own_threads(65_536, **LEAN)(path)
        return {"seconds": time.perf_counter() - began, "inertia": float("nan")}
    with shardlearn.engine("threads", workers=threads, memory=limit):
        model.fit(X if way == ARRAY else path)
    return {"seconds": time.perf_counter() - began, "inertia": model.inertia_}


def within(library: str, threads: int) -> Any:
    if library == FAISS:
        import faiss

        faiss.omp_set_num_threads(threads)
    if library != US:
        return nullcontext()  # the environment says it
    import shardlearn

    return shardlearn.engine("threads", workers=threads)


def fitter(library: str, algorithm: str, folder: str, start: np.ndarray, order: dict[str, Any]) -> Fit:
    """From the start with so many iterations, or from the library's own seeding with one."""
    k, task, most = len(start), order["task"], order["iterations"]
    if library == SPARK:
        return of_spark(folder, start, most)
    if library in FITTERS:
        return FITTERS[library](start, most)
    kinds, name = family(library), {HALVES: "BisectingKMeans", BATCHES: "MiniBatchKMeans"}.get(task, "KMeans")
    settings: dict[str, Any] = {"algorithm": algorithm} if algorithm else {}
    if task == FIT:
        settings |= {"init": start, "max_iter": most}
    elif task == BATCHES:
        settings |= {"init": start, "max_iter": 1, "max_no_improvement": None}
    else:
        settings |= {"max_iter": most if task == HALVES else 1}
    model = getattr(kinds, name)(k, n_init=1, tol=0.0, random_state=order["seed"], **settings)
    return lambda X: model.fit(X).cluster_centers_


def family(library: str) -> Any:
    if library == US:
        import shardlearn.cluster as kinds
    elif library == INTEL:
        import sklearnex.cluster as kinds
    else:
        import sklearn.cluster as kinds
    return kinds


def of_faiss(start: np.ndarray, iterations: int) -> Fit:
    """All points count, as they do for the others."""
    import faiss

    def fit(X: np.ndarray) -> np.ndarray:
        model = faiss.Kmeans(X.shape[1], len(start), niter=iterations, max_points_per_centroid=1 << 30, seed=1)
        model.train(X, init_centroids=start)
        return model.centroids

    return fit


def of_super(start: np.ndarray, iterations: int) -> Fit:
    """All rows, all iterations, in float32 and without levels; it starts at rows of its own choice."""
    import superkmeans

    def fit(X: np.ndarray) -> np.ndarray:
        settings = {"hierarchical": False, "sampling_fraction": 1.0, "max_points_per_cluster": len(X)}
        model = superkmeans.SuperKMeans(
            len(start), X.shape[1], iters=iterations, n_threads=THREADS, early_termination=False, **settings
        )
        return model.train(X)

    return fit


def of_dask(start: np.ndarray, iterations: int) -> Fit:
    import dask.array
    from dask_ml.cluster import KMeans

    def fit(X: np.ndarray) -> np.ndarray:
        rows = dask.array.from_array(X, chunks=(-(-len(X) // THREADS), X.shape[1]), name=False)
        return KMeans(len(start), init=start, max_iter=iterations, tol=0.0).fit(rows).cluster_centers_

    return fit


def of_spark(folder: str, start: np.ndarray, iterations: int) -> Fit:
    """A start of its own choice."""
    from pyspark.ml.clustering import KMeans

    rows = in_java(folder)
    model = KMeans(k=len(start), initMode="random", maxIter=iterations, tol=0.0, seed=1)
    return lambda X: np.array(model.fit(rows).clusterCenters())


@cache
def in_java(folder: str) -> Any:
    """The rows in Java's memory, before a clock starts."""
    from pyspark.ml.feature import VectorAssembler
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master(f"local[{THREADS}]").config("spark.driver.memory", "8g").getOrCreate()
    table = session.read.parquet(str(Path(folder, "X.parquet"))).repartition(4 * THREADS)
    rows = VectorAssembler(inputCols=table.columns, outputCol="features").transform(table).select("features").cache()
    rows.count()
    return rows


FITTERS = {FAISS: of_faiss, SUPER: of_super, DASK: of_dask}


def inertia(X: Any, centers: np.ndarray) -> float:
    total, half = 0.0, 0.5 * (centers * centers).sum(axis=1)
    for first in range(0, X.shape[0], 8192):
        part = X[first : first + 8192].astype(np.float64)
        squares = part.multiply(part) if sp.issparse(part) else part * part
        total += float(squares.sum() + 2.0 * (half - part @ centers.T).min(axis=1).sum())
    return total


if __name__ == "__main__":
    main(*sys.argv[1:])
