"""Where the searches of k-means begin, and which of their results counts."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from shardlearn.core.errors import ParameterError
from shardlearn.core.matrix import Floats
from shardlearn.core.solver import Status
from shardlearn.faces.session import Session
from shardlearn.solvers.clusters import Clusters
from shardlearn.solvers.kmeans import KMeansState

RESTARTS = 10  # of n_init="auto", where rows are taken at random or a callable says where to begin
BY_DISTANCE = ("k-means||", "k-means++")
APART = 32  # bits between the seeds of restarts


def restarts(model: Any, fit: Session, X: Any, seed: int) -> list[Clusters]:
    """One problem for each restart; X where it is in memory."""
    laid, init = fit.laid, model.init
    weighted = laid.empty().weight is not None
    unit = model.metric == "cosine"
    problem = Clusters(fit.shape, int(model.n_clusters), laid.dtype == "float32", weighted, seed, unit=unit)
    given = not (isinstance(init, str) or callable(init))
    times = model.n_init if model.n_init != "auto" else 1 if given or init in BY_DISTANCE else RESTARTS
    if given and times != 1:
        warnings.warn(
            f"Explicit initial center position passed: performing only one init in KMeans instead of n_init={times}.",
            RuntimeWarning,
            stacklevel=4,
        )
        times = 1
    problems = [replace(problem, seed=seed + (i << APART)) for i in range(int(times))]
    if isinstance(init, str):
        return problems
    return [replace(one, start=start(model, fit, X, seed + i)) for i, one in enumerate(problems)]


def start(model: Any, fit: Session, X: Any, seed: int) -> Floats:
    """Centres that were given, or that a callable makes of the data."""
    found, name = model.init, type(model).__name__
    if callable(found):
        if X is None:
            raise ParameterError(
                f"{name} does not support a callable init for data that is not in memory.",
                code="SL1002",
                where=f"{name}(init=...)",
                fix='init="k-means++", or an array of centres',
            )
        found = found(X, model.n_clusters, random_state=np.random.RandomState(seed % 2**32))
    dense = found.toarray() if sparse.issparse(found) else found
    centers = np.ascontiguousarray(np.asarray(dense, fit.laid.dtype), np.float64)
    p, words = fit.laid.n_features, f"The shape of the initial centers {centers.shape} does not match the number of"
    if centers.ndim != 2 or len(centers) != model.n_clusters:
        raise _wrong(name, f"{words} clusters {model.n_clusters}.")
    if centers.shape[1] != p:
        raise _wrong(name, f"{words} features of the data {p}.")
    if not np.isfinite(centers).all():
        raise _wrong(name, "Input init contains NaN or infinity.")
    if getattr(model, "metric", "euclidean") == "cosine" and not centers.any(axis=1).all():
        raise _wrong(name, "Input init contains a row of zeros, which has no direction.")
    return centers


def best(states: Sequence[KMeansState]) -> KMeansState:
    """The least inertia, the first of equals; of a fit that was stopped, one that came far."""

    def rank(state: KMeansState) -> tuple[bool, float, int]:
        lloyd = state.lloyd
        if lloyd is None:
            return True, 0.0, 0
        running = lloyd.status is Status.RUNNING
        return running, 0.0 if running else lloyd.inertia, -lloyd.iterations

    return min(states, key=rank)


def _wrong(name: str, words: str) -> ParameterError:
    return ParameterError(words, code="SL1006", where=f"{name}(init=...)", needed="finite centres of that shape")
