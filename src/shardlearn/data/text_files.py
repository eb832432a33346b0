"""Sources of text files that were indexed: what CSV and svmlight have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from . import cache, refusals
from .files import File
from .source import Files, Source
from .spec import Spec


class Indexed(Protocol):
    """What one pass over a file found, as far as it is the same for all."""

    @property
    def rows(self) -> int: ...
    @property
    def unpacked_bytes(self) -> int: ...


F = TypeVar("F", bound=Indexed)


@dataclass(frozen=True, repr=False)
class TextFiles(Source, Generic[F]):
    """Text files in their order."""

    parts: tuple[File, ...]
    indexes: tuple[F, ...]
    name: str
    room: cache.Room | None  # where they are unpacked
    spec: Spec

    @property
    def label(self) -> str:
        return self.name

    def count(self) -> int:
        return sum(index.rows for index in self.indexes)

    def files(self) -> Files:
        rows = [index.rows for index in self.indexes]
        starts = np.concatenate([[0], np.cumsum(rows)[:-1]]).astype(np.int64)
        return Files(tuple(file.shown for file in self.parts), starts, tuple(file.size for file in self.parts))

    def stamp(self) -> str:
        return hashlib.sha256("\n".join(file.stamp for file in self.parts).encode()).hexdigest()

    def notices(self) -> tuple[str, ...]:
        if self.room is None:
            return ()
        total = refusals.gigabytes(sum(index.unpacked_bytes for index in self.indexes))
        return (f"unpacked {self.name} to {self.room.path} ({total}), removed after use",)

    def close(self) -> None:
        if self.room is not None:
            self.room.close()

    def within(self, start: int, stop: int) -> Iterator[tuple[File, F, int, int]]:
        """The files that hold the rows `start` to `stop` (excluded), each with the rows of its own that are meant."""
        first = 0
        for file, index in zip(self.parts, self.indexes, strict=True):
            last = first + index.rows
            if first < stop and last > start:
                yield file, index, max(start - first, 0), min(stop, last) - first
            first = last
