"""Rows as they are, for work that is done where all of them are together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shardlearn.core.block import Block
from shardlearn.core.matrix import Floats, Ints, Matrix, concat_rows, own_rows


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one block, or of several."""

    X: Matrix  # (m, p) of the kind and dtype of the data
    id: Ints  # (m,)
    weight: Floats | None  # (m,)

    def block(self) -> Block:
        return Block(self.X, None, self.weight, 0, self.id)


@dataclass(frozen=True, slots=True)
class Parts:
    """Rows by block; they are put together once, at the end."""

    each: tuple[Part, ...]

    def joined(self, features: int) -> Part:
        """All rows by rising id."""
        if not self.each:
            return Part(np.zeros((0, features)), np.zeros(0, np.int64), None)
        weights = [part.weight for part in self.each if part.weight is not None]
        ids, X = np.concatenate([part.id for part in self.each]), self.each[0].X
        X = own_rows(X, 0, len(ids)) if len(self.each) == 1 else concat_rows([part.X for part in self.each])
        return Part(X, ids, np.concatenate(weights) if weights else None)


@dataclass(frozen=True, slots=True)
class WholeRows:
    """The rows that the query asks for."""

    rows: int  # at most
    row_bytes: int  # at most; of sparse rows a guess
    exact: ClassVar[bool] = False
    gathers: ClassVar[bool] = True

    def of(self, block: Block, /) -> Parts:
        return Parts((Part(block.X, block.row_ids(), block.weight),) if block.n else ())

    def merge(self, left: Parts, right: Parts, /) -> Parts:
        return Parts(left.each + right.each)

    def bytes(self) -> int:
        return self.rows * (self.row_bytes + 24)
