"""Runs one command line: exit code 0, 1 for errors, 2 for wrong usage, 130 when interrupted."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

from cyclopts import CycloptsError

from .output import Usage, failed

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def run(tokens: Sequence[str]) -> int:
    """What `shardlearn` with these arguments does; returns the exit code."""
    from .app import app

    as_json, debug = "--json" in tokens, "--debug" in tokens
    try:
        if not tokens:
            app.help_print()
            return USAGE
        return int(app(list(tokens), exit_on_error=False, print_error=False, result_action="return_value") or 0)
    except CycloptsError as error:
        failed(as_json, USAGE, "usage", f"{error}", fix="shardlearn --help, or shardlearn VERB --help")
        return USAGE
    except Usage as error:
        failed(as_json, USAGE, "usage", str(error))
        return USAGE
    except KeyboardInterrupt:
        failed(as_json, INTERRUPTED, "interrupted", "interrupted: nothing was written")
        return INTERRUPTED
    except BrokenPipeError:  # as of `shardlearn ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _explained(error, as_json)


def _explained(error: Exception, as_json: bool) -> int:
    """Say what went wrong; a value that can't be honoured is a wrong call."""
    from shardlearn.core.errors import ParameterError, ShardlearnError

    code = USAGE if isinstance(error, ParameterError) else FAILED
    if isinstance(error, ShardlearnError):
        failed(as_json, code, error.code, error.headline)
    elif isinstance(error, OSError):
        failed(as_json, code, "os", f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
    else:  # the words of a foreign error may hold values of the data
        kind = type(error).__name__
        fault = f"unexpected {kind}: this is a fault of shardlearn"
        failed(as_json, code, "unexpected", fault, fix="--debug shows where")
    return code
