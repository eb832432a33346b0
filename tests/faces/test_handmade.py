"""Checkpoints that somebody wrote by hand: every hash is right, and what they hold is not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.faces.ending import NUMBERS, X, Y, cut, descent

import shardlearn
from shardlearn import InputError, StorageError
from shardlearn.faces.going_on import refused
from shardlearn.linear_model import LogisticRegression, Ridge
from shardlearn.storage import state as states
from shardlearn.storage.checkpoints import Checkpoints
from shardlearn.storage.places import Local

MODELS: dict[str, Any] = {
    "descent": lambda: descent(tol=1e-3),
    "lbfgs": lambda: LogisticRegression(solver="lbfgs", tol=1e-10),
    "newton": lambda: LogisticRegression(solver="newton-cholesky", tol=1e-14),
    "conjugate": lambda: Ridge(solver="sparse_cg"),
}


def target(name: str) -> Any:
    return NUMBERS if name == "conjugate" else Y


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Of every array, number, word and enum in a state."""
    if is_dataclass(value):
        for one in fields(value):
            yield from paths(getattr(value, one.name), (*path, one.name))
    elif isinstance(value, tuple):
        for i, one in enumerate(value):
            yield from paths(one, (*path, i))
    elif value is not None:
        yield path


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        value = value[name] if isinstance(name, int) else getattr(value, name)
    return value


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    name, rest = path[0], path[1:]
    if isinstance(name, int):
        return (*value[:name], changed(value[name], rest, new), *value[name + 1 :])
    return replace(value, **{name: changed(getattr(value, name), rest, new)})


def wrong(value: Any) -> list[Any]:
    """Of other kinds and shapes."""
    if isinstance(value, np.ndarray):
        longer = np.zeros([side + 1 for side in value.shape], value.dtype)
        return [longer, longer[None], np.zeros(0, value.dtype), np.zeros(value.shape, "m8[s]"), "words"]
    return [3 if isinstance(value, str) else "words", (1, 2), np.zeros(3)]


def stored(folder: Path) -> tuple[Checkpoints, Any]:
    store = Checkpoints(Local(folder / "fit-0000"), None)
    read = store.place.inside(f"step-{store._steps()[-1]:08d}").read("checkpoint")
    identity = states.loads(read["identity.json"], "")
    return replace(store, identity=identity), store.newest()


@pytest.mark.filterwarnings("ignore:.*an earlier step is tried")  # and is there none
@pytest.mark.parametrize("name", MODELS)
def test_whatever_is_wrong_is_named(name: str, tmp_path: Path) -> None:
    """Each value in turn: an error of ours that names the folder; or a fit, where nobody uses it; none of Python's."""
    folder = tmp_path / "c"
    cut(folder, MODELS[name](), X, target(name))
    store, (recipe, steps) = stored(folder)
    passed = []
    for path in paths(steps):
        for new in wrong(at(steps, path)):
            shutil.rmtree(folder / "fit-0000")
            store.save((recipe, changed(steps, path, new)))
            with shardlearn.checkpoint(folder, every=10**6):
                try:
                    MODELS[name]().fit(X, target(name))
                    passed.append(path[2:])
                except StorageError as error:
                    assert str(folder / "fit-0000") in str(error)  # noqa: PT017 - some pass
    unused = {"files", "first", "dropped_by", "count", "initial", "second", "theta"}  # at that step, or of any shape
    assert {path[-1] for path in passed} <= unused
    assert (2, "W") not in passed


def test_a_step_of_another_question(tmp_path: Path) -> None:
    cut(tmp_path, descent(), X, Y)
    store, (recipe, (seen, step)) = stored(tmp_path)
    for steps in (
        (replace(seen, value=step.value), step),
        (seen, replace(step, value=seen.value)),
        (replace(seen, over=False), step),
    ):
        shutil.rmtree(tmp_path / "fit-0000")
        store.save((recipe, steps))
        with shardlearn.checkpoint(tmp_path), pytest.raises(StorageError, match="can't go on from") as caught:
            descent().fit(X, Y)
        assert caught.value.where == str(tmp_path / "fit-0000")


def test_an_error_of_ours_stays_what_it_is() -> None:
    """Only Python's own are the state's fault."""
    error = InputError("Input X contains NaN.", code="SL2301")
    with pytest.raises(InputError), refused("c", "Lbfgs"):
        raise error
    with pytest.raises(KeyboardInterrupt), refused("c", "Lbfgs"):
        raise KeyboardInterrupt
    with pytest.raises(StorageError, match="from: AssertionError"), refused("c", "Lbfgs"):
        raise AssertionError
