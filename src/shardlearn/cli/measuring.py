"""A model's metrics on rows whose target is known, in one pass of any length."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import is_clusterer

from shardlearn import config, engines
from shardlearn.core.block import Block
from shardlearn.core.errors import InputError
from shardlearn.core.events import ignore
from shardlearn.core.matrix import Array, Ints
from shardlearn.data import Laid, Source
from shardlearn.faces.answers import NewData
from shardlearn.faces.clean import Clean, counted
from shardlearn.faces.predictions import Method
from shardlearn.metrics import Classification, ClassScores, Regression, RegressionScores
from shardlearn.metrics.silhouette import FEW_CLUSTERS, silhouette_samples
from shardlearn.neighbors._search import Search, searched
from shardlearn.observe import counting

from .output import Usage


@dataclass(frozen=True, slots=True)
class ClusterScores:
    """`inertia`: sum of squared distances to the nearest centre; `silhouette`: of that many rows, or None."""

    rows: int
    inertia: float
    silhouette: float | None
    silhouette_rows: int


Scores = ClassScores | RegressionScores | ClusterScores


def measure(estimator: Any, source: Source, target: str | None, weight: str | None) -> Scores:
    """Metrics of an estimator's predictions for a source; one pass, where it predicts a target."""
    known = hasattr(estimator, "classes_")
    if is_clusterer(estimator):
        return _clusters(estimator, source, weight)
    if not hasattr(estimator, "predict"):
        raise Usage(f"{type(estimator).__name__} predicts nothing that could be measured")
    if target is None:
        raise Usage("--target is missing: the column that holds what is true")
    found = (estimator.predict_proba if known else estimator.predict)(source)
    what = f"{type(estimator).__name__}, evaluating"
    laid = NewData.of(estimator, source).lay_out(target, weight)
    if not known and laid.y_kind == "str":
        raise InputError(f'Column "{target}" holds no numbers.', code="SL2903", found="text", needed="numbers")
    with counted(laid), answers(laid, found.method, what) as blocks:
        if known:
            return _classes(blocks, found.method, estimator.classes_, weight is not None)
        return _values(blocks, found.method, weight is not None)


@contextmanager
def answers(laid: Laid, method: Method, what: str) -> Iterator[Iterator[Block]]:
    """What the method says for each block, with y and weight; shows where that stands when it takes long."""
    engine = engines.current()
    if isinstance(method, Search):
        with counting(what, engine, laid.rows, laid.source.label) as through:
            yield through(searched(method, laid, engine))
        return
    data = engine.open(laid.blocks)
    try:
        with counting(what, engine, laid.rows, laid.source.label) as through:
            yield through(engine.stream(data, Clean(method), emit=ignore))
    finally:
        engine.close(data)


def _clusters(estimator: Any, source: Source, weight: str | None) -> ClusterScores:
    inertia = -estimator.score(source, sample_weight=weight)
    try:
        found = silhouette_samples(source, estimator)
    except InputError as error:
        if error.code != FEW_CLUSTERS:
            raise
        return ClusterScores(source.count(), inertia, None, 0)
    return ClusterScores(found.rows, inertia, found.mean, len(found.row))


def _values(blocks: Iterator[Block], method: Method, weighted: bool) -> RegressionScores:
    out = Regression(weighted)
    for block in blocks:
        out.add(true(block).astype(np.float64), method.values(block).astype(np.float64), block.weight)
    return out.result()


def _classes(blocks: Iterator[Block], method: Method, classes: Array, weighted: bool) -> ClassScores:
    cache = config.cache_folder()
    out = Classification(len(classes), weighted, None if cache is None else str(cache))
    try:
        for block in blocks:
            predicted = codes(method.columns(block)["prediction"], classes)
            out.add(codes(true(block), classes), predicted, method.values(block), block.weight)
        return out.result()
    finally:
        out.ranking.close()


def true(block: Block) -> Array:
    """What is known of the rows."""
    assert block.y is not None
    return block.y


def codes(labels: Array, classes: Array) -> Ints:
    """Position of each label among the classes; -1: none of them. 1, 1.0 and True are one label, as in scikit-learn."""
    text = [array.dtype.kind in "UO" for array in (labels, classes)]
    if any(text):
        if not all(text):
            return np.full(len(labels), -1, np.int64)
        labels, classes = labels.astype(np.str_), classes.astype(np.str_)
    elif "f" in (labels.dtype.kind, classes.dtype.kind):
        labels, classes = labels.astype(np.float64), classes.astype(np.float64)
    else:
        labels, classes = labels.astype(np.int64), classes.astype(np.int64)
    at = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
    out: Ints = np.where(classes[at] == labels, at, -1)
    return out
