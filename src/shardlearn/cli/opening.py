"""From flags to a source and an engine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from shardlearn import engines
from shardlearn.core.engine import Engine
from shardlearn.core.errors import ParameterError
from shardlearn.data import Source, open_source

from .flags import Rows, Run

PROGRESS = "SHARDLEARN_PROGRESS"


def source_of(where: Rows) -> Source:
    """The data that the flags name."""
    columns, dropped = where.features()
    return open_source(
        where.data[0] if len(where.data) == 1 else list(where.data),
        columns=columns,
        drop_columns=dropped,
        format=where.format,
        dtype=where.dtype,
        missing=where.missing,
        n_features=where.n_features,
        zero_based=where.zero_based,
    )


@contextmanager
def running(run: Run) -> Iterator[Engine]:
    """The engine that the flags name, for what happens inside."""
    with ExitStack() as inside:
        inside.enter_context(silent(not run.progress))
        try:
            engine = inside.enter_context(engines.engine(run.engine, workers=run.workers, memory=run.memory))
        except ParameterError as error:
            raise flagged(error) from None
        yield engine


def flagged(error: ParameterError) -> ParameterError:
    """The same, said of the flags where they are what is wrong."""
    where = error.where.replace("with shardlearn.engine(...)", "--engine, --workers or --memory")
    return ParameterError(
        error.first, code=error.code, where=where, found=error.found, needed=error.needed, fix=error.fix
    )


@contextmanager
def silent(asked: bool) -> Iterator[None]:
    """As if SHARDLEARN_PROGRESS=0 had been set, if asked for."""
    before = os.environ.get(PROGRESS)
    if asked:
        os.environ[PROGRESS] = "0"
    try:
        yield
    finally:
        if asked:
            os.environ.pop(PROGRESS)
            if before is not None:
                os.environ[PROGRESS] = before
