"""What is wrong with the data: exact counts and first rows of bad values, the same for any number of workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field, replace
from itertools import pairwise
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.matrix import Array, Ints, slice_rows

from .parts import parts_of, stretch

NEVER = np.iinfo(np.int64).max  # first row of what was not found
MOST_FLAGS = 1 << 17  # columns x files up to which files are counted


class Surveyed(Protocol):
    """What a survey must know of the data."""

    @property
    def n_features(self) -> int: ...
    @property
    def file_starts(self) -> Sequence[int]:
        """First row id of each file; empty for data in memory."""
        ...


@dataclass(frozen=True, slots=True)
class Bad:
    """Bad values of one sort, by column."""

    count: Ints  # (c,)
    first: Ints  # (c,) row id of the first one, or NEVER
    files: NDArray[np.bool_]  # (c, f) in which files; f is 0 where files are not counted

    def take(self, count: Ints, first: Ints, ids: Ints) -> None:
        """Fill in what one block has, by its row positions."""
        found = np.flatnonzero(count)
        self.count[found] = count[found]
        self.first[found] = ids[first[found]]

    def part(self, i: int, parts: int) -> Bad:
        """Some of the columns."""
        columns = slice(len(self.count) * i // parts, len(self.count) * (i + 1) // parts)
        return Bad(self.count[columns], self.first[columns], self.files[columns])

    def merge(self, other: Bad) -> Bad:
        return Bad(
            self.count + other.count, np.minimum(self.first, other.first), np.logical_or(self.files, other.files)
        )


@dataclass(frozen=True, slots=True)
class Findings:
    """The answer of a survey."""

    rows: int  # that are left
    dropped: int  # rows left out because of missing values
    dropped_by: Ints  # (c,) by column, in the order of `Laid.columns`; a row may count in several
    missing: Bad  # of X
    infinite: Bad
    y_missing: Bad  # of all columns of y together
    y_infinite: Bad
    weight_missing: Bad
    weight_infinite: Bad
    weight_negative: Bad
    weight_positive: int  # rows with a weight above zero; without weights, all rows
    y_least: float  # inf where y is absent or no number
    y_largest: float


@dataclass(frozen=True)
class Survey:
    """Counts bad values; at memory speed where there are none."""

    laid: InitVar[Surveyed]
    p: int = field(init=False)
    starts: Ints = field(init=False)  # (f,)
    clean: Bad = field(init=False)  # y or weight without a bad value: the usual answer
    exact: ClassVar[bool] = True

    def __post_init__(self, laid: Surveyed) -> None:
        starts = np.asarray(laid.file_starts, np.int64)
        object.__setattr__(self, "p", laid.n_features)
        object.__setattr__(self, "starts", starts if self.p * len(starts) <= MOST_FLAGS else starts[:0])
        object.__setattr__(self, "clean", self._none(1))

    def of(self, block: Block, /) -> Findings:
        missing, infinite = self._features(block)
        y, weight = block.y, block.weight
        numbers = np.zeros(0) if y is None or y.dtype.kind not in "fi" else y.astype(np.float64, copy=False)
        negative = np.zeros(0, np.bool_) if weight is None else weight < 0
        return Findings(
            rows=block.n,
            dropped=0 if block.dropped is None else block.dropped.rows,
            dropped_by=np.zeros(0, np.int64) if block.dropped is None else block.dropped.columns,
            missing=missing,
            infinite=infinite,
            y_missing=self._column(y, np.isnan, block),
            y_infinite=self._column(y, np.isinf, block),
            weight_missing=self._column(weight, np.isnan, block),
            weight_infinite=self._column(weight, np.isinf, block),
            weight_negative=self._rows(negative, block),
            weight_positive=block.n if weight is None else int(np.count_nonzero(weight > 0)),
            y_least=_plain(np.fmin.reduce(numbers, axis=None, initial=np.inf)),
            y_largest=_plain(np.fmax.reduce(numbers, axis=None, initial=-np.inf)),
        )

    def merge(self, left: Findings, right: Findings, /) -> Findings:
        one, other = left.dropped_by, right.dropped_by
        return Findings(
            rows=left.rows + right.rows,
            dropped=left.dropped + right.dropped,
            dropped_by=one + other if len(one) and len(other) else (one if len(one) else other),
            missing=left.missing.merge(right.missing),
            infinite=left.infinite.merge(right.infinite),
            y_missing=self._both(left.y_missing, right.y_missing),
            y_infinite=self._both(left.y_infinite, right.y_infinite),
            weight_missing=self._both(left.weight_missing, right.weight_missing),
            weight_infinite=self._both(left.weight_infinite, right.weight_infinite),
            weight_negative=self._both(left.weight_negative, right.weight_negative),
            weight_positive=left.weight_positive + right.weight_positive,
            y_least=min(left.y_least, right.y_least),
            y_largest=max(left.y_largest, right.y_largest),
        )

    def bytes(self) -> int:
        return 2 * self.p * (16 + len(self.starts)) + 8 * (self.p + 2) + 5 * (16 + len(self.starts)) + 64

    @property
    def parts(self) -> int:
        return parts_of(self.bytes())

    def part(self, answer: Findings, i: int, /) -> Findings:
        """Some of the columns; each part has all that is not by column."""
        n = self.parts
        missing, infinite = answer.missing.part(i, n), answer.infinite.part(i, n)
        return replace(answer, dropped_by=stretch(answer.dropped_by, i, n), missing=missing, infinite=infinite)

    def join(self, results: Sequence[Findings], /) -> Findings:
        missing, infinite = (
            _side_by_side([getattr(part, name) for part in results]) for name in ("missing", "infinite")
        )
        dropped_by = np.concatenate([part.dropped_by for part in results])
        return replace(results[0], dropped_by=dropped_by, missing=missing, infinite=infinite)

    def _features(self, block: Block) -> tuple[Bad, Bad]:
        missing, infinite = self._none(self.p), self._none(self.p)
        bad = kernels.count_bad(block.X) if block.n else None
        if bad is None:
            return missing, infinite
        ids = block.row_ids()
        missing.take(bad.nan_count, bad.first_nan, ids)
        infinite.take(bad.inf_count, bad.first_inf, ids)
        cuts = [*np.searchsorted(ids, self.starts).tolist(), block.n]  # where each file begins in this block
        for number, (start, stop) in enumerate(pairwise(cuts)):
            piece = kernels.count_bad(slice_rows(block.X, start, stop)) if stop > start else None
            if piece is not None:
                missing.files[:, number] = piece.nan_count > 0
                infinite.files[:, number] = piece.inf_count > 0
        return missing, infinite

    def _none(self, columns: int) -> Bad:
        return Bad(
            np.zeros(columns, np.int64),
            np.full(columns, NEVER, np.int64),
            np.zeros((columns, len(self.starts)), np.bool_),
        )

    def _column(self, values: Array | None, test: np.ufunc, block: Block) -> Bad:
        """Of y or weight; a row of y with k columns counts once."""
        if values is None or values.dtype.kind != "f":
            return self.clean
        hit = test(values)
        return self._rows(hit if hit.ndim == 1 else hit.any(axis=1), block)

    def _rows(self, hit: Array, block: Block) -> Bad:
        where = np.flatnonzero(hit)
        if not len(where):
            return self.clean
        out, ids = self._none(1), block.row_ids()[where]
        out.count[0], out.first[0] = len(ids), ids[0]
        if len(self.starts):
            out.files[0, np.searchsorted(self.starts, ids, side="right") - 1] = True
        return out

    def _both(self, one: Bad, other: Bad) -> Bad:
        if other is self.clean:
            return one
        return other if one is self.clean else one.merge(other)


def _side_by_side(parts: Sequence[Bad]) -> Bad:
    """The columns of all parts."""
    return Bad(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("count", "first", "files")))


def _plain(value: float) -> float:
    """Without the sign of zero, which would depend on the order of comparing."""
    return float(value) + 0.0
