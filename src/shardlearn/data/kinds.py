"""Column kinds: each taken as what, or refused how. One table, from which checks, tests and docs are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

from .schema import Column, Kind, Schema

DROP = "leave it out: shardlearn.read(..., drop_columns=[...]) or --drop-columns NAME"


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of column."""

    kind: Kind
    arrow: str  # the Arrow types of this kind
    feature: str  # taken as what as a feature; empty: refused
    label: str  # taken as what as y; empty: refused
    fix: str  # where refused, what mends it

    @property
    def y_kind(self) -> str:
        """ "int64", "bool", "float64", "str", or empty where refused."""
        return self.label.split(" ")[0]


TABLE: tuple[Row, ...] = (
    Row(Kind.BOOL, "bool", "0 and 1", "bool", ""),
    Row(
        Kind.INTEGER,
        "int8 to int64, uint8 to uint64, dictionaries of them",
        "float64; beyond 2**53 refused (SL2108)",
        "int64",
        "",
    ),
    Row(Kind.FLOAT, "double, dictionaries of it", "float64; NaN and null are missing", "float64", ""),
    Row(
        Kind.SHORT_FLOAT,
        "float, halffloat",
        "float32 where every feature is, else float64; NaN and null are missing",
        "float64",
        "",
    ),
    Row(Kind.DECIMAL, "decimal32 to decimal256", "the nearest float64", "float64", ""),
    Row(Kind.DURATION, "duration[s, ms, us, ns]", "seconds as float64, whatever the unit", "float64 (seconds)", ""),
    Row(
        Kind.TIME,
        "time32, time64",
        "seconds since midnight as float64, whatever the unit",
        "float64 (seconds)",
        "",
    ),
    Row(Kind.DATE, "date32, date64", "", "", f"derive numbers from it (year, month, days since), or {DROP}"),
    Row(Kind.TIMESTAMP, "timestamp[any unit, any zone]", "", "", f"derive numbers from it (hour, weekday), or {DROP}"),
    Row(Kind.STRING, "string, large_string, string_view", "", "str", f"encode it as numbers, or {DROP}"),
    Row(
        Kind.CATEGORY,
        "dictionary of strings (pandas and Polars categories, enums)",
        "",
        "str",
        f"encode it as numbers, or {DROP}",
    ),
    Row(Kind.BINARY, "binary, large_binary, fixed_size_binary", "", "", DROP),
    Row(
        Kind.NESTED,
        "list, struct, map, union, run_end_encoded",
        "",
        "",
        f"flatten it into one column a number, or {DROP}",
    ),
    Row(Kind.NULL, "null", "missing in every row", "", f"it holds no value at all: {DROP}"),
    Row(
        Kind.OBJECT,
        "extension types, Python objects of several types",
        "",
        "",
        f"convert it to one type, or {DROP}",
    ),
)
BY_KIND = {row.kind: row for row in TABLE}

# What no Arrow type says, for the same page.
OTHERS: tuple[tuple[str, str, str], ...] = (
    ("Hive partition columns (key=value folders)", "integer where every value is one, else string", "as that kind"),
    ("pandas' index without a name (`__index_level_0__`)", "left out", "name it in columns=[...] or --columns"),
    ("the same name twice", "refused (SL2102) where the name is used", "rename it, or name other columns"),
    ("float32 data in CSV and svmlight", "float64: text has no width", 'dtype="float32"'),
    ("integers in one file, floats in another", "float64", ""),
    ("text in one file, numbers in another", "refused (SL2107), both files named", "mend the file, or " + DROP),
    ("a column that a later file lacks", "refused (SL2107), both files named", "mend the file, or " + DROP),
)

NUMERIC = frozenset(row.kind for row in TABLE if row.feature)


def kind_of(type_: Any) -> Kind:
    """The kind of an Arrow type; a dictionary of numbers is of the kind of its values."""
    for test, kind in _TESTS:
        if test(type_):
            return kind
    if pt.is_dictionary(type_):
        inner = kind_of(type_.value_type)
        return Kind.CATEGORY if inner is Kind.STRING else inner
    return Kind.OBJECT if isinstance(type_, pa.BaseExtensionType) else Kind.NESTED


_TESTS = (
    (pt.is_boolean, Kind.BOOL),
    (pt.is_integer, Kind.INTEGER),
    (pt.is_float64, Kind.FLOAT),
    (pt.is_floating, Kind.SHORT_FLOAT),
    (pt.is_decimal, Kind.DECIMAL),
    (pt.is_duration, Kind.DURATION),
    (pt.is_time, Kind.TIME),
    (pt.is_date, Kind.DATE),
    (pt.is_timestamp, Kind.TIMESTAMP),
    (pt.is_string, Kind.STRING),
    (pt.is_large_string, Kind.STRING),
    (pt.is_string_view, Kind.STRING),
    (pt.is_binary, Kind.BINARY),
    (pt.is_large_binary, Kind.BINARY),
    (pt.is_binary_view, Kind.BINARY),
    (pt.is_fixed_size_binary, Kind.BINARY),
    (pt.is_null, Kind.NULL),
)


def columns_of(schema: Any) -> Schema:
    """Our schema of an Arrow one."""
    return Schema(tuple(Column(field.name, kind_of(field.type), str(field.type)) for field in schema))


def dtype_of(columns: Sequence[Column]) -> str:
    """float32 where every feature column is float32 or float16, else float64."""
    return "float32" if all(column.kind is Kind.SHORT_FLOAT for column in columns) else "float64"


def together(first: Column, other: Column) -> Column | None:
    """What two files' columns of one name are together; None where they do not go together."""
    if first.kind is other.kind or other.kind is Kind.NULL:
        return first
    if first.kind is Kind.NULL:
        return other
    numbers = {Kind.INTEGER, Kind.FLOAT, Kind.SHORT_FLOAT, Kind.DECIMAL}
    if {first.kind, other.kind} <= numbers:
        return Column(first.name, Kind.FLOAT, "double")
    if {first.kind, other.kind} == {Kind.STRING, Kind.CATEGORY}:
        return Column(first.name, Kind.STRING, "string")
    return None
