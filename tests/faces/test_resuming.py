"""`shardlearn.resume`: fits whose data have names are called again; of others it says why not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from pyarrow import Table
from tests.faces.ending import NUMBERS, X, Y, cut, descent, rounds_of

import shardlearn
from shardlearn import StorageError
from shardlearn.data import lay_out
from shardlearn.faces import identity
from shardlearn.faces.journal import Recipe
from shardlearn.linear_model import Ridge
from shardlearn.storage.checkpoints import Checkpoints
from shardlearn.storage.places import Local


@pytest.fixture
def parquet(tmp_path) -> str:
    pq.write_table(
        Table.from_pandas(pd.DataFrame(X, columns=["a", "b", "c"]).assign(y=Y, w=1.0)), tmp_path / "t.parquet"
    )
    return str(tmp_path / "t.parquet")


def test_resume_calls_the_same_fit_again(tmp_path, parquet) -> None:
    def data() -> Any:
        return shardlearn.read([parquet], columns=["c", "a"]), "y", "w"

    whole = descent(class_weight={"yes": 2}).fit(*data())
    cut(tmp_path / "c", descent(class_weight={"yes": 2}), *data())
    model = shardlearn.resume(tmp_path / "c")
    assert shardlearn.fingerprint(model) == shardlearn.fingerprint(whole)
    assert rounds_of(model) == rounds_of(whole) - 4
    assert list(model.feature_names_in_) == ["c", "a"]


def test_resume_of_a_path_from_another_folder(tmp_path, parquet, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with shardlearn.checkpoint("c"):
        model = Ridge().fit(shardlearn.read("t.parquet", drop_columns=["y"]), y="w")
    monkeypatch.chdir("/")
    assert shardlearn.fingerprint(shardlearn.resume(tmp_path / "c")) == shardlearn.fingerprint(model)


LACKING = {
    "the data were no paths": lambda path: Ridge().fit(X, NUMBERS),
    "y or sample_weight was an array": lambda path: Ridge().fit(
        shardlearn.read(path, drop_columns=["y"]), NUMBERS, sample_weight="w"
    ),
    "a random generator has no name": lambda path: Ridge(random_state=np.random.RandomState(0)).fit(
        shardlearn.read(path, drop_columns=["y"]), "w"
    ),
    "a parameter can't be stored": lambda path: Ridge(alpha=pd.Series([1.0])).fit(
        shardlearn.read(path, drop_columns=["y"]), "w"
    ),
    "warm_start begins at an earlier fit": lambda path: descent(warm_start=True).fit(path, "y"),
}


@pytest.mark.parametrize(
    ("uri", "secret"),
    [
        ("s3://key:hidden@bucket/x", True),
        ("abfs://bucket/x?sas_token=hidden", True),
        ("s3://bucket/x?region=eu", False),
        ("a@b?key", False),
    ],
)
def test_secrets_are_not_stored(uri, secret) -> None:
    source = shardlearn.read(X)
    source = replace(source, spec=replace(source.spec, asked=(uri,)))
    found = identity.recipe(identity.Given(Ridge(), source, None, None, lay_out(source)))
    assert found.lacks == ("the data's URI holds a secret, which is not stored" if secret else "")
    assert ("hidden" in repr(found)) is False


@pytest.mark.parametrize("why", LACKING)
def test_resume_of_what_has_no_name(tmp_path, parquet, why) -> None:
    with shardlearn.checkpoint(tmp_path / "c"):
        LACKING[why](parquet)
    with pytest.raises(StorageError) as caught:
        shardlearn.resume(tmp_path / "c")
    assert str(caught.value) == (
        f"{tmp_path / 'c'} can't be resumed.\n"
        f"  found : a fit that can't be called again by itself: {why}\n"
        "  needed: the checkpoint of one fit, of data that are named by paths or URIs\n"
        "  fix   : run the same program again: inside `with shardlearn.checkpoint(...)` each fit goes on where it stood"
    )


STORED = {
    "no pair": 1,
    "other steps": (None, (1, 2)),
    "no recipe": (None, ()),
    "other arguments": (Recipe("Ridge", {}, ("t.parquet",), "y", None, {"open": 1}), ()),
    "other parameters": (Recipe("Ridge", {"open": 1}, ("t.parquet",), "y", None, {}), ()),
    "another class": (Recipe("Popen", {}, ("t.parquet",), "y", None, {}), ()),
}


@pytest.mark.parametrize("what", STORED)
def test_resume_of_what_is_no_fit(tmp_path, what) -> None:
    Checkpoints(Local(tmp_path / "fit-0000"), {}).save(STORED[what])
    with pytest.raises(StorageError) as caught:
        shardlearn.resume(tmp_path)
    assert caught.value.code in ("SL5107", "SL5108")


def test_resume_of_nothing_and_of_several_fits(tmp_path) -> None:
    with pytest.raises(StorageError, match="no checkpoint: nothing was saved there yet"):
        shardlearn.resume(tmp_path / "c")
    with shardlearn.checkpoint(tmp_path / "c"):
        Ridge().fit(X, NUMBERS)
        Ridge().fit(X, NUMBERS)
    with pytest.raises(StorageError, match="found : 2 fits"):
        shardlearn.resume(tmp_path / "c")
