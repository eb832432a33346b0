"""`shardlearn predict`: a saved model's predictions as Parquet files, in the order of the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shardlearn import storage
from shardlearn.data import Source
from shardlearn.data.roles import must_hold

from .flags import Output, Rows, Run, Saving, listed
from .opening import running, source_of
from .output import answering


@dataclass(frozen=True, slots=True)
class Job:
    """Which model, for which rows, and where to."""

    model: str
    where: Rows
    keep: tuple[str, ...]
    saving: Saving


def predict(job: Job, run: Run, output: Output) -> int:
    """The verb; returns the exit code."""
    import pyarrow.parquet as pq

    with answering(output) as answer, running(run):
        source = source_of(job.where)
        keep = listed(job.keep)
        try:
            must_hold(source, keep, "columns to keep")  # before scikit-learn is loaded, which takes a second
            estimator = storage.load(job.model)
            found = _answer(estimator, source)
            folder = found.to_parquet(job.saving.out, keep=keep, overwrite=job.saving.overwrite)
        finally:
            source.close()
        files = sorted(folder.glob("*.parquet"))
        rows = sum(pq.read_metadata(path).num_rows for path in files)
        columns = pq.read_schema(files[0]).names if files else []
        answer.put(model=job.model, out=str(folder), rows=rows, files=[str(path) for path in files], columns=columns)
        answer.say(f"{rows:,} rows predicted by {type(estimator).__name__} of {job.model}")
        answer.table([("written to", str(folder)), ("files", str(len(files))), ("columns", ", ".join(columns))])
        return answer.finish(0)


def _answer(estimator: Any, source: Source) -> Any:
    """The most that the model says of rows: probabilities, else a prediction, else their neighbours."""
    if hasattr(estimator, "classes_"):
        return estimator.predict_proba(source)
    return (estimator.predict if hasattr(estimator, "predict") else estimator.kneighbors)(source)
