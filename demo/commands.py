"""Runs the `shardlearn` program as a reader would, shows the line, and takes its exact figures as JSON."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("shardlearn")


class FailedError(Exception):
    """A command did not do what the story says."""


def say(text: str = "") -> None:
    print(text, flush=True)


def show(*words: str) -> None:
    """The command, then what it prints."""
    say(f"\n    $ shardlearn {shlex.join(words)}\n")
    with subprocess.Popen([PROGRAM, *words], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        for line in run.stdout:
            say(f"    {line.rstrip()}")
    say()
    if run.returncode != 0:
        raise FailedError(f"that command ended with code {run.returncode}")


def ask(*words: str) -> dict:
    """The command's JSON; not shown."""
    quiet = {**os.environ, "SHARDLEARN_PROGRESS": "0"}
    run = subprocess.run([PROGRAM, *words, "--json"], env=quiet, stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        raise FailedError(f"shardlearn {shlex.join(words)} ended with code {run.returncode}: {run.stdout}")
    return json.loads(run.stdout)
