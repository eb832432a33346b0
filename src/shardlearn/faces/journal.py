"""The journal of a fit: the answers of its finished steps, and the state of the solver that runs.

A fit asks its questions in an order that depends on data and parameters alone: a look at the data, the weights of
classes, a solver's rounds. So a fit that goes on walks the same way: a finished step is not taken again, its answer
stands in the journal; a solver goes on from its last state. What comes out is what would have come out.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeVar

from shardlearn.core.errors import StorageError
from shardlearn.storage.canonical import damaged
from shardlearn.storage.checkpoints import Checkpoints
from shardlearn.storage.places import Place
from shardlearn.storage.state import allow

A = TypeVar("A")
PATIENCE = 10  # a store that is down may cost a tenth of the time


@allow("journal.Step")
@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """One question whose answer is there, or one solver as far as it is."""

    name: str  # of the statistic or the solver
    value: Any  # the answer, or the solver's state
    over: bool
    shown: bool = False  # what `Wary` knows of the data
    cleared: bool = False


@allow("journal.Recipe")
@dataclass(frozen=True, eq=False, slots=True)
class Recipe:
    """How to call the same fit again, where all it was given has a name; else why not."""

    estimator: str
    parameters: Mapping[str, Any]
    data: tuple[str, ...]
    target: str | None
    weight: str | None
    reading: Mapping[str, Any]  # arguments of `shardlearn.read`
    lacks: str = ""


@dataclass(slots=True)
class Journal:
    """Kept in memory, and stored at most every so many seconds; without a place to store it, nothing is kept."""

    store: Checkpoints | None = None
    recipe: Recipe | None = None
    every: float = 0.0
    clock: Callable[[], float] = monotonic
    steps: list[Step] = field(default_factory=list)
    _at: int = 0  # the step that runs
    _stored: float = field(init=False)  # when
    _pause: float = 0.0  # after a save that failed
    _unsaved: bool = False
    _warned: bool = False

    def __post_init__(self) -> None:
        self._stored = self.clock()
        found = None if self.store is None else self.store.newest()
        if found is not None:
            self.steps = list(unpacked(found, str(self.place))[1])

    @property
    def place(self) -> Place | None:
        """Where it is stored."""
        return None if self.store is None else self.store.place

    def found(self, name: str) -> Step | None:
        """What is known of the step that begins; None: it begins from nothing."""
        if self._at == len(self.steps):
            return None
        step = self.steps[self._at]
        if step.name != name:
            raise _another(self.place, step.name, name)
        return step

    def step(self, name: str, take: Callable[[], A]) -> A:
        """The answer of one step, taken only if it isn't known."""
        known = self.found(name)
        if known is None:
            self.put(known := Step(name, take(), over=True))
        else:
            self._at += 1
        answer: A = known.value
        return answer

    def put(self, step: Step) -> None:
        """What is known of the step that runs, from now on; stored when it is time."""
        if self.store is None:
            return
        self.steps[self._at :] = [step]
        self._at += step.over
        self._unsaved = True
        if self.clock() - self._stored >= max(self.every, self._pause):
            self.flush()

    def passed(self) -> None:
        """The step that runs was over before."""
        self._at += 1

    def flush(self) -> None:
        """Store what is not stored yet. A fit that could finish does not fail because this does: it is said once."""
        if self.store is None or not self._unsaved:
            return
        began, self._pause = self.clock(), 0.0
        try:
            self.store.save((self.recipe, tuple(self.steps)))
            self._unsaved = False
        except StorageError as error:
            if not self._warned:
                self._warned = True
                warnings.warn(f"No checkpoint could be saved; the fit goes on, and tries again. {error}", stacklevel=2)
            self._pause = PATIENCE * (self.clock() - began)
        self._stored = self.clock()


def unpacked(stored: object, where: str) -> tuple[Recipe | None, tuple[Step, ...]]:
    """What `flush` stored, if it is that."""
    match stored:
        case (Recipe() | None as recipe, tuple() as steps) if all(isinstance(step, Step) for step in steps):
            return recipe, steps
    raise damaged(where, "no journal of a fit", "SL5108")


def _another(place: Place | None, then: str, now: str) -> StorageError:
    return StorageError(
        "The checkpoint belongs to another fit.",
        code="SL5111",
        where=str(place),
        found=f"step: {then} then, {now} now",
        needed="the same data, parameters and release of shardlearn",
        fix="name another folder to start anew",
    )
