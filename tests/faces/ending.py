"""Fits that end in the middle, and what they are fitted on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shardlearn
from shardlearn.linear_model import LogisticRegression
from shardlearn.observe.watching import Watch

draw = np.random.default_rng(0)
X = draw.normal(size=(400, 3))
Y = np.where(X @ [1.0, -1.0, 0.5] + draw.normal(size=400) > 0, "yes", "no")
NUMBERS = X @ [1.0, 2.0, 3.0]


class Stopped(Exception):  # noqa: N818  in place of a kill
    """Ends a fit."""


def descent(**parameters: Any) -> LogisticRegression:
    return LogisticRegression(solver="gradient-descent", **parameters)


@contextmanager
def ended(rounds: int, error: BaseException) -> Iterator[None]:
    """The fit inside ends after so many rounds with an error."""
    left, plain = [rounds], Watch.after

    def after(self: Watch, state: object = None) -> bool:
        left[0] -= 1
        if left[0] == 0:
            raise error
        return plain(self, state)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Watch, "after", after)
        yield


def rounds_of(model: Any) -> int:
    return model.report_.rounds


def cut(folder: Path, model: Any, *data: Any) -> None:
    """Leave a fit that stands after four rounds."""
    with shardlearn.checkpoint(folder, every=0), ended(4, Stopped()), pytest.raises(Stopped):
        model.fit(*data)
