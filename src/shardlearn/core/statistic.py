"""A statistic: what one visit to the blocks computes, and how two answers become one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeGuard, TypeVar

from .block import Block

A = TypeVar("A")
R_co = TypeVar("R_co", covariant=True)


class Statistic(Protocol[A]):
    """A frozen dataclass; an answer is a dataclass of arrays and numbers (or a tuple of such).

    `of` an empty block is the identity of `merge`, bit for bit. `merge` may reuse `left`'s memory, never `right`'s.
    """

    @property
    def exact(self) -> bool:
        """True: the same bits in any order. False: floats, the fixed tree only. A class variable, but for wrappers."""
        ...

    def of(self, block: Block, /) -> A: ...
    def merge(self, left: A, right: A, /) -> A: ...
    def bytes(self) -> int: ...  # upper bound of one answer, known before the pass


class Running(Statistic[A], Protocol[A]):
    """One accumulator walks over blocks in place.

    Exact: `add(into, block)` equals `merge(into, of(block))`, bit for bit. Not exact: used only along `Query.runs`.
    """

    def add(self, into: A, block: Block, /) -> A: ...


class Cut(Statistic[A], Protocol[A, R_co]):
    """Answers too large for one place: `merge(part(a, i), part(b, i)) == part(merge(a, b), i)`, bit for bit.

    `join` of all parts of an answer is the answer, bit for bit; of a Spread statistic it takes what was finished.
    """

    @property
    def parts(self) -> int:
        """At least 1; set by the question, never by the workers."""
        ...

    def part(self, answer: A, i: int, /) -> A: ...  # may share the answer's memory
    def join(self, results: Sequence[object], /) -> R_co: ...


class Spread(Cut[A, R_co], Protocol[A, R_co]):
    """Parts that are finished before they are joined, so that what is large need not come together."""

    def finish(self, i: int, merged: A, /) -> object: ...  # runs where part i was merged


def gathers(statistic: Statistic[A]) -> bool:
    """Whether answers are rows, each in one of them: all answers of a pass take no more than `bytes` together."""
    return bool(getattr(statistic, "gathers", False))


def is_running(statistic: Statistic[A]) -> TypeGuard[Running[A]]:
    """Whether the statistic can walk in place."""
    return callable(getattr(statistic, "add", None))


def is_cut(statistic: Statistic[A]) -> TypeGuard[Cut[A, object]]:
    """Whether the statistic's answers can be cut into parts."""
    return callable(getattr(statistic, "part", None))


def is_spread(statistic: Statistic[A]) -> TypeGuard[Spread[A, object]]:
    """Whether the parts of its answers are finished one by one."""
    return callable(getattr(statistic, "finish", None))
