"""`shardlearn inspect`: what a table holds, and every reason why a fit would be refused."""

from __future__ import annotations

from .flags import Data, Output, Run
from .opening import running, source_of
from .output import answering


def inspect(where: Data, run: Run, output: Output) -> int:
    """The verb; returns the exit code."""
    with answering(output) as answer, running(run):
        source = source_of(where)
        try:
            columns = source.schema.columns
            answer.put(data=source.label, rows=source.count(), columns=[column.name for column in columns])
            answer.say(source.label)
            answer.table([("rows", f"{source.count():,}"), ("columns", f"{source.schema.n_columns:,}")])
            answer.table([(column.name, column.kind.value) for column in columns])
        finally:
            source.close()
        return answer.finish(0)
