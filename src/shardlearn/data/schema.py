"""What a source holds: its columns and their kinds, or the width of a matrix without names."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum

HUGE = "integers beyond int64"  # the type of a CSV column of such numbers, which is held as text


class Kind(Enum):
    """What the values of a column are, whatever file or library holds them."""

    BOOL = "bool"
    INTEGER = "integer"
    FLOAT = "float"
    SHORT_FLOAT = "float32 or float16"
    DECIMAL = "decimal"
    DURATION = "duration"
    DATE = "date"
    TIME = "time of day"
    TIMESTAMP = "timestamp"
    STRING = "string"
    BINARY = "binary"
    CATEGORY = "category"
    NESTED = "nested"
    NULL = "null"
    OBJECT = "mixed objects"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    kind: Kind
    type: str  # as Arrow spells it: "int32", "dictionary<values=string, ...>"


@dataclass(frozen=True, slots=True)
class Drift:
    """A column that two files hold as kinds that do not go together; one of them may lack it."""

    column: str
    first: tuple[str, str]  # file and kind
    other: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a table in their order, or for a matrix its width and dtype."""

    columns: tuple[Column, ...] = ()
    width: int = 0  # of a matrix; its columns have no names
    dtype: str = ""  # of a matrix, as it is held
    drifts: tuple[Drift, ...] = ()  # refused where such a column is used

    @property
    def is_matrix(self) -> bool:
        return bool(self.dtype)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def n_columns(self) -> int:
        return self.width if self.is_matrix else len(self.columns)

    def duplicates(self) -> list[str]:
        """Names that stand more than once, in their order."""
        return [name for name, count in Counter(self.names).items() if count > 1]

    def by_name(self) -> dict[str, Column]:
        """Columns by their name; of duplicates, the last."""
        return {column.name: column for column in self.columns}
