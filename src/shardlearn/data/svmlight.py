"""svmlight files: indexed once, then read as rows of CSR with their labels."""

from __future__ import annotations

import os
import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any

import numpy as np

from shardlearn import _native
from shardlearn.core.block import Block
from shardlearn.core.engine import Footprint
from shardlearn.core.errors import InputError, ShardlearnError
from shardlearn.core.events import Emit, Timed
from shardlearn.core.grid import Grid
from shardlearn.core.matrix import Array, Csr, Floats, Ints, Matrix, concat_rows, slice_rows

from . import cache, refusals
from .files import File, open_input, stat, why
from .matrix_blocks import without_missing
from .said import Said
from .schema import Column, Kind, Schema
from .source import Source
from .spec import Spec
from .text import CHUNK, FAILURES, FINE, Remembered, at_once, feed, is_packed, unpacking
from .text_files import TextFiles

TARGET = "target"  # the name of the labels, which stand first in a line
FAULTS = {
    2: ("a label that is no number", "a number first in the line"),
    3: ("an entry that is not index:value", "index:value pairs after the label"),
    4: ("indices that do not go up", "each index once, in ascending order"),
    5: ("a qid", "lines without qid"),
    6: ("a negative index", "indices of 1 or more"),
    7: ("an index beyond 2**31 - 1", "smaller indices"),
}


@dataclass(frozen=True)
class Index:
    """What one pass over a file found."""

    rows: int
    offsets: Ints  # of rows 0, 64, 128, ..., then of the end
    stored_before: Ints  # non-zeros before those rows, then of all
    least: int  # -1 where there is no entry
    largest: int
    whole_labels: bool
    unpacked: str = ""  # the file in the cache that is read instead
    unpacked_bytes: int = 0


INDEXES: Remembered[Index] = Remembered()


class LabelledRows(Source):
    """Rows of CSR with their labels, the column "target": files, or some of their rows."""

    @property
    @abstractmethod
    def width(self) -> int: ...

    @property
    @abstractmethod
    def label_kind(self) -> str:
        """What labels are as y: "int64" or "float64"."""

    @property
    @abstractmethod
    def stored(self) -> int:
        """Non-zeros, as far as an index tells; the size of blocks follows from it."""

    @abstractmethod
    def stored_in(self, rows: int) -> int:
        """Non-zeros of any `rows` rows, at most."""

    @abstractmethod
    def rows(self, start: int, stop: int) -> Iterator[tuple[Csr, Floats]]:
        """Pieces of the rows `start` to `stop` (excluded) with their labels."""

    @abstractmethod
    def as_asked(self, spec: Spec) -> LabelledRows:
        """The same rows as the caller of a fit wants them: width and dtype may be asked for then."""

    @property
    def schema(self) -> Schema:
        kind = Kind.INTEGER if self.label_kind == "int64" else Kind.FLOAT
        return Schema((Column(TARGET, kind, self.label_kind),), self.width, self.spec.dtype or "float64")

    def read(self, start: int, stop: int, columns: Sequence[str] | None = None, /) -> Iterator[Csr]:
        for X, _ in self.rows(start, stop):
            yield X


