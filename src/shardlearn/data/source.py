"""A source: rows that can be read again, the same ones in the same order every time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from shardlearn.core.matrix import Ints

from .schema import Schema
from .spec import Spec


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands: its file and its position there, or the data itself where there are no files."""

    file: str
    row: int


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a source in their order, and the first row id of each."""

    paths: tuple[str, ...]
    starts: Ints  # (files,)
    sizes: tuple[int, ...]  # bytes

    def place(self, row: int) -> Place:
        """The file that holds a row."""
        if not self.paths:
            return Place("", row)
        at = int(np.searchsorted(self.starts, row, side="right")) - 1
        return Place(self.paths[at], row - int(self.starts[at]))

    def stretch(self, start: int, stop: int) -> str:
        """The rows `start` to `stop` (excluded): "flights/03.parquet, rows 12,345 to 20,480"; "" without files.

        Rows count from 0 in each file.
        """
        first, last = self.place(start), self.place(stop - 1)
        if not first.file:
            return ""
        if first.file == last.file:
            return f"{first.file}, rows {first.row:,} to {last.row:,}"
        return f"{first.file}, row {first.row:,}, to {last.file}, row {last.row:,}"


NO_FILES = Files((), np.zeros(0, np.int64), ())


class Source(ABC):
    """Rows with a schema. Immutable, and can be sent to another process."""

    spec: Spec

    @property
    @abstractmethod
    def schema(self) -> Schema: ...

    @abstractmethod
    def count(self) -> int:
        """Number of rows, exact; may read the data once, and is remembered."""

    @abstractmethod
    def read(self, start: int, stop: int, columns: Sequence[str] | None = None, /) -> Iterator[Any]:
        """The rows `start` to `stop` (excluded), as Arrow record batches, or as slices of a matrix."""

    @abstractmethod
    def stamp(self) -> str:
        """Changes when the data changed."""

    @abstractmethod
    def reader_bytes(self, columns: Sequence[str], rows: int, /) -> int:
        """What one reader of these columns holds, at most, beside what it fills; it may ask for `rows` at a time."""

    @property
    def stamp_lasts(self) -> bool:
        """Whether the stamp of the same data is the same in another process."""
        return True

    @property
    def kept_bytes(self) -> int:
        """What an allocator may keep of what a reader has given back."""
        return 0

    @property
    def in_memory(self) -> bool:
        """Whether the caller holds the rows: then answers are arrays too."""
        return False

    @property
    def label(self) -> str:
        """One short phrase for people: a path, or the kind of object."""
        return type(self).__name__

    def files(self) -> Files:
        """The files in their order; none for data in memory."""
        return NO_FILES

    def units(self) -> Ints:
        """Ascending first row ids of the parts that one reader decodes; empty: anywhere will do."""
        return np.zeros(0, np.int64)

    def must_be_same(self) -> None:  # noqa: B027  what is in memory does not change
        """Refuse files that changed since they were opened; readers do it for what they read."""

    def notices(self) -> tuple[str, ...]:
        """Sentences that people should see when the data is used: what was unpacked, and where."""
        return ()

    def late_text(self, _column: str, /) -> str:
        """Where a column that is text for that alone first holds text, in words; "" where no such place is known."""
        return ""

    def close(self) -> None:  # noqa: B027  most sources leave nothing behind
        """Remove what was unpacked for this source."""

    def __len__(self) -> NoReturn:
        raise self._not_in_memory("has no len()")

    def __array__(self, dtype: object = None, copy: bool | None = None) -> NoReturn:
        raise self._not_in_memory("is no array")

    @property
    def shape(self) -> NoReturn:
        """scikit-learn asks for it before len(), whose error it would replace by its own."""
        raise self._not_in_memory("has no shape")

    def _not_in_memory(self, lacks: str) -> TypeError:
        table = "the table itself" if self.in_memory else "a table in memory"
        return TypeError(
            f"A {type(self).__name__} {lacks}: scikit-learn's model selection can't split what it can't hold. "
            f"Give it {table} and y as an array, or keep rows aside with `shardlearn fit --holdout 0.1`; "
            "source.count() is the number of rows."
        )

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        names = self.schema.names
        shown = f"{self.schema.n_columns:,} columns"
        if names:
            shown += ": " + ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
        return f"<shardlearn {type(self).__name__} {self.label}: {shown}>"
