"""A contender's own process: `python -m bench.kmeans_worker LIBRARY ALGORITHM FOLDER THREADS`, then JSON lines."""

from __future__ import annotations

import gc
import json
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from .kmeans_field import ARRAY, BATCHES, DOUBLE, FAISS, FIT, HALVES, HELD, LLOYD, PASS, READ, SPARK, STREAMED, SUPER
from .parquet import LEAN, own_threads
from .peers import DASK, INTEL, US
from .settings import THREADS

LEAST = 90_000_000  # bytes of memory in which two threads can stream


@dataclass(frozen=True)
class Fitted:
    """Centres, and what else a library tells."""

    centers: Any
    labels: Any = None
    iterations: int | None = None
    passes: int | None = None


Fit = Callable[[Any], Fitted]


def main(library: str, algorithm: str, folder: str, threads: str) -> None:
    warnings.simplefilter("ignore")  # that a fixed number of iterations has not converged
    reply = sys.stdout
    sys.stdout = sys.stderr
    sparse = Path(folder, "X.npz")
    X = as_csr(sp.load_npz(sparse)) if sparse.exists() else np.load(Path(folder, "X.npy"))
    start = np.load(Path(folder, "start.npy"))
    if algorithm == DOUBLE:
        X, start, algorithm = X.astype(np.float64), start.astype(np.float64), LLOYD
    whole = {"bytes": size(X), "flops": 0.0 if sp.issparse(X) else 2.0 * X.shape[0] * start.size}  # of a pass
    for line in sys.stdin:
        order = json.loads(line)
        try:
            if order["task"] == PASS:
                answer = labelled(library, X, start, int(threads))
            elif order["task"] == HELD:
                answer = held(algorithm, folder, start, order["iterations"], int(threads))
            else:
                fit = fitter(library, algorithm, folder, start, order)
                answer = timed(fit, X, library, int(threads), order["write"])
        except ImportError as error:
            answer = {"error": str(error)}
        print(json.dumps(whole | answer), file=reply, flush=True)


def as_csr(X: Any) -> sp.csr_matrix:
    """With the indices that all libraries take."""
    return sp.csr_matrix((X.data, X.indices.astype(np.int32), X.indptr.astype(np.int32)), X.shape)


def size(X: Any) -> int:
    """Bytes."""
    return sum(part.nbytes for part in (X.data, X.indices, X.indptr)) if sp.issparse(X) else X.nbytes


def timed(fit: Fit, X: Any, library: str, threads: int, write: str | None) -> dict[str, Any]:
    gc.collect()
    with within(library, threads):
        began = time.perf_counter()
        found = fit(X)
        took = time.perf_counter() - began
    labels, apart = nearest(X, np.asarray(found.centers, np.float64))
    if write:
        np.save(write, labels if found.labels is None else np.asarray(found.labels, np.int64))
    return {"seconds": took, "inertia": apart, "iterations": found.iterations, "passes": found.passes}


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
    return {"seconds": took, "inertia": apart}


def labeller(library: str, X: Any, start: np.ndarray) -> Callable[[Any], np.ndarray]:
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

    X, path = np.load(Path(folder, "X.npy")), str(Path(folder, "rows.parquet"))
    limit = max(int(0.9 * X.nbytes), LEAST) if way == STREAMED else 4 * X.nbytes + LEAST
    gc.collect()
    began = time.perf_counter()
    if way == READ:
        for _ in range(iterations):
            own_threads(65_536, **LEAN)(path)
        return {"seconds": time.perf_counter() - began, "inertia": float("nan"), "passes": iterations}
    with shardlearn.engine("threads", workers=threads, memory=limit):
        models = [KMeans(len(start), init=start, n_init=1, tol=0.0, max_iter=most) for most in (iterations, 1)]
        ends = [began]
        for model in models:
            model.fit(X if way == ARRAY else path)
            ends.append(time.perf_counter())
    took, first = np.diff(ends)
    passes, begun = (model.report_.passes for model in models)
    later = float(took - first) / max(passes - begun, 1)
    told = {"iterations": models[0].n_iter_, "passes": passes, "later": later}
    return {"seconds": float(took), "inertia": models[0].inertia_, **told}


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
    return lambda X: fitted(model.fit(X))


