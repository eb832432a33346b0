"""Rows kept aside: each row by itself, by a hash of its position in the data, so the same for any layout or worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shardlearn import kernels
from shardlearn.core.errors import InputError
from shardlearn.core.matrix import Ints
from shardlearn.core.rng import Purpose, hash64
from shardlearn.data.schema import Schema
from shardlearn.data.source import Files, Place, Source
from shardlearn.data.spec import Spec

STEP = 1 << 16  # rows that are hashed at a time
REMEMBERED = 1 << 28  # rows whose draw is kept: 32 MiB


@dataclass(frozen=True)
class Draw:
    """Every row is drawn with probability below / 2**64."""

    below: int
    rows: int

    @cached_property
    def bits(self) -> NDArray[np.uint8] | None:
        """A bit a row, so that hashing is done once; None where there are too many rows to hold that."""
        if self.rows > REMEMBERED:
            return None
        steps = [self._hashed(at, min(at + STEP, self.rows)) for at in range(0, self.rows, STEP)]
        return np.concatenate([np.packbits(step) for step in steps]) if steps else np.empty(0, np.uint8)

    def drawn(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Which of the rows `start` to `stop` (excluded) are drawn."""
        bits = self.bits
        if bits is None:
            return self._hashed(start, stop)
        first = start // 8
        unpacked = np.unpackbits(bits[first : -(-stop // 8)])[start - 8 * first :][: stop - start]
        return unpacked.view(np.bool_)

    def _hashed(self, start: int, stop: int) -> NDArray[np.bool_]:
        words = kernels.philox(0, Purpose.HOLDOUT, np.arange(start, stop, dtype=np.int64), 0, 0)
        out: NDArray[np.bool_] = hash64(words) < np.uint64(self.below)
        return out


@dataclass(frozen=True, slots=True)
class PartFiles(Files):
    """Places are told as in the files themselves."""

    part: Part | None = None

    def place(self, row: int) -> Place:
        assert self.part is not None
        return self.part.base.files().place(self.part.position(row))


@dataclass(frozen=True, repr=False)
class Part(Source):
    """The rows of a source on one side of a draw, as a source of their own."""

    base: Source
    draw: Draw
    inside: bool  # the rows that are drawn, or the others
    spec: Spec

    @cached_property
    def before(self) -> Ints:
        """(steps + 1,) how many rows of this part come before each step of the base."""
        n = self.base.count()
        steps = [np.count_nonzero(self.mask(at, min(at + STEP, n))) for at in range(0, n, STEP)]
        return np.concatenate([[0], np.cumsum(steps, dtype=np.int64)]).astype(np.int64)

    @property
    def schema(self) -> Schema:
        return self.base.schema

    @property
    def label(self) -> str:
        return self.base.label

    def count(self) -> int:
        return int(self.before[-1])

    def stamp(self) -> str:
        return f"{self.base.stamp()} {self.draw.below} {self.inside}"

    def reader_bytes(self, columns: Sequence[str], rows: int, /) -> int:
        more = max(self.base.count() // max(self.count(), 1), 1)
        return self.base.reader_bytes(columns, rows * more) + STEP * 8 * len(columns)

    def mask(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Which of the base's rows `start` to `stop` (excluded) belong here."""
        drawn = self.draw.drawn(start, stop)
        return drawn if self.inside else ~drawn

    def position(self, row: int) -> int:
        """Where a row of this part stands in the base."""
        step = int(np.searchsorted(self.before, row, side="right")) - 1
        mask = self.mask(step * STEP, min((step + 1) * STEP, self.base.count()))
        return step * STEP + int(np.flatnonzero(mask)[row - int(self.before[step])])

    def rank(self, position: int) -> int:
        """How many rows of this part come before a position of the base."""
        step = min(position // STEP, len(self.before) - 1)
        rest = self.mask(step * STEP, position) if position > step * STEP else np.zeros(0, np.bool_)
        return int(self.before[step]) + int(np.count_nonzero(rest))

    def files(self) -> Files:
        files = self.base.files()
        starts = np.array([self.rank(int(start)) for start in files.starts], np.int64)
        return PartFiles(files.paths, starts, files.sizes, self)

    def units(self) -> Ints:
        found: Ints = np.unique(np.array([self.rank(int(start)) for start in self.base.units()], np.int64))
        return found[found < self.count()]

    def read(self, start: int, stop: int, columns: Sequence[str] | None = None, /) -> Iterator[Any]:
        import pyarrow as pa

        if start >= stop:
            return
        at = self.position(start)
        for batch in self.base.read(at, self.position(stop - 1) + 1, columns):
            mask = self.mask(at, at + batch.num_rows)
            at += batch.num_rows
            yield batch.filter(pa.array(mask))

    def notices(self) -> tuple[str, ...]:
        return self.base.notices()

    def close(self) -> None:
        self.base.close()


def split(source: Source, share: float) -> tuple[Source, Source]:
    """The rows to train on, and about that share of all rows to evaluate on."""
    if source.schema.is_matrix:
        raise InputError(
            "Rows of a matrix can't be kept aside by --holdout.",
            code="SL2901",
            where=source.label,
            needed="a table: Parquet or CSV",
            fix="keep a second file aside, and use shardlearn evaluate",
        )
    draw = Draw(round(share * 2**64), source.count())
    train, held = Part(source, draw, False, source.spec), Part(source, draw, True, source.spec)
    if not (train.count() and held.count()):
        raise InputError(
            f"--holdout {share} leaves no row to {'train' if held.count() else 'evaluate'} on.",
            code="SL2902",
            where=source.label,
            found=f"{source.count():,} rows",
            fix="another share, or more rows",
        )
    return train, held
