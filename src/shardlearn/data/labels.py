"""The target's column of a table, as blocks hold it: int64, bool, float64 or str."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from shardlearn.core.matrix import Array

EMPTY = {"int64": np.int64, "bool": np.bool_, "float64": np.float64, "str": np.str_}


def values_of(column: Any, kind: str) -> tuple[Array, Array | None]:
    """An Arrow column of kind "int64", "bool" or "str", and where it is null (None: nowhere).

    Null rows hold a value of the kind that means nothing.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    nulls = ~_bits(column, 0) if column.null_count else None
    if kind == "str":
        return _strings(column), nulls
    if pt.is_dictionary(column.type):
        column = column.dictionary_decode()
    to = pa.int64() if kind == "int64" else pa.bool_()
    if column.type != to:
        column = column.cast(to)
    if kind == "bool":
        values = _bits(column, 1)
        return (values if nulls is None else values & ~nulls), nulls
    if nulls is not None:
        column = column.fill_null(0)
    return np.asarray(column.to_numpy()), nulls


def _bits(column: Any, number: int) -> Array:
    """A buffer of bits as booleans, 0: what is valid, 1: values; Arrow itself takes ten times as long."""
    first, last = column.offset, column.offset + len(column)
    held = np.frombuffer(column.buffers()[number] or b"", np.uint8)[first // 8 : (last + 7) // 8]
    return np.unpackbits(held, bitorder="little")[first % 8 : first % 8 + len(column)].view(np.bool_)


def _strings(column: Any) -> Array:
    """Each distinct string once, then by position: labels are few and repeat."""
    if not pt.is_dictionary(column.type):
        column = pc.dictionary_encode(column)
    words = column.dictionary.to_pylist()
    table = np.array([word or "" for word in words] or [""], dtype=np.str_)
    return np.asarray(table[np.asarray(column.indices.fill_null(0).to_numpy(zero_copy_only=False))])


def kept(column: Any) -> Array:
    """A column that is carried along as it is."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if column.null_count == 0 and (pt.is_primitive(column.type) and not pt.is_timestamp(column.type)):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    out = np.empty(len(column), object)
    out[:] = column.to_pylist()
    return out
