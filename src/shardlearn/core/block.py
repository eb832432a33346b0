"""A block: row-aligned arrays that live together on one worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from .matrix import Array, Ints, Matrix, concat_rows, nbytes, slice_rows, take_rows


@dataclass(frozen=True, slots=True)
class Dropped:
    """Rows left out of a block, and in how many rows each column was the reason."""

    rows: int
    columns: Ints  # (c,) in the order of the source's columns; a row may count in several


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one cell of the grid. Never mutated."""

    X: Matrix  # (n, p) dense row-major float32/float64, or CSR
    y: Array | None  # (n,) or (n, k)
    weight: Array | None  # (n,) float64; None means ones, and costs nothing
    start: int  # id of the block's first row
    ids: Ints | None = None  # (n,) where rows were dropped, selected or gathered; None: start, start + 1, ...
    extra: Mapping[str, Array] = field(default_factory=dict)  # the columns of a Carry, under "name/..."
    dropped: Dropped | None = None

    @property
    def n(self) -> int:
        return int(self.X.shape[0])

    @property
    def p(self) -> int:
        return int(self.X.shape[1])

    def row_ids(self) -> Ints:
        """The id of each row."""
        return np.arange(self.start, self.start + self.n, dtype=np.int64) if self.ids is None else self.ids

    def with_extra(self, prefix: str, columns: Mapping[str, Array]) -> Block:
        """The same rows with these columns under `prefix/` (others under that prefix are gone)."""
        kept = {name: column for name, column in self.extra.items() if not name.startswith(f"{prefix}/")}
        extra = kept | {f"{prefix}/{name}": column for name, column in columns.items()}
        return Block(self.X, self.y, self.weight, self.start, self.ids, extra, self.dropped)  # faster than `replace`

    def take(self, where: Ints) -> Block:
        """The rows at the given ascending positions."""
        return replace(
            self,
            X=take_rows(self.X, where),
            y=None if self.y is None else self.y[where],
            weight=None if self.weight is None else self.weight[where],
            ids=self.start + where if self.ids is None else self.ids[where],
            extra={name: column[where] for name, column in self.extra.items()},
        )

    def slice(self, start: int, stop: int) -> Block:
        """The rows at positions `start` to `stop` (excluded), sharing memory."""
        return replace(
            self,
            X=slice_rows(self.X, start, stop),
            y=None if self.y is None else self.y[start:stop],
            weight=None if self.weight is None else self.weight[start:stop],
            start=self.start + start if self.ids is None else self.start,
            ids=None if self.ids is None else self.ids[start:stop],
            extra={name: column[start:stop] for name, column in self.extra.items()},
        )

    @property
    def nbytes(self) -> int:
        arrays = [self.y, self.weight, self.ids, *self.extra.values()]
        return nbytes(self.X) + sum(a.nbytes for a in arrays if a is not None)


def join(left: Block, right: Block) -> Block:
    """Two neighbouring pieces of one block as one."""

    def both(a: Array | None, b: Array | None) -> Array | None:
        return None if a is None or b is None else np.concatenate([a, b])

    whole = left.ids is None and right.ids is None and right.start == left.start + left.n
    dropped = [d for d in (left.dropped, right.dropped) if d is not None]
    return Block(
        X=concat_rows([left.X, right.X]),
        y=both(left.y, right.y),
        weight=both(left.weight, right.weight),
        start=left.start,
        ids=None if whole else np.concatenate([left.row_ids(), right.row_ids()]),
        extra={name: np.concatenate([column, right.extra[name]]) for name, column in left.extra.items()},
        dropped=Dropped(sum(d.rows for d in dropped), sum((d.columns for d in dropped[1:]), dropped[0].columns))
        if dropped
        else None,
    )
