"""Rows kept aside: each row by itself, by a hash of its position in the data, so the same for any layout or worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shardlearn import kernels
from shardlearn.core.errors import InputError
from shardlearn.core.matrix import Csr, Floats, Ints, take_rows
from shardlearn.core.rng import Purpose, hash64
from shardlearn.data.schema import Schema
from shardlearn.data.source import Files, Place, Source
from shardlearn.data.spec import Spec
from shardlearn.data.svmlight import LabelledRows, as_csr

STEP = 1 << 16  # rows that are hashed at a time
FEW = 64  # rows: how finely it is told where rows of a part lie
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

    @property
    def stamp_lasts(self) -> bool:
        return self.base.stamp_lasts

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

    def must_be_same(self) -> None:
        self.base.must_be_same()

    def notices(self) -> tuple[str, ...]:
        return self.base.notices()

    def close(self) -> None:
        self.base.close()


@dataclass(frozen=True, repr=False)
class SparsePart(Part, LabelledRows):
    """The same of svmlight files."""

    base: LabelledRows

    @property
    def width(self) -> int:
        return self.base.width

    @property
    def label_kind(self) -> str:
        return self.base.label_kind

    @property
    def stored(self) -> int:
        return self.base.stored * self.count() // max(self.base.count(), 1)

    def stored_in(self, rows: int) -> int:
        return self.base.stored_in(self.among(rows))

    def reader_bytes(self, columns: Sequence[str], rows: int, /) -> int:
        picking = 3 * self.base.reader_bytes((), 0)  # rows of one piece of text
        return self.base.reader_bytes((), self.among(rows)) + picking

    def as_asked(self, spec: Spec) -> SparsePart:
        base = self.base.as_asked(spec)
        return replace(self, base=base, spec=base.spec)

    def read(self, start: int, stop: int, columns: Sequence[str] | None = None, /) -> Iterator[Csr]:
        return LabelledRows.read(self, start, stop, columns)

    def rows(self, start: int, stop: int) -> Iterator[tuple[Csr, Floats]]:
        if start >= stop:
            return
        at = self.position(start)
        for X, labels in self.base.rows(at, self.position(stop - 1) + 1):
            where = np.flatnonzero(self.mask(at, at + len(labels)))
            at += len(labels)
            yield as_csr(take_rows(X, where)), labels[where]

    @cached_property
    def finely(self) -> Ints:
        """How many rows of this part come before each FEW rows of the base, and in all."""
        n, counts = self.base.count(), [np.zeros(1, np.int64)]
        for at in range(0, n, STEP):
            mask = self.mask(at, min(at + STEP, n))
            counts.append(np.add.reduceat(mask, np.arange(0, len(mask), FEW), dtype=np.int64))
        return np.cumsum(np.concatenate(counts))

    def among(self, rows: int) -> int:
        """Rows of the base between the first and last of any `rows` rows of this part, at most."""
        before = self.finely
        low, high = (
            1,
            len(before),
        )  # any `low - 1` steps hold too few; any `high` steps hold enough, or are all there are
        while low < high:
            steps = (low + high) // 2
            if steps < len(before) and int((before[steps:] - before[:-steps]).min()) >= rows:
                high = steps
            else:
                low = steps + 1
        return min((low + 1) * FEW, self.base.count())


def split(source: Source, share: float) -> tuple[Source, Source]:
    """The rows to train on, and about that share of all rows to evaluate on."""
    draw = Draw(round(share * 2**64), source.count())
    train, held = (_part(source, draw, inside) for inside in (False, True))
    if not (train.count() and held.count()):
        raise InputError(
            f"--holdout {share} leaves no row to {'train' if held.count() else 'evaluate'} on.",
            code="SL2902",
            where=source.label,
            found=f"{source.count():,} rows",
            fix="another share, or more rows",
        )
    return train, held


def _part(source: Source, draw: Draw, inside: bool) -> Part:
    spec = replace(source.spec, asked=())  # the files alone don't say which rows
    if isinstance(source, LabelledRows):
        return SparsePart(source, draw, inside, spec)
    return Part(source, draw, inside, spec)
