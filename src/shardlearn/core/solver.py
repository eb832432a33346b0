"""A solver: a pure state machine that asks, is told, and asks again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Protocol, TypeVar

import numpy as np

from .query import Query


class Status(Enum):
    """Where a solver stands."""

    RUNNING = "running"
    CONVERGED = "converged"
    STALLED = "stalled"  # no step lowers the objective any more: rounding decides
    OUT_OF_ROUNDS = "out of rounds"


class State(Protocol):
    """A frozen dataclass of arrays, numbers, strings, enums and such; small; goes to JSON + safetensors and back."""

    @property
    def status(self) -> Status: ...

    @property
    def figures(self) -> Mapping[str, float]:
        """What people watch: {"loss": 0.42, "gradient": 1e-3}."""
        ...


def leaves(value: object) -> Iterator[Any]:
    """Arrays, numbers and such in dataclasses, tuples, lists and mappings of them."""
    todo: list[Any] = [value]
    while todo:
        match todo.pop():
            case tuple() | list() as parts:
                todo.extend(parts)
            case Mapping() as named:
                todo.extend(named.values())
            case part if is_dataclass(part):
                todo.extend(getattr(part, one.name) for one in fields(part))
            case leaf:
                yield leaf


def held(state: object) -> int:
    """Bytes of the arrays in a state, each counted once."""
    return sum({id(leaf): leaf.nbytes for leaf in leaves(state) if isinstance(leaf, np.ndarray)}.values())


P = TypeVar("P", contravariant=True)
S = TypeVar("S", bound=State)
A = TypeVar("A")


class Solver(Protocol[P, S, A]):
    """No clock, no I/O, no engine, no hidden randomness."""

    def init(self, problem: P, /) -> S: ...
    def ask(self, problem: P, state: S, /) -> Query[A]: ...
    def tell(self, problem: P, state: S, answer: A, /) -> S: ...


AnySolver = Solver[Any, Any, Any]
