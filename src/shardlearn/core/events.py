"""Typed events: how the parts below the faces say what happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from .solver import Status


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened. Holds numbers and names, never values of cells."""


@dataclass(frozen=True, slots=True)
class FitStarted(Event):
    """A fit has opened its data."""

    estimator: str
    rows: int
    features: int
    data_bytes: int
    engine: str
    workers: int
    memory: int | None
    source: str = ""  # "Parquet", "CSV", "arrays", ...
    threads: str = ""  # who said how many workers there are, in words
    memory_from: str = ""  # who said what the limit is, in words


@dataclass(frozen=True, slots=True)
class SolverChosen(Event):
    """Which solver runs, with which seed, how many rounds it may take at most, how many are likely, and its `tol`."""

    solver: str
    seed: int | None = None
    rounds: int | None = None
    expected: int | None = None
    goal: float | None = None  # the figure "gradient" at which it ends


@dataclass(frozen=True, slots=True)
class RowsDropped(Event):
    """Rows were left out; a row may count in several columns."""

    rows: int
    columns: Mapping[str, int]
    why: str = "missing values"


@dataclass(frozen=True, slots=True)
class ColumnsIgnored(Event):
    """Columns of the data that the model does not use."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PassStarted(Event):
    """A fold over the blocks begins."""

    blocks: int
    rows: int
    data: str
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Staffed(Event):
    """Workers have joined or left since the last pass; so many are there now."""

    workers: int


@dataclass(frozen=True, slots=True)
class PassPlanned(Event):
    """Bytes that a pass takes at most, by what they are for, and what is left for caches; worked out before reading."""

    readers: int
    workers: int
    reading: int
    blocks: int
    answers: int
    room: int | None


@dataclass(frozen=True, slots=True)
class PieceFinished(Event):
    """A range of blocks has been answered."""

    first: int
    stop: int
    rows: int


@dataclass(frozen=True, slots=True)
class PieceRetried(Event):
    """An attempt failed, and another one was started."""

    first: int
    stop: int
    attempt: int
    why: str
    rows: tuple[int, int]  # first and last (excluded) of the piece
    merging: bool = False  # the piece is a range of parts of an answer to all rows, which are merged by workers


@dataclass(frozen=True, slots=True)
class AnswerDropped(Event):
    """An attempt answered when its piece was answered already."""

    first: int
    stop: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Sent(Event):
    """Bytes of one piece of work: to a worker in another process, and back."""

    down: int
    up: int


@dataclass(frozen=True, slots=True)
class Timed(Event):
    """Seconds and bytes of one phase on one worker: read, decode, pack, compute, merge or waiting."""

    phase: str
    seconds: float
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class CarryBuilt(Event):
    """Carried columns of a block were computed."""

    name: str
    block: int
    rebuilt: bool
    seconds: float = 0.0  # of computing


@dataclass(frozen=True, slots=True)
class PassFinished(Event):
    """A fold over the blocks has its answer."""

    data: str


@dataclass(frozen=True, slots=True)
class RoundFinished(Event):
    """A solver has been told an answer."""

    index: int
    status: Status
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FitResumed(Event):
    """A solver goes on from where a checkpoint stands, or was over there."""

    where: str
    status: Status
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FitFinished(Event):
    """A fit has its model, or was stopped."""

    estimator: str
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """One plain sentence for people."""

    text: str


Emit: TypeAlias = Callable[[Event], None]


def ignore(_: Event, /) -> None:
    """An observer that looks away."""
