"""The rows among which neighbours are sought: held in memory, or named, and read when they are needed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from shardlearn.core.block import Block
from shardlearn.core.errors import InputError, SourceChangedError
from shardlearn.core.events import ignore
from shardlearn.core.matrix import Array, Csr, Floats, Ints, Matrix, nbytes, slice_rows
from shardlearn.data import Laid, Source, lay_out, open_source
from shardlearn.data.files import REMOTE, without_secrets
from shardlearn.engines.stopping import still_wanted
from shardlearn.faces.identity import READING
from shardlearn.faces.labels import EncodeLabels
from shardlearn.kernels import Tree
from shardlearn.statistics.distances import Metric

from ._trees import Trees

PIECE = 16 * 1024 * 1024  # bytes of held rows that are looked at together


@dataclass(frozen=True, eq=False, slots=True)
class Held:
    """Rows in memory."""

    X: Matrix  # (n, p)
    y: Floats | None  # (n,) or (n, t); codes of classes
    ids: Ints | None = None  # (n,) where rows were left out
    trees: Trees | None = None  # what is kept beside the rows

    @property
    def rows(self) -> int:
        return int(self.X.shape[0])

    def row_ids(self) -> Ints:
        """The number of each row in the data of the fit."""
        return np.arange(self.rows, dtype=np.int64) if self.ids is None else self.ids

    def tree(self, algorithm: str, metric: Metric, queries: int, memory: int | None) -> Tree | None:
        """A tree of the rows, where it pays for so many queries."""
        if self.trees is None or isinstance(self.X, Csr):
            return None
        return self.trees.where_it_pays(algorithm, metric, (self.X, self.row_ids()), queries, memory)

    def alone(self) -> Held:
        """The rows without what is kept beside them."""
        return replace(self, trees=None)

    def blocks(self, piece: int = PIECE) -> Iterator[Block]:
        """The rows, about so many bytes at a time: distances of a piece are made certain at its end."""
        X, n = self.X, self.rows
        step = max(piece * n // max(nbytes(X), 1), 64)
        for at in range(0, n, step):
            still_wanted()
            rows = slice(at, min(at + step, n))
            y = None if self.y is None else self.y[rows]
            ids = None if self.ids is None else self.ids[rows]
            yield Block(slice_rows(X, rows.start, rows.stop), y, None, at, ids)


@dataclass(frozen=True, eq=False, slots=True)
class Named:
    """Rows that lie elsewhere, as they were when the model was fitted."""

    paths: tuple[str, ...]  # empty: only this process knows the source
    reading: dict[str, Any]
    y: str | Array | None  # the target's column, or the target itself
    stamp: str
    rows: int
    source: Source | None = None

    @contextmanager
    def opened(self) -> Iterator[Laid]:
        """The rows as blocks, if they are still the same."""
        source = self.source or self.open()
        try:
            if source.stamp() != self.stamp:
                raise changed(source.label)
            laid = lay_out(source, self.y)
            if laid.rows != self.rows:
                raise changed(source.label, f"{laid.rows:,} rows, and {self.rows:,} at fit")
            yield laid
        finally:
            if self.source is None:
                source.close()

    def open(self) -> Source:
        """The rows as a source, if they are there."""
        try:
            return open_source(list(self.paths), **self.reading)
        except InputError as error:
            where = error.where or ", ".join(map(without_secrets, self.paths))
            raise changed(where, error.first + (f": {error.found}" if error.found else "")) from error

    def to_text(self) -> str:
        """What a saved model keeps of it."""
        told = {"paths": self.paths, "reading": self.reading, "rows": self.rows, "stamp": self.stamp}
        return json.dumps(told | {"y": self.y if isinstance(self.y, str) else None}, sort_keys=True)

    @classmethod
    def from_text(cls, text: str, y: Array | None) -> Named:
        told = json.loads(text)
        reading = {name: tuple(v) if isinstance(v, list) else v for name, v in told["reading"].items()}
        named = y if told["y"] is None else told["y"]
        return cls(tuple(told["paths"]), reading, named, told["stamp"], told["rows"])


Base: TypeAlias = Held | Named


def changed(where: str, found: str = "") -> SourceChangedError:
    return SourceChangedError(
        "The rows that the model refers to have changed since it was fitted.",
        code="SL2210",
        where=where,
        found=found,
        needed="the same files, neither written again nor moved",
        fix='fit again; with store="rows" a model keeps its rows',
    )


def named(laid: Laid, X: Any, y: Any) -> Named:
    """A reference to the rows of a fit."""
    spec, source = laid.source.spec, laid.source
    nameless = not spec.asked or any(without_secrets(path) != path for path in spec.asked)
    where = tuple(path if REMOTE.match(path) else os.path.abspath(os.path.expanduser(path)) for path in spec.asked)
    reading = {name: getattr(spec, name) for name in READING}
    reading = {name: list(value) if isinstance(value, tuple) else value for name, value in reading.items()}
    target = y if isinstance(y, str) else laid.given[0]
    kept = source if nameless or isinstance(X, Source) else None
    return Named(() if nameless else where, reading, target, source.stamp(), laid.rows, kept)


def digest(base: Base, classes: Array | None, supervised: bool) -> str:
    """SHA-256 of the rows, their ids and targets, as bytes; rows that are not held are read for it."""
    digests = {name: hashlib.sha256() for name in ("values", "columns", "counts", "ids", "y")}

    def take(block: Block) -> None:
        y = None if block.y is None or not supervised else np.ascontiguousarray(block.y, np.float64)
        arrays = {"ids": block.row_ids(), "y": y, **features(block.X)}
        for name, array in arrays.items():
            if array is not None:
                digests[name].update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)

    if isinstance(base, Held):
        kind = base.X.dtype.str
        for block in base.blocks():
            take(block)
    else:
        with base.opened() as laid:
            kind = laid.empty().X.dtype.str
            for _, block in laid.blocks.read(laid.grid.blocks, emit=ignore):
                take(block if classes is None else EncodeLabels(classes)(block))
    return hashlib.sha256(kind.encode() + b"".join(one.digest() for one in digests.values())).hexdigest()


def features(X: Matrix) -> dict[str, Array]:
    """The arrays of these rows."""
    if not isinstance(X, Csr):
        return {"values": X}
    inside = slice(int(X.indptr[0]), int(X.indptr[-1]))
    return {"values": X.data[inside], "columns": X.indices[inside], "counts": np.diff(X.indptr)}
