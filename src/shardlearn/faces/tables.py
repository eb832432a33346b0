"""Tables of predictions: a folder of Parquet files that appears whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shardlearn.core.errors import StorageError

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 131_072  # rows, at most
GROUP_BYTES = 8 * 1024 * 1024  # of a row group, at most: one is gathered while none is written
TEXT = 64  # bytes of a string; an estimate
GROUPS = 32  # row groups of a file
REPEATS = 64 * 1024  # bytes of a column's dictionary, where what repeats has room; with 1 MiB its hash table takes 25
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

    with ExitStack() as file:
        for number, group in enumerate(_row_groups(batches)):
            marked = group.replace_schema_metadata({MARK: b"1"})
            if number % GROUPS == 0:
                file.close()
                path = folder / f"part-{number // GROUPS:05d}.parquet"
                writer = pq.ParquetWriter(path, marked.schema, dictionary_pagesize_limit=REPEATS)
                file.callback(_flush, path)  # once the writer is closed
                file.enter_context(writer)
            writer.write_table(marked)
            del group, marked  # before the next one is gathered
    _flush(folder)


def _row_groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows in tables of equally many rows, which nobody holds on to here; the last one is shorter."""
    waiting: list[pa.RecordBatch] = []
    held, given = 0, False
    for batch in batches:
        rows, rest = _group_rows(batch.schema), batch
        while held + rest.num_rows >= rows:
            waiting.append(rest.slice(0, rows - held))
            rest, held, given = rest.slice(rows - held), 0, True
            yield _emptied(waiting)
        waiting.append(rest)
        held += rest.num_rows
    if waiting and (held or not given):
        yield _emptied(waiting)


def _group_rows(schema: pa.Schema) -> int:
    """Rows of a row group: many, but of many classes no more than GROUP_BYTES hold."""
    width = 0
    for field in schema:
        try:
            width += field.type.bit_width // 8
        except ValueError:
            width += TEXT
    return min(1 << max(GROUP_BYTES // max(width, 1), 1).bit_length() - 1, ROW_GROUP)


def _emptied(waiting: list[pa.RecordBatch]) -> pa.Table:
    import pyarrow as pa

    table = pa.Table.from_batches(waiting)
    waiting.clear()
    return table


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
