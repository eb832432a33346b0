"""CSV files: indexed once over their whole length, then read by ranges of bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from shardlearn import _native
from shardlearn.core.errors import ShardlearnError
from shardlearn.core.grid import dense_block_rows
from shardlearn.core.matrix import Ints

from . import cache, refusals, scan
from .drift import one_schema
from .files import File, open_input, stat, why
from .schema import HUGE, Column, Kind, Schema
from .spec import Spec
from .text import CHUNK, FINE, Remembered, at_once, feed, is_packed, unpacking
from .text import FAILURES as TEXT_FAILURES
from .text_files import TextFiles

NULLS = (
    "", "#N/A", "#N/A N/A", "#NA", "-NaN", "-nan", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
PARSER = 12 * 1024 * 1024  # what pyarrow.csv holds beside text and values, measured
FAILURES = (*TEXT_FAILURES, pa.ArrowException)


@dataclass(frozen=True)
class Index:
    """What one pass over a file found."""

    rows: int
    stride: int  # rows between two offsets
    offsets: Ints  # of rows 0, stride, 2 stride, ..., then of the end
    schema: Schema
    missing: tuple[int, ...]  # by column
    large: tuple[tuple[int, int], ...]  # by column: integers beyond 2**53 and the row of the first one
    unpacked: str = ""  # the file in the cache that is read instead
    unpacked_bytes: int = 0


INDEXES: Remembered[Index] = Remembered()  # of this process, so that a score after a fit does not index again


@dataclass(frozen=True, repr=False)
class CsvSource(TextFiles[Index]):
    """CSV files in their order."""

    found: Schema

    @property
    def schema(self) -> Schema:
        return self.found

    def late_text(self, column: str, /) -> str:
        return scan.first_text(self, column)

    def reader_bytes(self, columns: Sequence[str], rows: int, /) -> int:
        text = max((int(np.diff(index.offsets).max(initial=0)) for index in self.indexes), default=0)
        stride = max((index.stride for index in self.indexes), default=0)
        return PARSER + 8 * text + 4 * stride * 8 * len(columns)

    def read(self, start: int, stop: int, columns: Sequence[str] | None = None, /) -> Iterator[Any]:
        names = list(self.schema.names if columns is None else columns)
        for file, index, first, last in self.within(start, stop):
            yield from self._read_file(file, index, (first, last), names)

    def _read_file(self, file: File, index: Index, rows: tuple[int, int], names: list[str]) -> Iterator[Any]:
        file.must_be_same()
        convert = _conversion(self.schema, index.schema, names)
        try:
            with open_input(stat(index.unpacked) if index.unpacked else file) as opened:
                for number in range(rows[0] // index.stride, -(-rows[1] // index.stride)):
                    at = number * index.stride
                    table = _parse(opened, index, number, convert).select(names)
                    low, high = max(rows[0] - at, 0), min(rows[1] - at, index.stride)
                    yield from table.slice(low, high - low).combine_chunks().to_batches()
        except ShardlearnError:
            raise
        except FAILURES as error:
            file.must_be_same()
            found = "a value that is not of its column's kind" if isinstance(error, pa.ArrowInvalid) else why(error)
            raise refusals.unreadable(file.shown, found) from None
        file.must_be_same()


def _parse(opened: Any, index: Index, number: int, convert: Any) -> Any:
    start, stop = int(index.offsets[number]), int(index.offsets[number + 1])
    opened.seek(start)
    text = opened.read_buffer(stop - start)
    table = pc.read_csv(
        pa.BufferReader(text),
        read_options=pc.ReadOptions(
            use_threads=False, block_size=stop - start + 1, column_names=list(index.schema.names)
        ),
        parse_options=pc.ParseOptions(newlines_in_values=True),
        convert_options=convert,
    )
    if table.num_rows != min(index.stride, index.rows - number * index.stride):
        raise pa.ArrowInvalid("other rows than the index found")
    return table


def _conversion(whole: Schema, own: Schema, names: Sequence[str]) -> Any:
    """Every column as the kind that it has over all files."""
    types = {Kind.INTEGER: pa.int64(), Kind.FLOAT: pa.float64(), Kind.BOOL: pa.bool_(), Kind.NULL: pa.null()}
    kinds = whole.by_name()
    return pc.ConvertOptions(
        column_types={name: types.get(kinds[name].kind, pa.string()) for name in names if name in own.names},
        include_columns=list(dict.fromkeys(names)),
        null_values=list(NULLS),
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )


def open_csv(files: tuple[File, ...], name: str, spec: Spec) -> CsvSource:
    """Index all files, several at a time; packed ones are unpacked on the way."""
    room = cache.room() if any(is_packed(file) for file in files) else None
    try:
        numbered = list(enumerate(files))
        threads = min(len(os.sched_getaffinity(0)), 8)
        indexes = tuple(at_once(lambda at, stop: _index(at[1], room, at[0], stop), numbered, threads))
        found = one_schema([index.schema for index in indexes], [file.shown for file in files])
    except BaseException:
        if room is not None:
            room.close()
        raise
    return CsvSource(files, indexes, name, room, spec, found)


def _index(file: File, room: cache.Room | None, number: int, stop: Event) -> Index:
    if file.size == 0:
        raise refusals.empty_file(file.shown)
    if room is None or not is_packed(file):
        return INDEXES.get(file, lambda: _index_plain(file, stop))
    return unpack(file, f"{room.path}/{number:06d}.csv", stop)


def _index_plain(file: File, stop: Event) -> Index:
    scanner = _native.CsvScanner(",", list(NULLS), FINE)
    try:
        with open(file.path, "rb", buffering=0) as opened:
            size = feed(scanner, opened, None, stop)
    except FAILURES as error:
        raise refusals.unreadable(file.shown, why(error)) from None
    file.must_be_same()
    return _found(file, scanner, size)


def unpack(file: File, path: str, stop: Event) -> Index:
    """The index of a packed or remote file, which is written to the cache on the way."""
    scanner = _native.CsvScanner(",", list(NULLS), FINE)
    with unpacking(file, path) as (opened, writer):
        size = feed(scanner, opened, writer, stop)
    return replace(_found(file, scanner, size), unpacked=path, unpacked_bytes=size)


def _found(file: File, scanner: Any, size: int) -> Index:
    if not scanner.finish():
        raise refusals.unreadable(
            file.shown, "the file ends inside a quoted field", "close the quote, or write the file again"
        )
    names = scanner.names()
    if scanner.ragged:
        raise refusals.ragged(file.shown, scanner.first_ragged, scanner.first_ragged_fields, len(names), scanner.ragged)
    if not names:
        raise refusals.unreadable(file.shown, "no header", "write the names of the columns into the first line")
    counts = scanner.columns()
    columns = tuple(_column(name, count) for name, count in zip(names, counts, strict=True))
    fine = scanner.offsets()
    stride = dense_block_rows(len(names), 8)
    while stride > FINE and size * stride > CHUNK * max(scanner.rows, 1):
        stride //= 2
    offsets = np.concatenate([fine[:: stride // FINE], [size]]).astype(np.int64)
    missing = tuple(count[0] for count in counts)
    return Index(scanner.rows, stride, offsets, Schema(columns), missing, tuple((c[5], c[6]) for c in counts))


def _column(name: str, count: Sequence[int]) -> Column:
    """What all values of a column are together."""
    _, integers, floats, bools, strings, _, _, huge, _ = count
    if strings or (bools and (integers or floats)):
        return Column(name, Kind.STRING, "string")
    if bools:
        return Column(name, Kind.BOOL, "bool")
    if floats:
        return Column(name, Kind.FLOAT, "double")
    if huge:
        return Column(name, Kind.STRING, HUGE)
    return Column(name, Kind.INTEGER, "int64") if integers else Column(name, Kind.NULL, "null")
