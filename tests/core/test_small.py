"""Errors, events, fingerprints, capabilities."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from tests.engines.fakes import FloatSum, IdSum, SpreadSum

from shardlearn.core import errors
from shardlearn.core.errors import InputError, Interrupted, ShardlearnError
from shardlearn.core.events import Event, ignore
from shardlearn.core.fingerprint import fingerprint
from shardlearn.core.statistic import is_cut, is_running, is_spread
from shardlearn.statistics.gram import Gram


def test_an_error_says_where_found_needed_fix() -> None:
    error = InputError(
        "Input X contains NaN.", code="SL2103", where="a.csv", found="3 values", needed="none", fix="drop_nulls"
    )
    assert error.headline == (
        "shardlearn.InputError [SL2103]: Input X contains NaN.\n"
        "  where : a.csv\n  found : 3 values\n  needed: none\n  fix   : drop_nulls"
    )
    assert isinstance(error, ValueError)
    assert str(InputError("Short.", code="SL2000")) == "Short."


@pytest.mark.parametrize(
    "kind", [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, ShardlearnError)]
)
def test_errors_travel(kind: type[ShardlearnError]) -> None:
    error = kind("First.", code="SL1", where="here")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.code) == (kind, str(error), "SL1")
    assert kind.__module__ == "shardlearn"


def test_stopping_is_a_keyboard_interrupt() -> None:
    assert issubclass(Interrupted, KeyboardInterrupt)


def test_looking_away() -> None:
    ignore(Event())


def test_fingerprints_depend_on_every_part() -> None:
    arrays = {"coef": np.arange(3.0), "classes": np.array(["a", "b"])}
    one = fingerprint("Ridge", {"alpha": 1.0}, None, arrays)
    assert len(one) == 64
    assert one == fingerprint("Ridge", {"alpha": 1.0}, None, dict(reversed(arrays.items())))
    assert one == fingerprint("Ridge", {"alpha": 1.0}, None, arrays | {"coef": np.arange(3.0).astype(">f8")})
    others = [
        fingerprint("Lasso", {"alpha": 1.0}, None, arrays),
        fingerprint("Ridge", {"alpha": 2.0}, None, arrays),
        fingerprint("Ridge", {"alpha": 1.0}, 0, arrays),
        fingerprint("Ridge", {"alpha": 1.0}, None, arrays | {"coef": np.arange(3)}),
        fingerprint("Ridge", {"alpha": 1.0}, None, arrays | {"coef": np.arange(3.0).reshape(1, 3)}),
        fingerprint("Ridge", {"alpha": 1.0}, None, {"coef_": arrays["coef"], "classes": arrays["classes"]}),
        fingerprint("Ridge", {"alpha": 1.0}, None, arrays | {"coef": np.array([0.0, 1.0, np.nextafter(2, 3)])}),
    ]
    assert len({one, *others}) == 8


def test_what_a_statistic_can_do() -> None:
    assert [is_running(s) for s in (FloatSum(), IdSum(), SpreadSum())] == [False, True, False]
    assert [is_cut(s) for s in (FloatSum(), Gram(1), SpreadSum())] == [False, True, True]
    assert [is_spread(s) for s in (FloatSum(), Gram(1), SpreadSum())] == [False, False, True]
