"""What can be read only once, or only from its beginning: written to the disk cache as Parquet, and read from there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shardlearn.core.errors import ShardlearnError

from . import cache, refusals
from .csv import CsvSource, open_csv
from .files import stat, why
from .parquet import FAILURES, ParquetSource, open_parquet
from .source import Source
from .spec import Spec

GROUP_BYTES = 32 * 1024 * 1024  # of a row group in the cache, in memory


def from_stream(data: Any, spec: Spec) -> Source:
    """Any object with `__arrow_c_stream__`, read to its end."""
    reader = data if isinstance(data, pa.RecordBatchReader) else pa.RecordBatchReader.from_stream(data)
    return spooled(reader.schema, iter(reader), type(data).__name__, spec)


def from_dataset(data: Any, spec: Spec) -> Source:
    """A pyarrow dataset: its files where it is just those, else whatever it gives, by way of the disk cache."""
    names = tuple(data.schema.names)
    kind, paths = _local_files(data)
    files, name = tuple(stat(path) for path in paths), f"dataset of {len(paths):,} {kind} files"
    source: ParquetSource | CsvSource | None = None
    if kind == "Parquet":
        source = open_parquet(files, name, spec)
    elif kind == "CSV":
        source = open_csv(files, name, spec)
    if source is not None and set(names) <= set(source.schema.names):
        own = source.schema.by_name()
        return replace(source, found=replace(source.schema, columns=tuple(own[n] for n in names)), spec=spec)
    return spooled(data.schema, data.to_batches(use_threads=False), "dataset", spec)


def _local_files(data: Any) -> tuple[str, list[str]]:
    """Kind and paths of the files that a dataset consists of; nothing where it filters, or is of something else."""
    from pyarrow import dataset, fs

    if not isinstance(data, dataset.FileSystemDataset) or not isinstance(data.filesystem, fs.LocalFileSystem):
        return "", []
    if (getattr(data, "_scan_options", None) or {}).get("filter") is not None:
        return "", []
    if isinstance(data.format, dataset.ParquetFileFormat):
        return "Parquet", list(data.files)
    return ("CSV", list(data.files)) if data.format == dataset.CsvFileFormat() else ("", [])


def spooled(schema: Any, batches: Iterator[Any], name: str, spec: Spec) -> ParquetSource:
    """The rows of a stream as a Parquet file in the cache."""
    room = cache.room()
    path = os.path.join(room.path, "stream.parquet")
    try:
        with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
            for group in _groups(batches, schema):
                cache.must_have(room.path, 2 * group.nbytes)
                writer.write_table(group, row_group_size=max(group.num_rows, 1))
    except BaseException as error:
        room.close()
        if isinstance(error, FAILURES) and not isinstance(error, ShardlearnError):
            raise refusals.unreadable(name, why(error), "give a path, or a table") from None
        raise
    source = open_parquet((stat(path),), f"{name}, unpacked", spec)
    return replace(source, room=room)


def _groups(batches: Iterator[Any], schema: Any) -> Iterator[Any]:
    """Batches put together to tables of about 32 MiB."""
    held: list[Any] = []
    size = 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size >= GROUP_BYTES:
            yield pa.Table.from_batches(held, schema)
            held, size = [], 0
    if held:
        yield pa.Table.from_batches(held, schema)
