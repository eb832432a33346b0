"""Blocks of a table: record batches packed row by row onto the grid as they come."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from shardlearn.core.block import Block
from shardlearn.core.engine import Footprint
from shardlearn.core.events import Emit, Timed
from shardlearn.core.grid import Grid
from shardlearn.core.matrix import Array, Floats, Ints

from . import labels, refusals, scan
from .matrix_blocks import without_missing
from .packing import LARGE, MISSING, Packer, packer
from .roles import Roles
from .said import Said
from .schema import Column
from .source import Source
from .strips import Lean, Strips
from .tables import TableSource


@dataclass(frozen=True)
class TableBlocks:
    """A table's columns by their roles, with y and weight given as arrays where they are no columns, on the grid."""

    source: Source
    roles: Roles
    y_kind: str | None
    y: Array | None  # (n,) or (n, k), where it was given as an array
    weight: Floats | None  # (n,), where it was given as an array
    grid: Grid
    drop: bool
    lean: Lean | None = None  # the features, where they are unpacked first
    said: Said = field(default_factory=Said, compare=False)

    def read(self, numbers: Sequence[int], /, *, emit: Emit) -> Iterator[tuple[int, Block]]:
        self.said.once(self.source.notices(), emit)
        strips = None if self.lean is None else self.lean.strips(emit)
        for first, last in runs(numbers):
            yield from self._run(first, last, strips, emit)

    def _run(self, first: int, last: int, strips: Strips | None, emit: Emit) -> Iterator[tuple[int, Block]]:
        """The blocks `first` to `last` (included)."""
        filling: Filling | None = None
        if not self.from_batches:
            self.source.must_be_same()
            filling = Filling(self, None, first, strips)
            yield from filling.rest(last, emit)
            return
        start, stop = self.grid.span(first)[0] - self.grid.first, self.grid.span(last)[1] - self.grid.first
        for batch in timed(self.source.read(start, stop, self.from_batches), emit):
            filling = filling or Filling(self, batch.schema, first, strips)
            yield from filling.take(batch, emit)
        if filling is None or filling.number != last + 1:
            raise refusals.changed(self.source.label, "fewer rows than before")

    def held(self) -> int:
        beside = sum(column.nbytes for column in (self.y, self.weight) if column is not None)
        return self.source.held(self.roles.read) + beside if isinstance(self.source, TableSource) else 0

    def part(self, span: range, /) -> TableBlocks:
        if not isinstance(self.source, TableSource):
            return self
        grid = self.grid.part(span)
        rows = slice(grid.first - self.grid.first, grid.stop - self.grid.first)
        return replace(
            self,
            source=self.source.part(rows.start, rows.stop, self.roles.read),
            y=None if self.y is None else self.y[rows],
            weight=None if self.weight is None else self.weight[rows],
            grid=grid,
        )

    @property
    def from_batches(self) -> tuple[str, ...]:
        """The columns that are read from the source, block for block."""
        if self.lean is None:
            return self.roles.read
        features = {column.name for column in self.roles.features}
        return tuple(name for name in self.roles.read if name not in features or name in self.roles.keep)

    @property
    def packed(self) -> tuple[Column, ...]:
        """The features that are packed from batches: all, or none where they were unpacked before."""
        return self.roles.features if self.lean is None else ()

    @property
    def row_bytes(self) -> int:
        return len(self.roles.features) * np.dtype(self.roles.dtype).itemsize

    def cuts(self) -> Sequence[int]:
        rows, units = self.grid.rows, self.source.units()
        if not len(units) or not self.from_batches:
            return self.grid.blocks
        first_whole = (units + self.grid.first + rows - 1) // rows
        inside = first_whole[first_whole < self.grid.stop_block]
        return [int(i) for i in np.unique(np.concatenate([[self.grid.first_block], inside]))]

    def empty(self) -> Block:
        X = np.empty((0, len(self.roles.features)), self.roles.dtype)
        y = None if self.y is None else self.y[:0]
        if self.roles.target is not None and self.y_kind is not None:
            y = np.empty(0, labels.EMPTY[self.y_kind])
        weighted = self.weight is not None or self.roles.weight is not None
        extra = {f"keep/{name}": np.empty(0, object) for name in self.roles.keep}
        return Block(X, y, np.empty(0) if weighted else None, self.grid.first, extra=extra)

    def footprint(self) -> Footprint:
        return self._footprint

    @cached_property
    def _footprint(self) -> Footprint:
        beside = 64 if self.y_kind == "str" else 8 * (self.y_kind is not None)
        beside += 8 * (self.roles.weight is not None) + 64 * len(self.roles.keep)
        rows = min(self.grid.rows, max(self.grid.count, 1))
        source = self.source
        reader = source.reader_bytes(self.from_batches, rows) + source.kept_bytes if self.from_batches else 0
        if self.lean is not None:
            reader += self.lean.reader_bytes(rows)
        return Footprint(rows * (self.row_bytes + beside), reader, False)

    def place(self, first: int, stop: int, /) -> str:
        return self.source.files().stretch(first - self.grid.first, stop - self.grid.first)

    def stamp(self) -> str:
        return self.source.stamp()


def runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ascending numbers as stretches without gaps: first and last (included)."""
    if not len(numbers):
        return
    first = numbers[0]
    for one, following in pairwise(numbers):
        if following != one + 1:
            yield first, one
            first = following
    yield first, numbers[-1]


def timed(batches: Iterator[Any], emit: Emit) -> Iterator[Any]:
    """The batches, each with an event that says how long it was waited for."""
    while True:
        began = time.perf_counter()
        batch = next(batches, None)
        if batch is None:
            return
        if batch.num_rows:
            emit(Timed("decode", time.perf_counter() - began, 8 * batch.num_rows * batch.num_columns))
            yield batch


@dataclass
class Filling:
    """The block that is being filled, by one reader."""

    blocks: TableBlocks
    schema: Any  # of the batches
    number: int  # of the block
    strips: Strips | None
    filled: int = 0
    X: Array = field(init=False)
    counts: Ints = field(init=False)
    holes: Array | None = field(init=False)  # rows with a missing feature, where such rows are dropped
    y: list[tuple[Array, Array | None]] = field(default_factory=list)
    weight: list[Floats] = field(default_factory=list)
    kept: dict[str, list[Array]] = field(default_factory=dict)
    features: Packer = field(init=False)
    numbers: dict[str, Packer] = field(init=False)  # of the target and the weight, one column each
    positions: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        if self.schema is not None:
            self._pack_by(self.schema)
        self._begin()

    @property
    def beside(self) -> bool:
        """Whether anything but features comes from batches."""
        roles = self.blocks.roles
        return roles.target is not None or roles.weight is not None or bool(roles.keep)

    def _pack_by(self, schema: Any) -> None:
        self.positions = {name: i for i, name in enumerate(schema.names)}
        self.features = packer(schema, [self.positions[column.name] for column in self.blocks.packed])
        roles, kind = self.blocks.roles, self.blocks.y_kind
        columns = [roles.target if kind == "float64" else None, roles.weight]
        names = [column.name for column in columns if column is not None]
        self.numbers = {name: packer(schema, [self.positions[name]]) for name in names}

    def _begin(self) -> None:
        start, stop = self.blocks.grid.span(self.number)
        strips, first = self.strips, self.blocks.grid.first
        if strips is not None and start < stop:
            self.X = strips.read(start - first, stop - first)
        else:
            self.X = np.empty((max(stop - start, 0), len(self.blocks.roles.features)), self.blocks.roles.dtype)
        self.counts = np.zeros((len(self.blocks.packed), 3), np.int64)
        self.holes = np.zeros(len(self.X), np.bool_) if self.blocks.drop and strips is None else None
        self.filled = 0
        self.y, self.weight, self.kept = [], [], {name: [] for name in self.blocks.roles.keep}

    def take(self, batch: Any, emit: Emit) -> Iterator[tuple[int, Block]]:
        """Pack a batch; give each block as it becomes full."""
        began = time.perf_counter()
        if not batch.schema.equals(self.schema):  # another file, with other integers
            self.schema = batch.schema
            self._pack_by(batch.schema)
        exported, at = self.features.export(batch), 0
        while at < batch.num_rows:
            n = min(batch.num_rows - at, len(self.X) - self.filled)
            if n == 0:
                raise refusals.changed(self.blocks.source.label, "more rows than before")
            if self.blocks.packed:
                self.counts += self.features.rows(exported, range(at, at + n), self.X, self.filled, self.holes)
            if self.beside:
                self._take_labels(batch, exported, range(at, at + n))
            self.filled, at = self.filled + n, at + n
            if self.filled == len(self.X):
                block = self._finish()
                emit(Timed("pack", time.perf_counter() - began, self.blocks.row_bytes * len(self.X)))
                yield self.number, block
                began = time.perf_counter()
                self.number += 1
                self._begin()
        emit(Timed("pack", time.perf_counter() - began))

    def rest(self, last: int, emit: Emit) -> Iterator[tuple[int, Block]]:
        """The blocks up to `last` (included), of which nothing comes from batches."""
        while True:
            yield self.number, self._finish()
            self.number += 1
            if self.number > last:
                return
            began = time.perf_counter()
            self._begin()
            emit(Timed("read", time.perf_counter() - began, self.X.nbytes))

    def _take_labels(self, batch: Any, exported: Any, span: range) -> None:
        roles, kind = self.blocks.roles, self.blocks.y_kind

        def rows(name: str) -> Any:
            return batch.column(self.positions[name]).slice(span.start, len(span))

        def numbers(name: str) -> Floats:
            one, out = self.numbers[name], np.empty((len(span), 1))
            if one.rows(one.export(batch) if one.casts else exported, span, out)[0, LARGE]:
                raise scan.large_integers(self.blocks.source, [name])
            return out[:, 0]

        if roles.target is not None and kind is not None:
            name = roles.target.name
            self.y.append((numbers(name), None) if kind == "float64" else labels.values_of(rows(name), kind))
        if roles.weight is not None:
            self.weight.append(numbers(roles.weight.name))
        for name, parts in self.kept.items():
            parts.append(labels.kept(rows(name)))

    def _finish(self) -> Block:
        blocks = self.blocks
        if self.counts[:, LARGE].any():
            suspects = [column.name for column in blocks.roles.features if column.kind.value == "integer"]
            raise scan.large_integers(blocks.source, suspects)
        start, stop = blocks.grid.span(self.number)
        here = slice(start - blocks.grid.first, stop - blocks.grid.first)
        y, nulls = self._labels(here)
        weight = None if blocks.weight is None else blocks.weight[here]
        if self.weight:
            weight = np.concatenate(self.weight)
        extra = {f"keep/{name}": np.concatenate(parts) for name, parts in self.kept.items()}
        block = Block(self.X, y, weight, start, extra=extra)
        if not blocks.drop:
            if nulls is not None and blocks.roles.target is not None:
                raise scan.missing_labels(blocks.source, blocks.roles.target.name)
            return block
        missing = self.counts[:, MISSING]
        if self.holes is not None and not missing.any() and nulls is None and y is None and weight is None:
            return block
        return without_missing(block, nulls, None if self.holes is None else (self.holes, missing))

    def _labels(self, here: slice) -> tuple[Array | None, Array | None]:
        if self.blocks.y is not None:
            return self.blocks.y[here], None
        if not self.y:
            return None, None
        values = np.concatenate([part for part, _ in self.y])
        if all(nulls is None for _, nulls in self.y):
            return values, None
        holes = [np.zeros(len(part), np.bool_) if nulls is None else nulls for part, nulls in self.y]
        return values, np.concatenate(holes)
