"""From data, y and weights to blocks on the grid: the one door through which every fit and predict goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np

from shardlearn.core.block import Block
from shardlearn.core.engine import Blocks
from shardlearn.core.errors import InputError
from shardlearn.core.grid import Grid, dense_block_rows, sparse_block_rows
from shardlearn.core.matrix import Array, Csr, Floats

from . import refusals, target
from .arrays import MatrixSource
from .matrix_blocks import MatrixBlocks
from .opening import open_source
from .source import Source
from .spec import Spec

NOTHING = Spec()


@dataclass(frozen=True, slots=True)
class Laid:
    """Blocks, and what a face needs to know of them."""

    blocks: Blocks
    source: Source
    names: tuple[str, ...] | None  # of the features, where the data names its columns
    n_features: int
    dtype: str  # of X: "float32" or "float64"
    sparse: bool
    y_kind: str | None  # "int64", "bool", "float64" or "str"
    y_shape: tuple[int, ...]  # (), or (k,) for y with k columns
    in_memory: bool  # arrays in, arrays out; else predictions stream
    missing: str  # "error" or "drop"
    columns: Sequence[str]  # what `Block.dropped` counts: the features, then y, then the weight
    ignored: tuple[str, ...] = ()  # columns of the data that nothing uses
    given: tuple[Array | None, Array | None] = (None, None)  # y and weight, where they were given as arrays
    apart: Blocks | None = None  # y and weight alone, where both were given as arrays (or not at all), and no row drops

    @property
    def grid(self) -> Grid:
        return self.blocks.grid

    @property
    def rows(self) -> int:
        return self.blocks.grid.count

    @property
    def file_starts(self) -> list[int]:
        """First row id of each file; none for data in memory."""
        return [int(start) + self.grid.first for start in self.source.files().starts]

    def empty(self) -> Block:
        return self.blocks.empty()

    def place(self, row: int) -> str:
        """Where a row id stands, for people: the file's name, or nothing."""
        return self.source.files().place(row - self.grid.first).file


@dataclass(frozen=True, slots=True)
class Numbered(Sequence[str]):
    """Columns by their positions, and what comes after them: names are made when one is asked for."""

    numbered: int
    after: tuple[str, ...]

    def __len__(self) -> int:
        return self.numbered + len(self.after)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        if isinstance(at, slice):
            return tuple(self[j] for j in range(len(self))[at])
        j = range(len(self))[at]
        return f"column {j}" if j < self.numbered else self.after[j - self.numbered]


def lay_out(X: Any, y: Any = None, sample_weight: Any = None, spec: Spec = NOTHING) -> Laid:
    """Lay rows out on the grid.

    `X` is anything that `shardlearn.read` takes. `y` and `sample_weight` are arrays, or names of columns of a
    table-like X, which are then no features.
    """
    source = X if isinstance(X, Source) else open_source(X)
    asked = merged(spec, source.spec)
    if spec.keep and source.schema.is_matrix:
        raise refusals.nothing_to_keep(spec.keep, source.label)
    if isinstance(source, MatrixSource):
        return _lay_out_matrix(source, y, sample_weight, asked)
    if source.schema.is_matrix:
        return _lay_out_svmlight(source, y, sample_weight, asked)
    return _lay_out_table(source, y, sample_weight, asked)


def merged(spec: Spec, own: Spec) -> Spec:
    """What the caller of a fit asks stands before what the source was opened with."""
    return replace(
        spec,
        columns=own.columns if spec.columns is None else spec.columns,
        drop_columns=(*spec.drop_columns, *own.drop_columns),
        dtype=spec.dtype or own.dtype,
        n_features=spec.n_features or own.n_features,
        zero_based=spec.zero_based or own.zero_based,
        missing=spec.missing or own.missing or "error",
    )


def _lay_out_matrix(source: MatrixSource, y: Any, sample_weight: Any, spec: Spec) -> Laid:
    n, p = source.X.shape
    for what, value in (("y", y), ("sample_weight", sample_weight)):
        if isinstance(value, str):
            raise InputError(
                f'{what}="{value}" names a column, and an array has no names',
                code="SL2101",
                needed=f"{what} as an array, or a table or path as X",
            )
    if n == 0:
        raise refusals.no_rows((n, p))
    if p == 0:
        raise refusals.no_columns((n, p))
    if spec.dtype and spec.dtype != source.dtype:
        source = _cast(source, spec.dtype)
    labels = None if y is None else target.as_target(y)
    if labels is not None and len(labels) != n:
        raise refusals.other_lengths([n, len(labels)])
    weight = None if sample_weight is None else target.as_weight(sample_weight, n)
    grid = Grid(spec.first, spec.first + n, _block_rows(source))
    blocks = MatrixBlocks(source, labels, weight, grid, spec.missing == "drop")
    return Laid(
        blocks=blocks,
        source=source,
        names=None,
        n_features=p,
        dtype=source.dtype,
        sparse=isinstance(source.X, Csr),
        y_kind=target.kind_of(labels),
        y_shape=_y_shape(labels),
        in_memory=True,
        missing=spec.missing or "error",
        columns=Numbered(p, tuple(dropped_names(labels, weight))),
        given=(labels, weight),
        apart=_apart(labels, weight, grid, spec),
    )


