"""A process of its own that fits everything and prints all fingerprints, and under which settings, as JSON.

python -m tests.laws.fit_all WORKERS
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
import threadpoolctl
from tests.laws.subjects import SOLVED
from tests.probes.plain import fingerprint
from tests.probes.registry import fit

import shardlearn
from shardlearn import kernels
from shardlearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans
from shardlearn.engines.pool import PoolEngine
from shardlearn.engines.room import Room
from shardlearn.engines.threads import ThreadPool
from shardlearn.linear_model import LinearRegression, LogisticRegression, Ridge
from shardlearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestNeighbors,
    RadiusNeighborsClassifier,
)

Array = np.ndarray[Any, Any]


def table(n: int, p: int) -> tuple[Array, Array]:
    """Rows of several blocks, and what they say of y: no BLAS, no transcendental function."""
    draw = np.random.default_rng(p)
    X = (draw.random((n, p)) - 0.25) * (1.0 + np.arange(p) % 5)
    score = np.zeros(n)
    for t in range(min(p, 9)):
        score += X[:, t] * (-1) ** t
    return X, score + draw.random(n)


def models() -> Iterator[tuple[str, Any, Any, Array | None, Array | None]]:
    """Name, model, X, y, weights."""
    X, score = table(40_000, 17)
    weight = np.floor(np.random.default_rng(0).random(40_000) * 4) / 2
    binary, classes = np.where(score > 0.5, "late", "in time"), np.digitize(score, [-2.0, 0.0, 2.0])
    wide, wide_score = table(2_500, 400)
    csr = sp.csr_array(np.where(X > 1.0, X, 0.0))
    yield "least squares", LinearRegression(), X, score, None
    yield "least squares, weights, float32", LinearRegression(), X.astype(np.float32), score, weight
    yield "least squares, two targets", LinearRegression(), X, np.stack([score, weight], axis=1), None
    yield "least squares, positive", LinearRegression(positive=True), X, score, None
    yield "least squares, rank", LinearRegression(), np.concatenate([X, X[:, :3]], axis=1), score, None
    yield "least squares, wide", LinearRegression(), wide, wide_score, None
    yield "ridge", Ridge(alpha=2.0), X, score, weight
    yield "ridge, sparse", Ridge(), csr, score, None
    yield "ridge, wide", Ridge(), wide.astype(np.float32), wide_score, None
    yield "logistic", LogisticRegression(), X, binary, None
    yield "logistic, weights, float32", LogisticRegression(), X.astype(np.float32), binary, weight
    yield "logistic, classes", LogisticRegression(class_weight="balanced"), X, classes, None
    yield "logistic, sparse", LogisticRegression(), csr, binary, None
    yield "logistic, wide", LogisticRegression(), wide, wide_score > 0.5, None
    yield "k-means", KMeans(9, random_state=1, max_iter=20), X, None, weight
    yield "k-means, float32", KMeans(20, random_state=2, max_iter=20), X.astype(np.float32), None, None
    yield "k-means, one by one", KMeans(4, init="k-means++", random_state=1, max_iter=20), X, None, None
    yield "k-means, restarts", KMeans(4, init="random", n_init=3, random_state=1, max_iter=20), X, None, None
    yield "k-means, sparse", KMeans(5, random_state=1, max_iter=20), csr, None, None
    yield "k-means, wide", KMeans(30, random_state=1, max_iter=20), wide, None, None
    yield "bisecting", BisectingKMeans(7, random_state=1, max_iter=5), X, None, weight
    yield (
        "bisecting, float32",
        BisectingKMeans(9, init="k-means++", random_state=2),
        X[:9000].astype(np.float32),
        None,
        None,
    )
    yield "bisecting, sparse", BisectingKMeans(5, n_init=2, random_state=1, max_iter=5), csr, None, None
    yield "mini-batch", MiniBatchKMeans(9, random_state=1), X, None, weight
    yield "mini-batch, float32", MiniBatchKMeans(20, tol=1e-3, random_state=2), X.astype(np.float32), None, None
    yield "mini-batch, sparse", MiniBatchKMeans(5, init="random", random_state=1), csr, None, weight
    many_sizes = np.ldexp(weight, -(np.arange(len(X)) % 40))
    yield "k-means, weights of many sizes", KMeans(9, random_state=1, max_iter=20), X, None, many_sizes
    yield "cosine", KMeans(9, random_state=1, max_iter=20, metric="cosine"), X, None, weight
    yield "cosine, sparse", KMeans(5, random_state=1, max_iter=20, metric="cosine"), csr, None, None
    few, some = X[:3000], binary[:3000]
    yield "neighbours", KNeighborsClassifier(9, weights="distance", algorithm="brute"), few, some, None
    yield "neighbours, float32", KNeighborsRegressor(9), few.astype(np.float32), score[:3000], None
    yield "neighbours, a tree", KNeighborsClassifier(3, algorithm="kd_tree"), few[:, :3], some, None
    for metric in ("cosine", "manhattan", "chebyshev", "hamming", "inner_product"):
        yield f"neighbours, {metric}", NearestNeighbors(metric=metric, n_neighbors=5), few, None, None
    yield "neighbours, sparse", NearestNeighbors(n_neighbors=5), csr[:2000], None, None
    yield "within a radius", RadiusNeighborsClassifier(3.0, outlier_label="most_frequent"), few, some, None
    for solver in ("lbfgs", "newton-cholesky", "gradient-descent"):
        model = LogisticRegression(solver=solver, tol=1e-2, max_iter=1000)
        yield f"logistic, {solver}", model, X[:, :6], classes, None


def of_models() -> Iterator[tuple[str, str]]:
    for name, model, X, y, weight in models():
        weighted = {} if weight is None else {"sample_weight": weight}
        yield name, shardlearn.fingerprint(model.fit(X, y, **weighted))
        answers = [getattr(model, method)(X) for method in METHODS if hasattr(model, method)]
        digest = hashlib.sha256(b"".join(np.ascontiguousarray(answer).tobytes() for answer in answers))
        yield f"{name}, predictions", digest.hexdigest()


METHODS = ("kneighbors", "transform", "predict", "predict_proba", "predict_log_proba", "decision_function")


def main(workers: int) -> None:
    room = Room()
    engine = PoolEngine("threads", ThreadPool(workers, room), room)
    found = {f"solver: {name}": fingerprint(fit(probe, engine)[0]) for name, probe in SOLVED.items()}
    with shardlearn.engine("threads", workers=workers):
        found |= dict(of_models())
    features = np._core._multiarray_umath.__cpu_features__
    pools = threadpoolctl.ThreadpoolController().select(internal_api="openblas").info()
    blas = [(pool["architecture"], pool["num_threads"]) for pool in pools]
    settings = {"simd": kernels.simd(), "avx512": features["X86_V4"], "blas": sorted(map(list, blas))}
    print(json.dumps({"settings": settings, "fingerprints": found}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
