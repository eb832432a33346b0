"""Exact errors about what blocks can't hold: found by one reader from the first row on, so the words never depend on
which worker met the value first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shardlearn.core.errors import InputError

from . import refusals
from .arrays import EXACT
from .source import Files, Source

DROP_ROWS = 'shardlearn.read(..., missing="drop") or --missing drop leaves such rows out'
FIRST = "first at row"


def place(files: Files, column: str, row: int, rows: int, in_files: int) -> str:
    """`sales.parquet, column "income"; first at row 1,204,311 (8,412 rows in 3 files)`."""
    at = files.place(row)
    where = f"{at.file}, {column}" if at.file else column
    many = f" in {in_files:,} files" if in_files > 1 else ""
    return f"{where}; {FIRST} {at.row:,} ({rows:,} row{'s' if rows != 1 else ''}{many})"


def large_integers(source: Source, columns: Sequence[str]) -> InputError:
    """The refusal of integers beyond 2**53, after looking at all of them."""
    found = find_large(source, columns)
    return refusals.integer_too_large(
        "X",
        refusals.several(len(found), "column") + " with such values",
        "scale the column, or leave it out (drop_columns=, --drop-columns): such numbers are mostly ids",
        lines([words for _, words in found]),
    )


def find_large(source: Source, columns: Sequence[str]) -> list[tuple[str, str]]:
    """The columns that hold integers beyond 2**53, each with the place in words."""
    out = []
    for name in columns:
        found, at = _Found(), 0
        for batch in source.read(0, source.count(), [name]):
            column = batch.column(0)
            if pa.types.is_dictionary(column.type):
                column = column.dictionary_decode()
            values = np.asarray(column.fill_null(0).to_numpy(zero_copy_only=False))
            found.add(np.flatnonzero((values > EXACT) | (values < -EXACT)) + at, source.files())
            at += batch.num_rows
        if found.rows:
            where = place(source.files(), f'column "{name}"', found.first, found.rows, len(found.files))
            out.append((name, where))
    return out


def missing_labels(source: Source, column: str) -> InputError:
    """The refusal of rows without a label, after counting them all."""
    found, at = _Found(), 0
    for batch in source.read(0, source.count(), [column]):
        nulls = np.asarray(batch.column(0).is_null().to_numpy(zero_copy_only=False))
        found.add(np.flatnonzero(nulls) + at, source.files())
        at += batch.num_rows
    return InputError(
        "Input y contains NaN.",
        code="SL2301",
        where=lines([place(source.files(), f'column "{column}"', found.first, found.rows, len(found.files))]),
        found=refusals.several(found.rows, "missing value"),
        needed="a value of y in every row",
        fix=DROP_ROWS,
    )


def first_text(source: Source, column: str) -> str:
    """Where a column of text, which held numbers until then, first holds text; "" where it does from its start on."""
    at, numbers = 0, False
    for batch in source.read(0, source.count(), [column]):
        values = batch.column(0)
        try:
            numbers |= pc.cast(values, pa.float64()).null_count < len(values)
        except pa.ArrowInvalid:
            for row, value in enumerate(values.to_pylist(), at):
                if value is not None and not refusals.is_number(value):
                    found = source.files().place(row)
                    end = f"{found.file}, row {found.row:,}{refusals.FROM_ZERO}"
                    return f'"{column}" holds numbers up to {end}' if numbers else ""
                numbers |= value is not None
        at += len(values)
    return ""


def lines(places: Sequence[str], total: int = 0) -> str:
    """Up to five places, how many more there are, and how rows are counted."""
    shown = list(places[: refusals.SHOWN])
    if shown and FIRST in shown[0]:
        shown[0] += refusals.FROM_ZERO
    more = max(len(places), total) - refusals.SHOWN
    if more > 0:
        shown.append(f"and {refusals.several(more, 'more column')}")
    return "\n          ".join(shown)


class _Found:
    """Rows as they are found, in order."""

    def __init__(self) -> None:
        self.rows, self.first = 0, -1
        self.files: set[int] = set()

    def add(self, ids: np.typing.NDArray[np.int64], files: Files) -> None:
        if len(ids):
            self.first = int(ids[0]) if self.first < 0 else self.first
            self.rows += len(ids)
            self.files |= set(np.searchsorted(files.starts, ids, side="right").tolist())
