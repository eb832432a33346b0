"""Values that no model takes: met on the way, counted only then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from shardlearn import engines, kernels
from shardlearn.core.block import Block
from shardlearn.core.errors import InputError
from shardlearn.core.events import ignore
from shardlearn.core.matrix import Array
from shardlearn.data import Laid

from .predictions import Method
from .wary import search


class UncleanError(InputError):
    """A block holds a value that no model takes; `counted` finds the words for it."""


@runtime_checkable
class Showing(Protocol):
    """A method whose answers show whether features are finite, so that these are not read twice."""

    def shown(self, block: Block, /) -> tuple[Block, bool]:
        """The answers, and whether all features are surely finite."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Clean:
    """A method that refuses rows with values that are missing or infinite."""

    method: Method

    def __call__(self, block: Block, /) -> Block:
        if not isinstance(self.method, Showing):
            look(block)
            return self.method(block)
        look_beside(block)
        answers, finite = self.method.shown(block)
        if not finite:
            look(block)
        return answers

    def values(self, block: Block, /) -> Any:
        return self.method.values(block)

    def columns(self, block: Block, /) -> Mapping[str, Array]:
        return self.method.columns(block)


def look(block: Block) -> None:
    """Refuse rows with values that no model takes."""
    look_beside(block)
    if kernels.count_bad(block.X) is not None:
        raise _unclean()


def look_beside(block: Block) -> None:
    """The same of labels and weights alone."""
    bad_y = block.y is not None and block.y.dtype.kind == "f" and not np.isfinite(block.y).all()
    bad_weight = block.weight is not None and not (np.isfinite(block.weight) & (block.weight >= 0)).all()
    if bad_y or bad_weight:
        raise _unclean()


def _unclean() -> UncleanError:
    return UncleanError("Input contains NaN or infinity.", code="SL2103")


@contextmanager
def counted(laid: Laid) -> Iterator[Laid]:
    """Bad values are met on the way; only then is all data counted, for an error that says everything."""
    try:
        yield laid
    except UncleanError:
        search(engines.current(), laid, ignore)
        raise
