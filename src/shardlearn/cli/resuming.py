"""`shardlearn resume`: the command that a folder of checkpoints holds, given again."""

from __future__ import annotations

from dataclasses import fields, replace

from . import command
from .fitting import fit
from .flags import Output, Run


def resume(folder: str, run: Run, output: Output) -> int:
    """The verb; who computes may be said anew. Returns the exit code."""
    job, then = command.read(folder)
    said = {one.name: value for one in fields(Run) if (value := getattr(run, one.name)) != one.default}
    return fit(job, replace(then, **said), output)
