"""What the joblib tests run in a worker; it imports little, so that workers start quickly."""

from __future__ import annotations

from tests.engines.fakes import FloatSum, random_blocks

from shardlearn.core.events import ignore
from shardlearn.core.query import Query
from shardlearn.engines import current


def in_a_worker() -> tuple[int, str, bytes]:
    """Threads, who said so, and the bits of a sum."""
    now, blocks = current(), random_blocks()
    data = now.open(blocks)
    try:
        return now.workers, now.workers_from, now.fold({"train": data}, Query(FloatSum()), emit=ignore).tobytes()
    finally:
        now.close(data)
