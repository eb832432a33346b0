"""What choosing the first centres of k-means asks of rows: their extent, random rows, masses and potentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from shardlearn import kernels
from shardlearn.core import rng
from shardlearn.core.block import Block
from shardlearn.core.fixed import Weights
from shardlearn.core.matrix import Array, Csr, Floats, Ints, Matrix, concat_rows, doubles, take_rows

from .clusters import Later, layers_of, whole
from .double import Double
from .parts import parts_of, stretch, together

NEVER = 1 << 20  # above all exponents
NEAR = "near"  # name of the carry
BEYOND = 1.0 + 2.0**-40  # far above the rounding of a key
LAST = 2.0**-60  # of sparse rows, one of zeros is drawn when there is no other: it is nearer to all than they are


@dataclass(frozen=True, slots=True)
class Spans:
    """Of the rows that weigh something."""

    rows: int
    low: Floats  # (p,)
    high: Floats  # (p,)
    heaviest: float = 0.0
    lightest: float = np.inf
    finest: int = NEVER  # exponent of the lowest bit that some weight has

    @classmethod
    def of(cls, X: Matrix, weight: Floats | None) -> Spans:
        """Of rows that all weigh something."""
        n, low_high = X.shape[0], kernels.column_range(X)
        if weight is None or not n:
            return cls(n, *low_high, 1.0, 1.0, 0) if n else cls(0, *low_high)
        return cls(n, *low_high, float(weight.max()), float(weight.min()), lowest_bit(weight))


@dataclass(frozen=True, slots=True)
class Extent:
    """Exact: how many rows weigh something, how much at most, and the range of each of p features."""

    features: int
    exact: ClassVar[bool] = True

    def of(self, block: Block, /) -> Spans:
        if block.weight is None:
            return Spans.of(block.X, None)
        where = np.flatnonzero(block.weight > 0)
        return Spans.of(take_rows(block.X, where), block.weight[where])

    def merge(self, left: Spans, right: Spans, /) -> Spans:
        low, high = np.minimum(left.low, right.low), np.maximum(left.high, right.high)
        return Spans(
            left.rows + right.rows,
            low,
            high,
            max(left.heaviest, right.heaviest),
            min(left.lightest, right.lightest),
            min(left.finest, right.finest),
        )

    def bytes(self) -> int:
        return 16 * self.features + 32

    @property
    def parts(self) -> int:
        return parts_of(self.bytes())

    def part(self, answer: Spans, i: int, /) -> Spans:
        low, high = (stretch(values, i, self.parts) for values in (answer.low, answer.high))
        return Spans(0, low, high) if i else replace(answer, low=low, high=high)

    def join(self, results: Sequence[Spans], /) -> Spans:
        low, high = (together([getattr(one, name) for one in results], (self.features,)) for name in ("low", "high"))
        return replace(results[0], low=low, high=high)


def lowest_bit(weight: Floats) -> int:
    """The exponent of the lowest bit that is set in some of these numbers above zero."""
    fraction, exponent = np.frexp(weight)
    digits = np.ldexp(fraction, 53).astype(np.int64)
    _, low = np.frexp((digits & -digits).astype(np.float64))
    return int((exponent + low).min()) - 54


# -- the nearest candidate, carried ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NearestOf:
    """Of each row the nearest of all candidates, and its squared distance."""

    candidates: Later

    def __call__(self, block: Block, /) -> Mapping[str, Array]:
        label, square, *_ = kernels.nearest_center(block.X, self.candidates.centers, squares=True)
        return {"candidate": label, "square": np.zeros(0) if square is None else square}


@dataclass(frozen=True, slots=True)
class NearestWith:
    """The same where the nearest of the candidates before `first` is at hand: only new ones are compared."""

    new: kernels.Centers | None  # None: there are none
    first: int

    def __call__(self, block: Block, /) -> Mapping[str, Array]:
        label, square = block.extra[f"{NEAR}/candidate"], block.extra[f"{NEAR}/square"]
        if self.new is not None:
            label, square = label.copy(), square.copy()
            kernels.nearer_center(block.X, self.new, self.first, label, square)
        return {"candidate": label, "square": square}


# -- rows drawn --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DrawnRows:
    """Rows by rising key, of equal ones the lowest id first."""

    key: Floats  # (m,)
    id: Ints  # (m,)
    X: Matrix  # (m, p)

    def first(self, most: int) -> DrawnRows:
        """Those with the smallest keys."""
        order = np.lexsort((self.id, self.key))[:most]
        return DrawnRows(self.key[order], self.id[order], take_rows(self.X, order))


@dataclass(frozen=True, slots=True)
class Drawn:
    """Exact: rows drawn without replacement, each next one with probability s_i d_i^2 over what is left.

    They are those with the smallest keys e_i / (s_i d_i^2), e_i exponentially distributed (Efraimidis & Spirakis 2006),
    a number of each row by itself: no sum over all rows has to be known before.
    """

    features: int
    most: int
    seed: int
    stream: int
    near: bool = False  # d_i^2 is the squared distance to the nearest candidate; else 1
    exact: ClassVar[bool] = True

    def of(self, block: Block, /) -> DrawnRows:
        return self._within(block, np.inf)

    def add(self, into: DrawnRows, block: Block, /) -> DrawnRows:
        """Only rows that come before the last one of those that are there are looked at."""
        full = len(into.key) == self.most
        return self.merge(into, self._within(block, float(into.key[-1]) if full else np.inf))

    def merge(self, left: DrawnRows, right: DrawnRows, /) -> DrawnRows:
        if not len(right.key):
            return left
        key, ids = (np.concatenate([getattr(left, name), getattr(right, name)]) for name in ("key", "id"))
        return DrawnRows(key, ids, concat_rows([left.X, right.X])).first(self.most)

    def bytes(self) -> int:
        return self.most * (24 + 12 * self.features) + 8

    def _within(self, block: Block, limit: float) -> DrawnRows:
        ids = block.row_ids()
        drawn = kernels.uniform(self.seed, rng.Purpose.SEEDING, ids, self.stream)
        mass = block.extra[f"{NEAR}/square"] if self.near else np.ones(block.n)
        mass = mass if block.weight is None else mass * block.weight
        if isinstance(block.X, Csr):
            mass = np.where(np.diff(block.X.indptr) > 0, mass, LAST * mass)
        with np.errstate(over="ignore", invalid="ignore"):  # -log(1 - u) >= u: most need no logarithm
            where = np.flatnonzero((mass > 0) & ~(drawn > BEYOND * limit * mass))
        key = -kernels.log1p(-drawn[where]) / mass[where]
        fits = (key <= limit) & (key < np.inf)
        where, key = where[fits], key[fits]
        if len(key) > self.most:
            fits = key <= np.partition(key, self.most - 1)[self.most - 1]
            where, key = where[fits], key[fits]
        order = np.lexsort((ids[where], key))[: self.most]
        where, key = where[order], key[order]
        return DrawnRows(key, ids[where], doubles(take_rows(block.X, where)))


# -- what candidates are worth -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Masses:
    """Exact: the whole weights (layers, m) of the rows that are nearest to each of m candidates."""

    candidates: int
    heavy: Weights | None = None
    exact: ClassVar[bool] = True

    def of(self, block: Block, /) -> Ints:
        return self.add(np.zeros((layers_of(self.heavy), self.candidates), np.int64), block)

    def add(self, into: Ints, block: Block, /) -> Ints:
        moves = kernels.Moves(block.extra[f"{NEAR}/candidate"], None, whole(block.weight, self.heavy, block.n))
        for weight, masses in zip(moves.layers, into, strict=True):
            masses += np.bincount(moves.label, weight, self.candidates).astype(np.int64)  # below 2^53: exact
        return into

    def merge(self, left: Ints, right: Ints, /) -> Ints:
        left += right
        return left

    def bytes(self) -> int:
        return 8 * layers_of(self.heavy) * self.candidates


@dataclass(frozen=True, slots=True)
class Potentials:
    """For each of some rows: sum_i s_i min(d_i^2, |x_i - c|^2), what would be left if it were the next centre."""

    trials: tuple[kernels.Centers, ...]  # of one point each
    exact: ClassVar[bool] = False

    def of(self, block: Block, /) -> tuple[Double, ...]:
        square = block.extra[f"{NEAR}/square"]
        out = []
        for trial in self.trials:
            other = kernels.nearest_center(block.X, trial, squares=True).square
            assert other is not None
            out.append(Double(*kernels.double_sum(np.minimum(square, other), block.weight)))
        return tuple(out)

    def merge(self, left: tuple[Double, ...], right: tuple[Double, ...], /) -> tuple[Double, ...]:
        return tuple(a + b for a, b in zip(left, right, strict=True))

    def bytes(self) -> int:
        return 16 * len(self.trials)
