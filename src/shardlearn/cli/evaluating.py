"""`shardlearn evaluate`: a saved model's metrics on rows whose target is known, in one pass of any length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from shardlearn import config, storage
from shardlearn.core.errors import InputError
from shardlearn.core.matrix import Array, Floats, Ints
from shardlearn.data import Source
from shardlearn.metrics import Classification, ClassScores, Regression, RegressionScores

from . import record
from .flags import Known, Output, Run
from .opening import followed, running, source_of
from .output import answering

LABELS = {
    "accuracy": "accuracy",
    "log_loss": "log loss",
    "brier": "Brier score",
    "auc": "AUC",
    "r2": "R2",
    "mse": "MSE",
    "mae": "MAE",
}


def evaluate(model: str, where: Known, run: Run, output: Output) -> int:
    """The verb; returns the exit code."""
    with answering(output) as answer, running(run):
        target = record.target_of(model, where.target)
        estimator = storage.load(model)
        source = source_of(where)
        try:
            scores = asdict(measure(estimator, source, target, where.weight))
        finally:
            source.close()
        answer.put(model=model, estimator=type(estimator).__name__, target=target, metrics=scores)
        answer.say(f"{type(estimator).__name__} of {model} on {source.label}, target {target}")
        answer.table(table(scores))
        return answer.finish(0)


def table(scores: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Metrics as lines."""
    rows = [("rows", f"{scores['rows']:,}")]
    rows += [(label, f"{scores[name]:.6g}") for name, label in LABELS.items() if scores.get(name) is not None]
    if scores.get("unknown"):
        rows.append(("unknown", f"{scores['unknown']:,} rows have a label that the model was not fitted on"))
    return rows


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of which all is known: what is true, their weights, and what the model says (columns)."""

    true: pa.Array
    weight: Floats | None
    said: list[Array]


def measure(estimator: Any, source: Source, target: str, weight: str | None) -> ClassScores | RegressionScores:
    """Metrics of an estimator's predictions for a source."""
    keep = [target] if weight is None else [target, weight]
    known = hasattr(estimator, "classes_")
    found = (estimator.predict_proba if known else estimator.predict)(source)
    with followed(found, f"{type(estimator).__name__}, evaluating", source) as shown:
        batches = _batches(shown.batches(keep), source, keep)
        if known:
            return _classes(batches, estimator.classes_, weight is not None)
        return _values(batches, target, weight is not None)


def _values(batches: Iterator[Batch], target: str, weighted: bool) -> RegressionScores:
    out = Regression(weighted)
    for batch in batches:
        out.add(numbers(batch.true, target), batch.said[0].astype(np.float64), batch.weight)
    return out.result()


def _classes(batches: Iterator[Batch], classes: Array, weighted: bool) -> ClassScores:
    cache = config.cache_folder()
    out = Classification(len(classes), weighted, None if cache is None else str(cache))
    try:
        for batch in batches:
            predicted = codes(pa.array(batch.said[0]), classes)
            out.add(codes(batch.true, classes), predicted, np.stack(batch.said[1:], axis=1), batch.weight)
        return out.result()
    finally:
        out.ranking.close()


def _batches(found: Iterator[pa.RecordBatch], source: Source, keep: list[str]) -> Iterator[Batch]:
    """Predictions with what is true; rows without a target or a weight are refused, or left out with missing="drop"."""
    for batch in found:
        known = _known(batch, source, keep)
        if known is not None:
            batch = batch.filter(known)
        weight = numbers(batch.column(1), keep[1]) if len(keep) > 1 else None
        said = [_array(column) for column in batch.columns[len(keep) :]]
        yield Batch(batch.column(0), weight, said)


def _known(batch: pa.RecordBatch, source: Source, keep: list[str]) -> pa.Array | None:
    """Which rows have a target and a weight; None: all of them."""
    out = None
    for name, column in zip(keep, batch.columns, strict=False):
        valid = pc.is_valid(column)
        if pt.is_floating(column.type):
            valid = pc.and_(valid, pc.invert(pc.is_nan(column.fill_null(0))))
        missing = pc.sum(pc.invert(valid)).as_py() or 0
        if missing and source.spec.missing != "drop":
            raise InputError(
                "Input y contains NaN." if name == keep[0] else "Input sample_weight contains NaN.",
                code="SL2301" if name == keep[0] else "SL2304",
                where=f'{source.label}, column "{name}"',
                found="missing values",
                fix="--missing drop leaves such rows out",
            )
        if missing:
            out = valid if out is None else pc.and_(out, valid)
    return out


def numbers(column: pa.Array, name: str) -> Floats:
    """A column as float64."""
    if pt.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pt.is_boolean(column.type):
        column = column.cast(pa.uint8())
    if not (pt.is_integer(column.type) or pt.is_floating(column.type) or pt.is_decimal(column.type)):
        raise InputError(f'Column "{name}" holds no numbers.', code="SL2302", found=str(column.type), needed="numbers")
    return _array(column.cast(pa.float64(), safe=False))


def codes(column: pa.Array, classes: Array) -> Ints:
    """Position of each label among the classes; -1: none of them. 1, 1.0 and True are one label, as in scikit-learn."""
    if pt.is_dictionary(column.type):
        column = column.dictionary_decode()
    known = pa.array(classes.tolist())
    if pt.is_string(known.type):
        text = pt.is_string(column.type) or pt.is_large_string(column.type)
        found = pc.index_in(column.cast(pa.string()), value_set=known) if text else pa.nulls(len(column), pa.int32())
        return _array(found.fill_null(-1)).astype(np.int64)
    if pt.is_string(column.type) or pt.is_large_string(column.type):
        return np.full(len(column), -1, np.int64)
    if not (pt.is_integer(known.type) and pt.is_integer(column.type)):
        values, among = numbers(column, "target"), classes.astype(np.float64)
    else:
        values, among = _array(column.cast(pa.int64())), classes.astype(np.int64)
    at = np.minimum(np.searchsorted(among, values), len(among) - 1)
    return np.where(among[at] == values, at, -1)


def _array(column: pa.Array) -> Array:
    out: Array = column.to_numpy(zero_copy_only=False)
    return out
