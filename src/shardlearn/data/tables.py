"""Tables in memory: Arrow tables, pandas and Polars frames, as one Arrow table without copies where that can be."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from shardlearn.core.errors import InputTypeError

from . import kinds
from .schema import Column, Kind, Schema
from .source import Source
from .spec import Spec

_serial = itertools.count()


@dataclass(frozen=True, repr=False)
class TableSource(Source):
    """An Arrow table that is held in memory."""

    table: Any  # pa.Table
    spec: Spec = field(default_factory=Spec)
    kind: str = "table"
    mixed: tuple[str, ...] = ()  # columns of Python objects of several types: a null column stands for each
    number: int = field(default_factory=lambda: next(_serial))

    @property
    def schema(self) -> Schema:
        schema = kinds.columns_of(self.table.schema)
        if not self.mixed:
            return schema
        objects = {name: Column(name, Kind.OBJECT, "object") for name in self.mixed}
        return Schema(tuple(objects.get(column.name, column) for column in schema.columns))

    @property
    def in_memory(self) -> bool:
        return True

    @property
    def label(self) -> str:
        return f"{self.kind} of {self.count():,} rows"

    def count(self) -> int:
        return int(self.table.num_rows)

    def read(self, start: int, stop: int, columns: Sequence[str] | None = None, /) -> Iterator[Any]:
        table = self.table if columns is None else self.table.select(list(columns))
        yield from table.slice(start, stop - start).to_batches()

    def held(self, columns: Sequence[str]) -> int:
        """Bytes of some of the columns."""
        return int(self.table.select(list(columns)).nbytes)

    def part(self, start: int, stop: int, columns: Sequence[str]) -> TableSource:
        """Some rows and columns of it, in memory that holds nothing else."""
        rows, sink = self.table.select(list(columns)).slice(start, stop - start), pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as stream:
            stream.write_table(rows)
        return replace(self, table=pa.ipc.open_stream(sink.getvalue()).read_all())

    def reader_bytes(self, columns: Sequence[str], rows: int, /) -> int:
        return 0

    @property
    def stamp_lasts(self) -> bool:
        return False

    def stamp(self) -> str:
        return f"table {self.number} {self.table.num_rows} x {self.table.num_columns}"


def from_arrow(data: Any, spec: Spec) -> TableSource:
    """A pyarrow Table or RecordBatch."""
    table = pa.Table.from_batches([data]) if isinstance(data, pa.RecordBatch) else data
    return TableSource(table, spec)


def from_polars(data: Any, spec: Spec) -> TableSource:
    """A Polars DataFrame."""
    return TableSource(data.to_arrow(), spec, "polars.DataFrame")


def from_pandas(data: Any, spec: Spec) -> Source:
    """A pandas DataFrame; without string names it is a matrix, as scikit-learn takes it."""
    text = [isinstance(name, str) for name in data.columns]
    if not any(text):
        from .arrays import from_array

        return from_array(data.to_numpy(), spec)
    if not all(text):
        found = sorted({type(name).__name__ for name in data.columns})
        raise InputTypeError(
            "Feature names are only supported if all input features have string names, but your input has "
            f"{found} as feature name / column name types. If you want feature names to be stored and validated, you "
            "must convert them all to strings, by using X.columns = X.columns.astype(str) for example. Otherwise you "
            "can remove feature / column names from your input data, or convert them all to a non-string data type.",
            code="SL2005",
        )
    columns, mixed = [], []
    for position, name in enumerate(data.columns):
        column = _pandas_column(data.iloc[:, position])
        if column is None:
            mixed.append(str(name))
            column = pa.nulls(len(data))
        columns.append(column)
    return TableSource(pa.table(columns, names=list(data.columns)), spec, "pandas.DataFrame", tuple(mixed))


def _pandas_column(series: Any) -> Any:
    """One column as Arrow, or None where it holds objects of several types."""
    values = series.array
    try:
        if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biuf":
            return pa.array(series.to_numpy())  # NaN stays NaN: both are missing, and no bitmap is made
        column = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return None
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
