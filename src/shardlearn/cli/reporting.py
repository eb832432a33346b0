"""`shardlearn report`: how a saved model was trained, from the run.json beside it."""

from __future__ import annotations

from shardlearn.core.errors import StorageError
from shardlearn.observe import Report

from . import record
from .flags import Output
from .output import answering
from .scores import table


def report(model: str, output: Output) -> int:
    """The verb; returns the exit code."""
    with answering(output) as answer:
        found = record.read(model)
        if not isinstance(found.get("report"), dict):
            raise StorageError(
                f"There is no report in {model}.",
                code="SL5110",
                found="no run.json with a report",
                needed="a folder that shardlearn fit or shardlearn.save wrote",
            )
        answer.put(model=model, **found)
        answer.say(repr(Report.from_dict(found["report"])))
        about = [(name, found.get(name)) for name in ("target", "weight", "fingerprint")]
        answer.table(
            [("data", ", ".join(found.get("data") or [])), *((name, str(text)) for name, text in about if text)]
        )
        if found.get("holdout"):
            answer.say("on the rows kept aside:")
            answer.table(table(found["holdout"]))
        return answer.finish(0)