@dataclass(frozen=True, repr=False)
class SvmlightSource(TextFiles[Index], LabelledRows):
    """svmlight files in their order."""

    features: int

    @property
    def width(self) -> int:
        return self.features

    @property
    def label_kind(self) -> str:
        return "int64" if all(index.whole_labels for index in self.indexes) else "float64"

    @property
    def stored(self) -> int:
        return sum(int(index.stored_before[-1]) for index in self.indexes)

    def reader_bytes(self, columns: Sequence[str], rows: int, /) -> int:
        text = max((int(np.diff(index.offsets).max(initial=0)) for index in self.indexes), default=0)
        return 3 * max(text, CHUNK) + self.stored_in(rows) * 12

    def stored_in(self, rows: int) -> int:
        most = 0
        for index in self.indexes:
            steps = min(rows // FINE + 1, len(index.stored_before) - 1)
            before = index.stored_before
            most = max(most, int((before[steps:] - before[: len(before) - steps]).max(initial=0)))
        return most

    def rows(self, start: int, stop: int) -> Iterator[tuple[Csr, Floats]]:
        for file, index, first, last in self.within(start, stop):
            yield from self._read_file(file, index, first, last)

    def as_asked(self, spec: Spec) -> SvmlightSource:
        least = max(index.largest for index in self.indexes) + (1 if self.spec.zero_based else 0)
        width = spec.n_features or self.width
        if width < least:
            raise InputError(f"{self.label} has {least:,} features, and n_features={width:,}", code="SL2204")
        if (width, spec.dtype) == (self.width, self.spec.dtype):
            return self
        return replace(self, features=width, spec=replace(self.spec, dtype=spec.dtype))

    def _read_file(self, file: File, index: Index, start: int, stop: int) -> Iterator[tuple[Csr, Floats]]:
        file.must_be_same()
        base = 0 if self.spec.zero_based else 1
        try:
            with open_input(stat(index.unpacked) if index.unpacked else file) as opened:
                for low, high in _pieces(index, start, stop):
                    opened.seek(int(index.offsets[low]))
                    text = opened.read(int(index.offsets[high] - index.offsets[low]))
                    values, indices, indptr, labels = _native.parse_svmlight(text, base)
                    X = Csr(values.astype(self.spec.dtype or "float64", copy=False), indices, indptr, self.width)
                    here = slice(max(start - low * FINE, 0), min(stop - low * FINE, len(labels)))
                    yield as_csr(slice_rows(X, here.start, here.stop)), labels[here]
        except ShardlearnError:
            raise
        except FAILURES as error:
            file.must_be_same()
            raise refusals.unreadable(file.shown, why(error)) from None
        file.must_be_same()


def as_csr(X: Matrix) -> Csr:
    """The matrix, which is known to be sparse."""
    assert isinstance(X, Csr)
    return X


def _pieces(index: Index, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Stretches of offsets that cover the rows, each of about a megabyte of text."""
    low, end = start // FINE, -(-stop // FINE)
    while low < end:
        high = int(np.searchsorted(index.offsets, index.offsets[low] + CHUNK, side="right")) - 1
        high = min(max(high, low + 1), end)
        yield low, high
        low = high


def open_svmlight(files: tuple[File, ...], name: str, spec: Spec) -> SvmlightSource:
    """Index all files; the width is the largest index, or what the caller says."""
    room = cache.room() if any(is_packed(file) for file in files) else None
    try:
        numbered = list(enumerate(files))
        threads = min(len(os.sched_getaffinity(0)), 8)
        indexes = tuple(at_once(lambda at, stop: _index(at[1], room, at[0], stop), numbered, threads))
        largest = max(index.largest for index in indexes) + (1 if spec.zero_based else 0)
        for file, index in zip(files, indexes, strict=True):
            if index.least == 0 and not spec.zero_based:
                raise InputError(
                    f"{file.shown} has entries with index 0",
                    code="SL2204",
                    needed="indices from 1 on, as the format has them",
                    fix="shardlearn.read(..., zero_based=True) or --zero-based, for training and prediction alike",
                )
        if spec.n_features is not None and largest > spec.n_features:
            raise InputError(
                f"{name} has {largest:,} features, and n_features={spec.n_features:,}",
                code="SL2204",
                fix=f"shardlearn.read(..., n_features={largest}) or --n-features {largest}",
            )
    except BaseException:
        if room is not None:
            room.close()
        raise
    return SvmlightSource(files, indexes, name, room, spec, spec.n_features or max(largest, 0))


def _index(file: File, room: cache.Room | None, number: int, stop: Event) -> Index:
    if file.size == 0:
        raise refusals.empty_file(file.shown)
    if room is None or not is_packed(file):
        return INDEXES.get(file, lambda: _index_plain(file, stop))
    path = f"{room.path}/{number:06d}.svm"
    scanner = _native.SvmScanner(FINE)
    with unpacking(file, path) as (opened, writer):
        size = feed(scanner, opened, writer, stop)
    return replace(_found(file, scanner, size), unpacked=path, unpacked_bytes=size)


def _index_plain(file: File, stop: Event) -> Index:
    scanner = _native.SvmScanner(FINE)
    try:
        with open(file.path, "rb", buffering=0) as opened:
            size = feed(scanner, opened, None, stop)
    except FAILURES as error:
        raise refusals.unreadable(file.shown, why(error)) from None
    file.must_be_same()
    return _found(file, scanner, size)


def _found(file: File, scanner: Any, size: int) -> Index:
    scanner.finish()
    if scanner.bad_row >= 0:
        raise refusals.bad_line(file.shown, scanner.bad_row, *FAULTS[scanner.bad_kind])
    offsets = np.concatenate([scanner.offsets(), [size]]).astype(np.int64)
    stored = np.concatenate([scanner.stored_before(), [scanner.stored]]).astype(np.int64)
    return Index(scanner.rows, offsets, stored, scanner.least, scanner.largest, scanner.whole_labels)


@dataclass(frozen=True)
class SvmlightBlocks:
    """Rows of svmlight files on the grid."""

    source: LabelledRows
    y_kind: str | None
    own_labels: bool  # y is the file's
    y: Array | None
    weight: Floats | None
    grid: Grid
    drop: bool
    said: Said = field(default_factory=Said, compare=False)

    def read(self, numbers: Sequence[int], /, *, emit: Emit) -> Iterator[tuple[int, Block]]:
        self.said.once(self.source.notices(), emit)
        for number in numbers:
            began = time.perf_counter()
            block = self._block(number)
            emit(Timed("decode", time.perf_counter() - began, block.nbytes))
            yield number, block

    def _block(self, number: int) -> Block:
        start, stop = self.grid.span(number)
        here = slice(start - self.grid.first, stop - self.grid.first)
        pieces = list(self.source.rows(here.start, here.stop))
        X = concat_rows([piece for piece, _ in pieces])
        if X.shape[0] != stop - start:
            raise refusals.changed(self.source.label, "fewer rows than before")
        y = None if self.y is None else self.y[here]
        if self.own_labels:
            y = np.concatenate([labels for _, labels in pieces]).astype(self.y_kind)
        block = Block(X, y, None if self.weight is None else self.weight[here], start)
        return without_missing(block) if self.drop else block

    def cuts(self) -> Sequence[int]:
        return self.grid.blocks

    def empty(self) -> Block:
        dtype = self.source.spec.dtype or "float64"
        X = Csr(np.empty(0, dtype), np.empty(0, np.int32), np.zeros(1, np.int64), self.source.width)
        y = None if self.y is None else self.y[:0]
        if self.own_labels:
            y = np.empty(0, self.y_kind)
        return Block(X, y, None if self.weight is None else self.weight[:0], self.grid.first)

    def footprint(self) -> Footprint:
        rows = min(self.grid.rows, max(self.grid.count, 1))
        block = self.source.stored_in(rows) * 12 + rows * 24
        return Footprint(block, self.source.reader_bytes((), rows), False)

    def place(self, first: int, stop: int, /) -> str:
        return self.source.files().stretch(first - self.grid.first, stop - self.grid.first)

    def stamp(self) -> str:
        return self.source.stamp()
