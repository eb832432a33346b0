"""Which labels there are, and how often: exact, in any order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.matrix import Array, Ints


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """Distinct labels, ascending."""

    values: Array  # (c,) int64, bool, float64 or str; empty where there are too many
    counts: Ints  # (c,)
    too_many: bool  # more than the limit: which they are is not known


@dataclass(frozen=True, slots=True)
class Labels:
    """Of y, up to a limit."""

    limit: int = 10_000
    exact: ClassVar[bool] = True

    def of(self, block: Block, /) -> LabelCounts:
        if block.y is None or block.y.ndim != 1:
            raise ValueError("labels are one column of y")
        if block.y.dtype == np.int64:
            found = kernels.distinct_i64(np.ascontiguousarray(block.y), self.limit)
            return none_of(block.y) if found is None else LabelCounts(*found, too_many=False)
        values, counts = np.unique(block.y, return_counts=True)
        return self._within(plain(values), counts.astype(np.int64))

    def merge(self, left: LabelCounts, right: LabelCounts, /) -> LabelCounts:
        if left.too_many or right.too_many:
            return left if left.too_many else right
        if len(left.values) == len(right.values) and bool((left.values == right.values).all()):
            return LabelCounts(left.values, left.counts + right.counts, too_many=False)
        values, at = np.unique(np.concatenate([left.values, right.values]), return_inverse=True)
        counts = np.zeros(len(values), np.int64)
        np.add.at(counts, at, np.concatenate([left.counts, right.counts]))
        return self._within(plain(values), counts)

    def add(self, into: LabelCounts, block: Block, /) -> LabelCounts:
        return self.merge(into, self.of(block))

    def bytes(self) -> int:
        return 2 * self.limit * (8 + 64)  # two at once while they are merged; a label of up to 16 characters

    def _within(self, values: Array, counts: Ints) -> LabelCounts:
        return none_of(values) if len(values) > self.limit else LabelCounts(values, counts, too_many=False)


def none_of(values: Array) -> LabelCounts:
    """Too many to be listed."""
    return LabelCounts(plain(values[:0]), np.zeros(0, np.int64), too_many=True)


def plain(values: Array) -> Array:
    """In one form for equal labels: no wider than needed, and zero without a sign."""
    if values.dtype.kind == "U":
        return np.array(values.tolist(), dtype=np.str_)
    return values + 0.0 if values.dtype.kind == "f" else values
