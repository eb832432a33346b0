"""Blocks of a matrix in memory: views where its layout allows, else packed one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from shardlearn.core.block import Block, Dropped
from shardlearn.core.engine import Footprint
from shardlearn.core.events import Emit
from shardlearn.core.grid import Grid
from shardlearn.core.matrix import Array, Csr, Floats, Ints, Matrix, nbytes, own_rows, slice_rows

from .arrays import MatrixSource, packed


@dataclass(frozen=True)
class MatrixBlocks:
    """A matrix, y and weight cut on the grid."""

    source: MatrixSource
    y: Array | None  # (n,) or (n, k)
    weight: Floats | None  # (n,)
    grid: Grid
    drop: bool

    def read(self, numbers: Sequence[int], /, *, emit: Emit) -> Iterator[tuple[int, Block]]:
        for number in numbers:
            yield number, self._block(number)

    def _block(self, number: int) -> Block:
        start, stop = self.grid.span(number)
        rows = slice(start - self.grid.first, stop - self.grid.first)
        X = packed(slice_rows(self.source.X, rows.start, rows.stop), np.dtype(self.source.dtype))
        y = None if self.y is None else self.y[rows]
        weight = None if self.weight is None else self.weight[rows]
        block = Block(X, y, weight, start)
        return without_missing(block) if self.drop else block

    def held(self) -> int:
        return nbytes(self.source.X) + sum(column.nbytes for column in (self.y, self.weight) if column is not None)

    def part(self, span: range, /) -> MatrixBlocks:
        grid = self.grid.part(span)
        rows = slice(grid.first - self.grid.first, grid.stop - self.grid.first)
        return replace(
            self,
            source=replace(self.source, X=own_rows(self.source.X, rows.start, rows.stop)),
            y=None if self.y is None else self.y[rows],
            weight=None if self.weight is None else self.weight[rows],
            grid=grid,
        )

    def cuts(self) -> Sequence[int]:
        return self.grid.blocks

    def empty(self) -> Block:
        X = packed(slice_rows(self.source.X, 0, 0), np.dtype(self.source.dtype))
        y = None if self.y is None else self.y[:0]
        return Block(X, y, None if self.weight is None else self.weight[:0], self.grid.first)

    def footprint(self) -> Footprint:
        if self.source.resident:
            return Footprint(0, 0, resident=not self.drop)
        return Footprint(self.grid.rows * self.source.X.shape[1] * np.dtype(self.source.dtype).itemsize, 0, False)

    def place(self, first: int, stop: int, /) -> str:
        return self.source.files().stretch(first - self.grid.first, stop - self.grid.first)

    def stamp(self) -> str:
        return self.source.stamp()


def missing_features(X: Matrix) -> tuple[Array, Ints]:
    """Which rows have a missing value, and in how many rows each column has one."""
    rows = np.zeros(X.shape[0], np.bool_)
    if isinstance(X, Csr):
        at = np.flatnonzero(np.isnan(X.data[X.indptr[0] : X.indptr[-1]])) + X.indptr[0]
        rows[np.searchsorted(X.indptr, at, side="right") - 1] = True
        return rows, np.bincount(X.indices[at], minlength=X.n_columns).astype(np.int64)
    entries = np.flatnonzero(np.isnan(X))  # few: cheaper than reductions along short rows
    rows[entries // X.shape[1]] = True
    return rows, np.bincount(entries % X.shape[1], minlength=X.shape[1]).astype(np.int64)


def missing_entries(block: Block, features: tuple[Array, Ints]) -> tuple[Array, Ints]:
    """The same of all columns: the features, of which it is known, then y, then weight."""
    rows, counts = features[0], [features[1]]
    holes: Array
    for column in (block.y, block.weight):
        if column is not None:
            holes = np.isnan(column) if column.dtype.kind == "f" else np.zeros(len(column), np.bool_)
            holes = holes if holes.ndim == 1 else np.asarray(holes.any(axis=1))
            rows = np.logical_or(rows, holes)
            counts.append(np.array([np.count_nonzero(holes)], np.int64))
    return rows, np.concatenate(counts)


def without_missing(block: Block, nulls: Array | None = None, features: tuple[Array, Ints] | None = None) -> Block:
    """The block without its rows that have a missing value or a null label; infinite values stay, and are refused.

    `features`: what `missing_features` says of them, where it is known.
    """
    rows, counts = missing_entries(block, features or missing_features(block.X))
    if nulls is not None:
        rows = np.logical_or(rows, nulls)
        counts[block.p] += np.count_nonzero(nulls)
    if not rows.any():
        return block
    return replace(block.take(np.flatnonzero(~rows)), dropped=Dropped(int(np.count_nonzero(rows)), counts))
