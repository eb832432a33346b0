"""From flags to a source and an engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from shardlearn import engines
from shardlearn.core.block import Block
from shardlearn.core.engine import Engine
from shardlearn.data import Source, open_source
from shardlearn.faces.predictions import Predictions
from shardlearn.observe import counting

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
    )


@contextmanager
def running(run: Run) -> Iterator[Engine]:
    """The engine that the flags name, for what happens inside."""
    with silent(not run.progress), engines.engine(run.engine, workers=run.workers, memory=run.memory) as engine:
        yield engine


@contextmanager
def followed(found: Predictions, what: str, source: Source) -> Iterator[Predictions]:
    """The same predictions, which show where they stand when they take long."""
    with counting(what, engines.current(), source.count(), source.label) as done:

        @contextmanager
        def stream(keep: Sequence[str]) -> Iterator[Iterator[Block]]:
            with found.stream(keep) as blocks:
                yield told(blocks, done)

        yield replace(found, stream=stream)


def told(blocks: Iterator[Block], done: Callable[[int], None]) -> Iterator[Block]:
    """The blocks, each counted when the next one is asked for."""
    for block in blocks:
        yield block
        done(block.n)


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
