"""Parquet files: footers read once, row groups decoded in small batches, one by one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shardlearn.core.errors import ShardlearnError
from shardlearn.core.matrix import Ints

from . import cache, kinds, refusals
from .drift import one_schema
from .files import File, open_input, partitions, why
from .schema import Schema
from .source import Files, Source
from .spec import Spec

BUFFER = 16_384  # bytes of each column's read buffer, which then stays in the first cache: 64 KiB take 5 % longer
DISTANT = 65_536  # the same where each read is a request over a network
PAGE = 3 * 1024 * 1024  # one column's open page, packed and unpacked, with its dictionary; measured, pyarrow's defaults
FIXED = 8 * 1024 * 1024  # an open file, and what Arrow's allocator keeps at hand; measured
KEPT = 40 * 1024 * 1024  # what Arrow's own allocators keep of freed pages; the system's keeps little. Measured
BATCH_BYTES, BATCH_ROWS = 4 * 1024 * 1024, 32_768
FAILURES = (OSError, pa.ArrowException, ValueError, KeyError)


class Reads:
    """Those that go on: when the last one ends, Arrow's allocator gives back what it keeps, tens of megabytes or more.

    After each file would cost an eighth of the time of a pass, for what was given back has to be asked for again. The
    system's allocator, which stands for tight limits, is asked after each file all the same: `kept_bytes` is zero.
    """

    def __init__(self) -> None:
        self.begin_again()
        os.register_at_fork(after_in_child=self.begin_again)  # reads, and who held the lock, were the parent's

    def begin_again(self) -> None:
        self._lock, self._open = Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            self._open += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._open -= 1
            last = self._open <= 0
        if last:
            release()


READS = Reads()


@dataclass(frozen=True, slots=True)
class Footer:
    """What the footer of one file says."""

    file: File
    group_rows: tuple[int, ...]
    digest: str
    chunk_bytes: Mapping[str, int]  # of each column, unpacked, in the largest row group

    @property
    def rows(self) -> int:
        return sum(self.group_rows)


@dataclass(frozen=True, repr=False)
class ParquetSource(Source):
    """Parquet files in their order."""

    footers: tuple[Footer, ...]
    found: Schema
    hive: tuple[Mapping[str, Any], ...]  # of each file, its partition columns
    name: str
    spec: Spec = field(default_factory=Spec)
    room: cache.Room | None = None  # where the file is one of the disk cache

    @property
    def schema(self) -> Schema:
        return self.found

    @property
    def label(self) -> str:
        return self.name

    def count(self) -> int:
        return sum(footer.rows for footer in self.footers)

    def files(self) -> Files:
        rows = [footer.rows for footer in self.footers]
        starts = np.concatenate([[0], np.cumsum(rows)[:-1]]).astype(np.int64)
        files = [footer.file for footer in self.footers]
        return Files(tuple(file.shown for file in files), starts, tuple(file.size for file in files))

    def units(self) -> Ints:
        rows = [n for footer in self.footers for n in footer.group_rows]
        return np.concatenate([[0], np.cumsum(rows)[:-1]]).astype(np.int64)

    def stamp(self) -> str:
        text = "\n".join(f"{footer.file.stamp} {footer.digest}" for footer in self.footers)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def stamp_lasts(self) -> bool:
        return self.room is None

    def must_be_same(self) -> None:
        for footer in self.footers:
            footer.file.must_be_same()

    def notices(self) -> tuple[str, ...]:
        if self.room is None:
            return ()
        size = refusals.gigabytes(sum(footer.file.size for footer in self.footers))
        return (f"{self.name} to {self.room.path} ({size}), removed after use",)

    def close(self) -> None:
        if self.room is not None:
            self.room.close()

    def read(self, start: int, stop: int, columns: Sequence[str] | None = None, /) -> Iterator[Any]:
        names = list(self.schema.names if columns is None else columns)
        first = 0
        with READS:
            for footer, constants in zip(self.footers, self.hive, strict=True):
                last = first + footer.rows
                if first < stop and last > start:
                    try:
                        yield from _read_file(footer, max(start - first, 0), min(stop, last) - first, names, constants)
                    finally:
                        if not self.kept_bytes:
                            release()  # now that the file is closed
                first = last

    @property
    def kept_bytes(self) -> int:
        return 0 if pa.default_memory_pool().backend_name == "system" else KEPT

    def reader_bytes(self, columns: Sequence[str], rows: int, /) -> int:
        open_pages = max(
            (sum(min(2 * footer.chunk_bytes.get(name, 0), PAGE) for name in columns) for footer in self.footers),
            default=0,
        )
        most = max((max(footer.group_rows, default=0) for footer in self.footers), default=0)
        batch = min(BATCH_BYTES, 8 * len(columns) * min(most, BATCH_ROWS))
        buffers = max((_buffer(footer.file) for footer in self.footers), default=BUFFER) * len(columns)
        return FIXED + open_pages + buffers + 4 * batch


def open_parquet(files: tuple[File, ...], name: str, spec: Spec) -> ParquetSource:
    """Read all footers; files of which the schemas do not go together are refused by name."""
    footers, schemas = [], []
    constants = _typed(partitions(files))
    for file, part in zip(files, constants, strict=True):
        footer, schema = _read_footer(file)
        for key, value in part.items():
            if key not in schema.names:
                schema = schema.append(pa.field(key, pa.scalar(value).type))
        footers.append(footer)
        schemas.append(kinds.columns_of(schema))
    found = one_schema(schemas, [file.shown for file in files])
    return ParquetSource(tuple(footers), found, tuple(constants), name, spec)


def _typed(parts: list[dict[str, str]]) -> list[Mapping[str, Any]]:
    """Partition values as integers where all of a key are, else as strings."""
    whole = {key: all(_is_int(part.get(key, "0")) for part in parts) for part in parts for key in part}
    return [{key: int(text) if whole[key] else text for key, text in part.items()} for part in parts]


def _is_int(text: str) -> bool:
    return text.lstrip("-").isdecimal() and abs(int(text)) < 2**63


def _read_footer(file: File) -> tuple[Footer, Any]:
    if file.size == 0:
        raise refusals.empty_file(file.shown)
    try:
        with open_input(file) as opened:
            digest = _digest(opened, file.size)
            parquet = pq.ParquetFile(opened)
            metadata, schema = parquet.metadata, parquet.schema_arrow
    except ShardlearnError:
        raise
    except FAILURES as error:
        raise refusals.unreadable(file.shown, why(error)) from None
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    largest = max(groups, key=lambda group: int(group.total_byte_size), default=None)
    chunks: dict[str, int] = {}
    for chunk in [] if largest is None else [largest.column(i) for i in range(metadata.num_columns)]:
        path = chunk.path_in_schema
        name = path if path in schema.names else path.split(".")[0]
        chunks[name] = chunks.get(name, 0) + int(chunk.total_uncompressed_size)
    return Footer(file, tuple(group.num_rows for group in groups), digest, chunks), schema


def _digest(opened: Any, size: int) -> str:
    """Of the footer's bytes: another footer is another file."""
    opened.seek(max(size - 8, 0))
    length = min(int.from_bytes(opened.read(4), "little") + 8, size)
    opened.seek(size - length)
    digest = hashlib.sha256(opened.read(length)).hexdigest()[:16]
    opened.seek(0)
    return digest


