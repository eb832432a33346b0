"""Rows of a fit brought into memory, to be kept there: within the memory limit, or refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from shardlearn.core.errors import MemoryLimitError
from shardlearn.core.events import ignore
from shardlearn.core.matrix import Array, Ints, Matrix, concat_rows, nbytes
from shardlearn.data import Laid
from shardlearn.data.arrays import MatrixSource, packed
from shardlearn.data.svmlight import SvmlightSource
from shardlearn.faces.session import Session

TWICE = 2  # sparse rows are joined when all are there
Coded = Callable[[Array], Array | None]  # y as it is kept


def must_fit(fit: Session, rows: int) -> None:
    """Refuse so many rows of a fit where it is known before they are read that they are too many."""
    laid, source = fit.laid, fit.laid.source
    beside = 8 * rows * ((laid.missing == "drop") + _targets(laid))
    if not laid.sparse:
        in_place = isinstance(source, MatrixSource) and source.resident and laid.missing != "drop"
        _check(fit, 0 if in_place else rows * laid.n_features * np.dtype(laid.dtype).itemsize + beside)
    elif isinstance(source, SvmlightSource) and laid.missing != "drop":
        _check(fit, TWICE * (source.stored * (np.dtype(laid.dtype).itemsize + 4) + 8 * rows) + beside)


def bring(fit: Session, coded: Coded) -> tuple[Matrix, Array | None, Ints | None]:
    """All rows, y, and the rows' ids where some were left out; arrays stay where they are."""
    laid = fit.laid
    if isinstance(laid.source, MatrixSource) and laid.missing != "drop":
        y = laid.given[0]
        return packed(laid.source.X, np.dtype(laid.dtype)), None if y is None else coded(y), None
    fit.engine.close(fit.data)  # what is cached of the rows gives way to them
    fit.data = fit.engine.open(laid.blocks)
    if laid.missing == "drop":
        must_fit(fit, fit.found.rows)
    return _read(fit, coded)


def _read(fit: Session, coded: Coded) -> tuple[Matrix, Array | None, Ints | None]:
    """Dense rows go where they stay, one block at a time."""
    laid = fit.laid
    rows = fit.found.rows if laid.missing == "drop" else laid.rows
    whole = None if laid.sparse else np.empty((rows, laid.n_features), laid.dtype)
    parts: list[Matrix] = []
    targets: list[Array] = []
    ids: list[Ints] = []
    at = taken = 0
    for _, block in laid.blocks.read(laid.grid.blocks, emit=ignore):
        if whole is None:
            parts.append(block.X)
            taken += nbytes(block.X)
            _check(fit, TWICE * taken + 8 * at * (1 + _targets(laid)))
        else:
            whole[at : at + block.n] = block.X
        y = None if block.y is None else coded(block.y)
        if y is not None:
            targets.append(y)
        if rows < laid.rows:
            ids.append(block.row_ids())
        at += block.n
    return (
        concat_rows(parts) if whole is None else whole,
        np.concatenate(targets) if targets else None,
        np.concatenate(ids) if ids else None,
    )


def _targets(laid: Laid) -> int:
    """Numbers of y that are kept with a row."""
    return 0 if laid.y_kind is None else laid.y_shape[0] if laid.y_shape else 1


def _check(fit: Session, kept: int) -> None:
    """Refuse rows of so many bytes that have no room beside what reads them."""
    limit, foot = fit.engine.memory, fit.laid.blocks.footprint()
    reading, blocks = (0, 0) if foot.resident or not kept else (foot.reader, 2 * foot.block)
    need = kept + reading + blocks
    if limit is None or need <= limit:
        return
    size = f"{-(-need * 21 // 20 // 1_000_000)}MB"
    parts = [("rows", kept), ("one reader", reading), ("blocks in flight", blocks)]
    raise MemoryLimitError(
        "The memory limit is too small for the training rows, which the model keeps.",
        code="SL3001",
        where=f'{fit.name}(store="rows")' if not fit.laid.in_memory else f"{fit.name}.fit",
        found=f"memory={limit:,} bytes",
        needed=f"{need:,} bytes: " + ", ".join(f"{name} {nbytes:,}" for name, nbytes in parts if nbytes),
        fix=f'memory="{size}" (--memory {size}) or more, or '
        + ("the rows in files: those" if fit.laid.in_memory else 'store="auto": rows on disk')
        + " are referred to, and read when they are needed",
    )
