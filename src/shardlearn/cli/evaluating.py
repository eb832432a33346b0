"""`shardlearn evaluate`: a saved model's metrics on rows whose target is known."""

from __future__ import annotations

from dataclasses import asdict

from shardlearn import storage
from shardlearn.data.roles import must_hold

from . import record
from .flags import Known, Output, Run
from .opening import running, source_of
from .output import answering
from .scores import table


def evaluate(model: str, where: Known, run: Run, output: Output) -> int:
    """The verb; returns the exit code."""
    with answering(output) as answer, running(run):
        target = record.target_of(model, where.target)
        source = source_of(where)
        try:
            must_hold(source, [name for name in (target, where.weight) if name is not None], "column")
            from .measuring import measure  # scikit-learn comes with it, which takes a second

            estimator = storage.load(model)
            scores = asdict(measure(estimator, source, target, where.weight))
        finally:
            source.close()
        answer.put(model=model, estimator=type(estimator).__name__, target=target, metrics=scores)
        aim = f", target {target}" if target else ""
        answer.say(f"{type(estimator).__name__} of {model} on {source.label}{aim}")
        answer.table(table(scores))
        return answer.finish(0)