@lru_cache(maxsize=64)
def _metadata(file: File, digest: str) -> Any:
    with open_input(file) as opened:
        return pq.read_metadata(opened)


def _read_file(
    footer: Footer, start: int, stop: int, names: Sequence[str], constants: Mapping[str, Any]
) -> Iterator[Any]:
    """Rows `start` to `stop` of one file: whole row groups are skipped, rows before `start` decoded and left out."""
    file = footer.file
    file.must_be_same()
    first = 0
    try:
        with open_input(file) as opened:
            if not file.root and _digest(opened, file.size) != footer.digest:
                raise refusals.changed(file.shown, "another footer")
            parquet = pq.ParquetFile(
                opened, metadata=_metadata(file, footer.digest), pre_buffer=False, buffer_size=_buffer(file)
            )
            own = set(parquet.schema_arrow.names)
            inside = [name for name in names if name in own]
            for group, rows in enumerate(footer.group_rows):
                last = first + rows
                if first < stop and last > start:
                    batches = parquet.iter_batches(
                        _batch_rows(footer, inside, rows), row_groups=[group], columns=inside, use_threads=False
                    )
                    for batch in clipped(batches, max(start - first, 0), min(stop, last) - first):
                        yield in_order(batch, names, constants)
                first = last
    except ShardlearnError:
        raise
    except FAILURES as error:
        file.must_be_same()
        raise refusals.unreadable(file.shown, why(error)) from None
    file.must_be_same()


def _buffer(file: File) -> int:
    return DISTANT if file.root else BUFFER


def release() -> None:
    """Give back what Arrow's allocator keeps."""
    pa.default_memory_pool().release_unused()


def _batch_rows(footer: Footer, names: Sequence[str], rows: int) -> int:
    """Rows of a batch of about 4 MiB, a power of two; in small ones it counts what each column costs in itself."""
    decoded = sum(footer.chunk_bytes.get(name, 0) for name in names) / max(footer.group_rows)
    size = BATCH_ROWS
    while size > 64 and size * max(decoded, 8 * len(names)) > BATCH_BYTES:
        size //= 2
    return min(size, max(rows, 1))


def clipped(batches: Iterator[Any], start: int, stop: int) -> Iterator[Any]:
    """The rows `start` to `stop` of a stream of batches; what comes after is not decoded."""
    at = 0
    for batch in batches:
        low, high = max(start - at, 0), min(stop - at, batch.num_rows)
        if low < high:
            yield batch if high - low == batch.num_rows else batch.slice(low, high - low)
        at += batch.num_rows
        if at >= stop:
            return


def in_order(batch: Any, names: Sequence[str], constants: Mapping[str, Any]) -> Any:
    """The batch with these columns in this order, partition columns filled in."""
    if batch.schema.names == list(names):
        return batch
    columns = [
        pa.repeat(constants[name], batch.num_rows) if name not in batch.schema.names else batch.column(name)
        for name in names
    ]
    return pa.RecordBatch.from_arrays(columns, list(names))
