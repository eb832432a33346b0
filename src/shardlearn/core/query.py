"""A query: one round, which is one visit to each block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from .block import Block
from .matrix import Array
from .rows import ALL, Rows
from .statistic import Statistic

A = TypeVar("A")


class Transform(Protocol):
    """A row-wise rewrite of a block: the rows stay, in their order."""

    def __call__(self, block: Block, /) -> Block: ...


class Columns(Protocol):
    """Columns of per-row state, computed from a block."""

    def __call__(self, block: Block, /) -> Mapping[str, Array]: ...


@dataclass(frozen=True, slots=True)
class Carry:
    """Per-row state is a cache: it may vanish with a worker, or be dropped for lack of memory.

    The block reaches `step` and `measure` with the columns under `extra["name/..."]`.
    Law: the answers are the same, bit for bit, whichever of `rebuild` and `step` ran on whichever blocks.
    """

    name: str
    version: int  # `step` only on a block whose columns are at version - 1; otherwise `rebuild`
    rebuild: Columns  # from the raw block
    step: Columns  # from the block as the last round left it


@dataclass(frozen=True, slots=True)
class Query(Generic[A]):
    """Carry and measure while a block is in cache."""

    measure: Statistic[A]
    carry: tuple[Carry, ...] = ()
    rows: Rows = ALL  # carried columns belong to all rows of a block; the selection comes after
    data: str = "train"  # run() is given named data: "train", "validation", ...
    runs: int | None = (
        None  # this many contiguous runs of blocks, each walked with `add`; the tree is then over the runs
    )
    beside: int = 0  # bytes of the solver's state, which `run` fills in: they count against the memory limit