def _lay_out_table(source: Source, y: Any, sample_weight: Any, spec: Spec) -> Laid:
    from . import kinds
    from .roles import assign
    from .strips import lean
    from .table_blocks import TableBlocks

    n, named = source.count(), [name for name in (y, sample_weight) if isinstance(name, str)]
    if n == 0:
        raise refusals.no_rows((0, source.schema.n_columns - len(named)), source.label)
    roles = assign(source, y, sample_weight, spec)
    p = len(roles.features)
    labels = None if y is None or roles.target is not None else target.as_target(y)
    if labels is not None and len(labels) != n:
        raise refusals.other_lengths([n, len(labels)])
    weight = None if sample_weight is None or roles.weight is not None else target.as_weight(sample_weight, n)
    y_kind = target.kind_of(labels) if roles.target is None else kinds.BY_KIND[roles.target.kind].y_kind
    grid = Grid(spec.first, spec.first + n, dense_block_rows(p, np.dtype(roles.dtype).itemsize))
    counted = [column.name for column in roles.features]
    if y is not None:
        counted.append(roles.target.name if roles.target is not None else "y")
    if sample_weight is not None:
        counted.append(roles.weight.name if roles.weight is not None else "sample_weight")
    return Laid(
        blocks=TableBlocks(
            source, roles, y_kind, labels, weight, grid, spec.missing == "drop", lean(source, roles, spec.reader_bytes)
        ),
        source=source,
        names=tuple(column.name for column in roles.features),
        n_features=p,
        dtype=roles.dtype,
        sparse=False,
        y_kind=y_kind,
        y_shape=_y_shape(labels),
        in_memory=source.in_memory,
        missing=spec.missing or "error",
        columns=tuple(counted),
        ignored=roles.ignored,
        given=(labels, weight),
        apart=None if roles.target is not None or roles.weight is not None else _apart(labels, weight, grid, spec),
    )


def _lay_out_svmlight(source: Any, y: Any, sample_weight: Any, spec: Spec) -> Laid:
    from .svmlight import TARGET, SvmlightBlocks

    source = source.as_asked(spec)
    n, p = source.count(), source.width
    own = isinstance(y, str)
    named = [name for name in (y, sample_weight) if isinstance(name, str)]
    if (own and y != TARGET) or isinstance(sample_weight, str):
        raise refusals.unknown_names([name for name in named if name != TARGET], [TARGET], source.label, "column")
    if n == 0:
        raise refusals.no_rows((0, p), source.label)
    if p == 0:
        raise refusals.no_columns((n, 0), source.label)
    labels = None if y is None or own else target.as_target(y)
    if labels is not None and len(labels) != n:
        raise refusals.other_lengths([n, len(labels)])
    weight = None if sample_weight is None else target.as_weight(sample_weight, n)
    y_kind = source.label_kind if own else target.kind_of(labels)
    grid = Grid(spec.first, spec.first + n, sparse_block_rows(n, source.stored))
    return Laid(
        blocks=SvmlightBlocks(source, y_kind, own, labels, weight, grid, spec.missing == "drop"),
        source=source,
        names=None,
        n_features=p,
        dtype=source.schema.dtype,
        sparse=True,
        y_kind=y_kind,
        y_shape=_y_shape(labels),
        in_memory=False,
        missing=spec.missing or "error",
        columns=Numbered(p, (*([TARGET] if own else dropped_names(labels, None)), *dropped_names(None, weight))),
        given=(labels, weight),
        apart=None if own else _apart(labels, weight, grid, spec),
    )


def _cast(source: MatrixSource, dtype: str) -> MatrixSource:
    if isinstance(source.X, Csr):
        return replace(source, X=replace(source.X, data=source.X.data.astype(dtype)), dtype=dtype)
    return replace(source, dtype=dtype)


def _block_rows(source: MatrixSource) -> int:
    n, p = source.X.shape
    if isinstance(source.X, Csr):
        return sparse_block_rows(n, int(source.X.indptr[-1] - source.X.indptr[0]))
    return dense_block_rows(p, np.dtype(source.dtype).itemsize)


def _apart(y: Array | None, weight: Floats | None, grid: Grid, spec: Spec) -> Blocks | None:
    """The rows without their features."""
    if spec.missing == "drop":
        return None
    return MatrixBlocks(MatrixSource(np.empty((grid.count, 0)), "float64"), y, weight, grid, False)


def _y_shape(y: Array | None) -> tuple[int, ...]:
    return () if y is None else tuple(int(k) for k in y.shape[1:])


def dropped_names(y: Array | None, weight: Array | None, names: tuple[str, str] = ("y", "sample_weight")) -> list[str]:
    """What `Block.dropped` counts after the features."""
    return [name for name, column in zip(names, (y, weight), strict=True) if column is not None]
