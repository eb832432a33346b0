"""Silhouettes of some rows against all rows, in two passes over data of any size.

s = (b - a) / max(a, b): a is the mean distance of a row to the others of its cluster, b the least mean distance to the
rows of another cluster (Rousseeuw 1987). Of a row alone in its cluster it is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.utils import check_random_state

from shardlearn import engines, kernels
from shardlearn.core.errors import InputError, ParameterError
from shardlearn.core.events import ignore
from shardlearn.core.matrix import Array, Floats, Ints, take_rows
from shardlearn.core.query import Query
from shardlearn.core.statistic import Statistic
from shardlearn.data import Laid, Source, Spec, lay_out, open_source, verify
from shardlearn.statistics.beside import Beside
from shardlearn.statistics.labels import LabelCounts, Labels
from shardlearn.statistics.seeding import Drawn, DrawnRows
from shardlearn.statistics.silhouette import AT_ONCE, Distances, DistanceSums
from shardlearn.statistics.survey import Survey
from shardlearn.statistics.unit_rows import UnitRows

FEW_CLUSTERS = "SL2332"
Distance = Literal["euclidean", "cosine"]
STREAM = 1 << 31  # of the draws: rows that no search of k-means draws with the same seed


@dataclass(frozen=True, slots=True)
class Silhouettes:
    """The sampled rows, in the order of the data.

    Attributes
    ----------
    row : ndarray of shape (m,)
        Numbers of the rows.
    label : ndarray of shape (m,)
        Their clusters.
    value : ndarray of shape (m,)
        Their silhouettes, between -1 and 1.
    rows : int
        Rows that each of them was compared with: all there are.
    """

    row: Ints
    label: Array
    value: Floats
    rows: int

    @property
    def mean(self) -> float:
        """What `silhouette_score` says."""
        return math.fsum(self.value.tolist()) / len(self.value)


def silhouette_score(
    X: Any,
    labels: Any,
    *,
    metric: Distance | None = None,
    sample_size: int | None = 1000,
    random_state: Any = None,
) -> float:
    """Mean silhouette of a sample of rows.

    Parameters
    ----------
    X, labels, metric, sample_size, random_state
        As in `silhouette_samples`.

    Returns
    -------
    float
        Between -1 and 1; its standard error is at most 1 / sqrt(sample_size).
    """
    return silhouette_samples(X, labels, metric=metric, sample_size=sample_size, random_state=random_state).mean


def silhouette_samples(
    X: Any,
    labels: Any,
    *,
    metric: Distance | None = None,
    sample_size: int | None = 1000,
    random_state: Any = None,
) -> Silhouettes:
    """Silhouettes of a sample of rows, each against all rows.

    A sampled row's mean distances are those to every row of each cluster: its silhouette is exact, only the choice of
    rows is chance. (scikit-learn's `sample_size` also leaves the other rows out.) That takes two passes and
    ``sample_size`` distances a row, as much as an iteration of k-means with so many clusters in float64. The bits do
    not depend on workers, engine and files.

    Parameters
    ----------
    X : array, sparse matrix, frame, path, glob, or anything that `shardlearn.read` takes
        Rows of shape (n_samples, n_features); data on disk may be larger than memory.
    labels : array of shape (n_samples,), str, or a fitted model
        The cluster of each row, the name of the column that holds it, or what has ``predict(X)``, whose answers are
        held in memory.
    metric : {"euclidean", "cosine"}, default=None
        The distance; "cosine": 1 - cosine, which is 1 where a row is all zeros. None: "cosine" where `labels` is a
        model with ``metric="cosine"``, else "euclidean".
    sample_size : int, default=1000
        Rows whose silhouettes are computed; they are held in memory. None: all rows.
    random_state : int or RandomState instance, default=None
        Of the sample. None: always the same rows.

    Returns
    -------
    Silhouettes
        Row numbers, labels and values of the sample.

    Raises
    ------
    ParameterError
        `metric` or `sample_size` is none of the above.
    InputError
        There are fewer than two clusters, or as many as rows; missing or infinite values.
    """
    asked: Any = sample_size
    if asked is not None and not (isinstance(asked, (int, np.integer)) and asked >= 1):
        raise ParameterError(
            f"sample_size must be None or a whole number of 1 or more, found {asked!r}.",
            code="SL1001",
            where="silhouette_samples(sample_size=...)",
        )
    if metric not in (None, "euclidean", "cosine"):
        raise ParameterError(
            f'metric must be "euclidean", "cosine" or None, found {metric!r}.',
            code="SL1001",
            where="silhouette_samples(metric=...)",
        )
    unit = (metric or getattr(labels, "metric", None)) == "cosine"
    seed = 0 if random_state is None else int(check_random_state(random_state).randint(2**31 - 1))
    source = X if isinstance(X, Source) else open_source(X)
    try:
        laid = _laid(source, labels, X)
        if laid.y_kind is None or laid.y_shape:
            raise InputError(
                "labels should be a 1d array.",
                code="SL2331",
                where="silhouette_samples(labels=...)",
                needed="one label for each row, the name of their column, or a fitted model",
            )
        most = min(sample_size or laid.rows, laid.rows)
        return _measured(laid, Drawn(laid.n_features, most, seed, STREAM), unit)
    finally:
        if source is not X:
            source.close()


def _laid(source: Source, labels: Any, X: Any) -> Laid:
    """The rows with their clusters as the target."""
    if not hasattr(labels, "predict"):
        return lay_out(source, labels)
    found = labels.predict(X)
    names = getattr(labels, "feature_names_in_", None)
    spec = Spec(fitted=None if names is None or source.in_memory else tuple(names))
    return lay_out(source, found.to_numpy() if hasattr(found, "to_numpy") else found, None, spec)


def _measured(laid: Laid, asked: Drawn, unit: bool) -> Silhouettes:
    engine = engines.current()
    data = engine.open(laid.blocks)

    def fold(measure: Statistic[Any]) -> Any:
        query = Query(measure, beside=32 * AT_ONCE)
        engine.must_fit(data, [query])
        return engine.fold({"train": data}, query, emit=ignore)

    try:
        survey, counted, drawn = fold(Beside((Survey(laid), Labels(), asked)))
        verify.check(laid, survey)
        _check(counted)
        sample = _ascending(drawn)
        if not unit:
            points = kernels.centers_of(sample.X, laid.sparse)
            return _silhouettes(sample.id, counted.values, fold(DistanceSums(sample.id, points, counted.values)))
        X, aimless = kernels.normalized(sample.X)
        points = kernels.centers_of(X, laid.sparse)
        data = engine.refine(data, UnitRows())
        far = fold(DistanceSums(sample.id, points, counted.values, aimless))
        far.sums[np.arange(len(aimless)), far.own] -= aimless  # a row is at 0 from itself
        return _silhouettes(sample.id, counted.values, far)
    finally:
        engine.close(data)


def _check(found: LabelCounts) -> None:
    n, k = int(found.counts.sum()), len(found.values)
    if found.too_many or not 2 <= k <= n - 1:
        count = "too large" if found.too_many else k
        raise InputError(
            f"Number of labels is {count}. Valid values are 2 to n_samples - 1 (inclusive)",
            code=FEW_CLUSTERS,
            found=f"more than {Labels().limit:,} labels" if found.too_many else f"{k} labels of {n:,} rows",
            needed=f"two clusters or more, fewer than rows, and no more than {Labels().limit:,}",
        )


def _ascending(drawn: DrawnRows) -> DrawnRows:
    order = np.argsort(drawn.id)
    return DrawnRows(drawn.key[order], drawn.id[order], take_rows(drawn.X, order))


def _silhouettes(ids: Ints, labels: Array, far: Distances) -> Silhouettes:
    own, at = far.own, np.arange(len(ids))
    size = far.counts[own]
    within = far.sums[at, own] / np.maximum(size - 1, 1)
    means = far.sums / far.counts
    means[at, own] = np.inf
    between = means.min(axis=1)
    larger = np.maximum(within, between)
    value = np.divide(between - within, larger, out=np.zeros(len(ids)), where=(size > 1) & (larger > 0))
    return Silhouettes(ids, labels[own], value, int(far.counts.sum()))
