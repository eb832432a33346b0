"""Tables of predictions: a folder of Parquet files that appears whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shardlearn.core.errors import StorageError

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 131_072  # rows
GROUPS = 32  # row groups of a file
MARK = b"shardlearn.predictions"


def batch(first: Mapping[str, Any], columns: Mapping[str, Any], schema: pa.Schema | None) -> pa.RecordBatch:
    """Columns as Arrow; those of `columns` win over kept ones of the same name by a trailing underscore."""
    import pyarrow as pa

    named = dict(first)
    for name, values in columns.items():
        while name in named:
            name += "_"
        named[name] = values
    if schema is None:
        return pa.record_batch({name: pa.array(values) for name, values in named.items()})
    return pa.record_batch([pa.array(named[field.name], type=field.type) for field in schema], schema=schema)


def write_folder(folder: Path, batches: Callable[[], Iterator[pa.RecordBatch]], *, overwrite: bool) -> Path:
    """Write into a hidden folder beside, flush, rename; whatever happens, nothing half-written stays."""
    _check_free(folder, overwrite)
    beside = folder.parent / f".{folder.name}.tmp-{secrets.token_hex(8)}"
    try:
        beside.mkdir(parents=True)
        _write(beside, batches())
        _swap(beside, folder, overwrite)
    except OSError as error:
        raise StorageError(
            f"Can't write predictions to {folder}.",
            code="SL5101",
            found=f"{error.strerror} ({errno.errorcode.get(error.errno or 0, 'unknown')})",
            needed="room and permission to write; what stood there before is as it was",
            fix="free space or name another folder, and predict again",
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def _write(folder: Path, batches: Iterator[pa.RecordBatch]) -> None:
    """Row groups and files end where the count of rows says, so equal predictions give equal files."""
    import pyarrow.parquet as pq

    groups = _row_groups(batches)
    first = next(groups, None)
    number = 0
    while first is not None:
        path = folder / f"part-{number:05d}.parquet"
        schema = first.schema.with_metadata({MARK: b"1"})
        with pq.ParquetWriter(path, schema) as writer:
            writer.write_table(first.cast(schema), row_group_size=ROW_GROUP)
            for table in islice(groups, GROUPS - 1):
                writer.write_table(table.cast(schema), row_group_size=ROW_GROUP)
        _flush(path)
        first, number = next(groups, None), number + 1
    _flush(folder)


def _row_groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows in tables of ROW_GROUP rows; the last one is shorter."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    for item in batches:
        waiting.append(item)
        while sum(one.num_rows for one in waiting) >= ROW_GROUP:
            table = pa.Table.from_batches(waiting)
            yield table.slice(0, ROW_GROUP)
            waiting = table.slice(ROW_GROUP).to_batches()
    if waiting:
        yield pa.Table.from_batches(waiting)


def _flush(path: Path) -> None:
    at = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(at)
    finally:
        os.close(at)


def _swap(beside: Path, folder: Path, overwrite: bool) -> None:
    """Rename into place; an old folder goes away only after the new one stands there."""
    _check_free(folder, overwrite)
    old = folder.parent / f".{folder.name}.old-{secrets.token_hex(8)}"
    with suppress(FileNotFoundError):
        os.rename(folder, old)
    try:
        os.rename(beside, folder)
    except OSError:
        with suppress(FileNotFoundError):
            os.rename(old, folder)
        raise
    _flush(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _check_free(folder: Path, overwrite: bool) -> None:
    if not os.path.lexists(folder):
        return
    ours = folder.is_dir() and not folder.is_symlink() and all(_is_ours(path) for path in folder.iterdir())
    if overwrite and ours:
        return
    raise StorageError(
        f"Can't write predictions to {folder}.",
        code="SL5102",
        found="predictions" if ours else "a file, or a folder that holds other things",
        needed="a folder that does not exist" + (", or overwrite=True" if ours else ""),
        fix="overwrite=True or --overwrite replaces it" if ours else "name another folder",
    )


def _is_ours(path: Path) -> bool:
    """Whether `write_folder` wrote this file; anything else is never deleted."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.is_symlink() or path.suffix != ".parquet":
        return False
    try:
        return MARK in (pq.read_schema(path).metadata or {})
    except (OSError, pa.ArrowInvalid):
        return False
