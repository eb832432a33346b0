"""Tables too wide to be decoded at once: unpacked a few columns at a time into the disk cache, and read from there.

A Parquet reader holds an open page of every column, two to three megabytes each: for a thousand columns more than the
rows themselves. So the columns are decoded in groups, each group goes row by row to a file of its own, and
a block is put together from one piece of each file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event, Lock
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa

from shardlearn import engines
from shardlearn.core.events import Emit, Notice, Timed
from shardlearn.core.grid import dense_block_rows
from shardlearn.core.matrix import Array

from . import cache, refusals, scan
from .packing import LARGE, packer
from .roles import Roles
from .source import Source
from .text import Stopped, at_once

WIDE = 192 * 1024 * 1024  # what one reader may hold, however much memory there is
NARROW = 16 * 1024 * 1024  # what is never worth unpacking
GROUP = 32 * 1024 * 1024  # what decoding one group of columns may hold
WRITERS = 2  # groups that are decoded at once


@dataclass(frozen=True)
class Strips:
    """Groups of feature columns, each a file of rows."""

    room: cache.Room
    widths: tuple[int, ...]  # columns of each strip
    dtype: str
    rows: int

    @property
    def nbytes(self) -> int:
        return self.rows * sum(self.widths) * np.dtype(self.dtype).itemsize

    def read(self, start: int, stop: int) -> Array:
        """The features of the rows `start` to `stop` (excluded)."""
        out = np.empty((stop - start, sum(self.widths)), self.dtype)
        first = 0
        for number, width in enumerate(self.widths):
            offset = start * width * out.itemsize
            strip = np.fromfile(_path(self.room, number), self.dtype, (stop - start) * width, offset=offset)
            out[:, first : first + width] = strip.reshape(stop - start, width)
            first += width
        return out

    def notice(self) -> str:
        size = refusals.gigabytes(self.nbytes)
        return f"unpacked {sum(self.widths):,} columns to {self.room.path} ({size}), removed after use"


def _path(room: cache.Room, number: int) -> str:
    return os.path.join(room.path, f"strip-{number:04d}")


class Lean:
    """The features of a wide table, which are unpacked when they are first read."""

    def __init__(self, source: Source, names: Sequence[str], dtype: str, most: int) -> None:
        self.source, self.dtype = source, dtype
        self.groups = _groups(source, names, min(GROUP, most // (2 * WRITERS)))
        self._strips: Strips | None = None
        self._lock = Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = Lock()

    def reader_bytes(self, rows: int) -> int:
        """While unpacking, or while a block of so many rows is put together."""
        strip = rows * max(map(len, self.groups)) * np.dtype(self.dtype).itemsize
        return max(strip, WRITERS * max(self.source.reader_bytes(group, rows) for group in self.groups))

    def strips(self, emit: Emit) -> Strips:
        """Unpack the table, or wait for the reader that does; a copy in another process unpacks its own."""
        with self._lock:
            if self._strips is None:
                began = perf_counter()
                self._strips = self._unpack()
                emit(Timed("decode", perf_counter() - began, self._strips.nbytes))
                emit(Notice(self._strips.notice()))
            return self._strips

    def _unpack(self) -> Strips:
        room = cache.room()
        like = np.empty(0, self.dtype)
        try:
            cache.must_have(room.path, self.source.count() * sum(map(len, self.groups)) * like.itemsize)
            numbered = list(enumerate(self.groups))
            at_once(lambda at, stop: _write(self.source, at[1], like, _path(room, at[0]), stop), numbered, WRITERS)
        except BaseException:
            room.close()
            raise
        return Strips(room, tuple(map(len, self.groups)), self.dtype, self.source.count())


def lean(source: Source, roles: Roles, budget: int | None) -> Lean | None:
    """For a table of which one reader of all features would hold more than the budget, where the disk has room."""
    names = [column.name for column in roles.features]
    if len(names) < 2 or source.in_memory:
        return None
    held = source.reader_bytes(names, 1)
    if held <= NARROW and budget is None:
        return None
    most = min(_of_the_limit() if budget is None else budget, WIDE)
    if held <= most:
        return None
    row = len(names) * np.dtype(roles.dtype).itemsize
    disk, size = cache.on_disk(), source.count() * row
    if cache.has_room(disk, size):
        return Lean(source, names, roles.dtype, most)
    limit = engines.current().memory
    blocks = 2 * row * min(dense_block_rows(len(names), row // len(names)), source.count())
    least = held + source.kept_bytes + blocks
    if limit is not None and least > limit:  # no plan does without the disk
        taken = f"{refusals.gigabytes(least)} of the {refusals.gigabytes(limit)} of memory"
        cache.must_have(disk, size, f" to unpack the table to: read as it is, it would take {taken}")
    return None


def _of_the_limit() -> int:
    """A third of the memory limit in force: how a table is read follows it, what is read never does."""
    limit = engines.current().memory
    return WIDE if limit is None else limit // 3


def _groups(source: Source, names: Sequence[str], most: int) -> list[list[str]]:
    """The names in order, cut so that one reader of a group holds about that much."""
    held = source.reader_bytes(names, 1) / len(names)
    size = max(int(most / held), 1)
    return [list(names[at : at + size]) for at in range(0, len(names), size)]


def _write(source: Source, names: Sequence[str], like: Array, path: str, stop: Event) -> None:
    writer = cache.Writer(path)
    try:
        pack, schema = None, None
        for batch in source.read(0, source.count(), names):
            if stop.is_set():
                raise Stopped
            if schema is None or not batch.schema.equals(schema):
                schema = batch.schema
                pack = packer(schema, range(len(names)))
            assert pack is not None
            rows = np.empty_like(like, shape=(batch.num_rows, len(names)))
            if pack.rows(pack.export(batch), range(batch.num_rows), rows)[:, LARGE].any():
                raise scan.large_integers(source, names)
            writer.write(rows.data.cast("B"))
    finally:
        writer.close()
        pa.default_memory_pool().release_unused()  # a table comes here because memory is short