def fitted(model: Any) -> Fitted:
    """What an estimator of scikit-learn's kind tells."""
    done, passes = getattr(model, "n_iter_", None), getattr(getattr(model, "report_", None), "passes", None)
    return Fitted(model.cluster_centers_, getattr(model, "labels_", None), None if done is None else int(done), passes)


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

    def fit(X: np.ndarray) -> Fitted:
        model = faiss.Kmeans(X.shape[1], len(start), niter=iterations, max_points_per_centroid=1 << 30, seed=1)
        model.train(X, init_centroids=start)
        return Fitted(model.centroids, iterations=len(model.obj))

    return fit


def of_super(start: np.ndarray, iterations: int) -> Fit:
    """All rows, all iterations, in float32 and without levels; it starts at rows of its own choice."""
    import superkmeans

    def fit(X: np.ndarray) -> Fitted:
        settings = {"hierarchical": False, "sampling_fraction": 1.0, "max_points_per_cluster": len(X)}
        model = superkmeans.SuperKMeans(
            len(start), X.shape[1], iters=iterations, n_threads=THREADS, early_termination=False, **settings
        )
        return Fitted(model.train(X), iterations=len(model.iteration_stats))

    return fit


def of_dask(start: np.ndarray, iterations: int) -> Fit:
    import dask.array
    from dask_ml.cluster import KMeans

    def fit(X: np.ndarray) -> Fitted:
        rows = dask.array.from_array(X, chunks=(-(-len(X) // THREADS), X.shape[1]), name=False)
        model = KMeans(len(start), init=start, max_iter=iterations, tol=0.0).fit(rows)
        return Fitted(model.cluster_centers_, iterations=int(model.n_iter_))

    return fit


def of_spark(folder: str, start: np.ndarray, iterations: int) -> Fit:
    """A start of its own choice."""
    from pyspark.ml.clustering import KMeans

    rows = in_java(folder)
    model = KMeans(k=len(start), initMode="random", maxIter=iterations, tol=0.0, seed=1)

    def fit(X: np.ndarray) -> Fitted:
        found = model.fit(rows)
        return Fitted(np.array(found.clusterCenters()), iterations=found.summary.numIter)

    return fit


@cache
def in_java(folder: str) -> Any:
    """The rows in Java's memory, before a clock starts."""
    from pyspark.ml.feature import VectorAssembler
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master(f"local[{THREADS}]").config("spark.driver.memory", "8g").getOrCreate()
    table = session.read.parquet(str(Path(folder, "rows.parquet"))).repartition(4 * THREADS)
    rows = VectorAssembler(inputCols=table.columns, outputCol="features").transform(table).select("features").cache()
    rows.count()
    return rows


FITTERS = {FAISS: of_faiss, SUPER: of_super, DASK: of_dask}


def nearest(X: Any, centers: np.ndarray) -> tuple[np.ndarray, float]:
    """The nearest centre of each row in float64, and the sum of squared distances to them."""
    total, half, labels = 0.0, 0.5 * (centers * centers).sum(axis=1), np.empty(X.shape[0], np.int64)
    for first in range(0, X.shape[0], 8192):
        part = X[first : first + 8192].astype(np.float64)
        squares, scores = part.multiply(part) if sp.issparse(part) else part * part, half - part @ centers.T
        labels[first : first + 8192] = scores.argmin(axis=1)
        total += float(squares.sum() + 2.0 * scores.min(axis=1).sum())
    return labels, total


if __name__ == "__main__":
    main(*sys.argv[1:])
