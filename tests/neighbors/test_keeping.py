"""Rows that are kept fit into the memory limit; rows that are referred to are still there; y may be a column aside."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.datasets import dump_svmlight_file
from tests.faces.test_memory_limit import write
from tests.neighbors.brute import data
from tests.neighbors.test_exact import written
from tests.project.sources import ROOT

import shardlearn
from shardlearn import InputError, MemoryLimitError, SourceChangedError
from shardlearn.data.svmlight import SvmlightBlocks
from shardlearn.data.table_blocks import TableBlocks
from shardlearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestNeighbors,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
    kneighbors_graph,
)

# -- within the memory limit -------------------------------------------------------------------------------------------

PROGRAM = """
    import sys
    import pyarrow.parquet, pyarrow.dataset
    import shardlearn
    from shardlearn.neighbors import KNeighborsClassifier
    from tests.peak import Peak

    base, warm = sys.argv[1:]
    model = KNeighborsClassifier(store="rows")
    model.fit(warm, "y")
    with shardlearn.engine("threads", workers=1, memory="145MB"), Peak() as peak:
        model.fit(base, "y")
    print(peak.added)
"""


def test_rows_are_read_to_where_they_stay(tmp_path: Path) -> None:
    """Once, and not beside what is cached of them."""
    base = write(tmp_path / "base.parquet", 200_000, 40, 10_000)  # 64 MB
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), base, write(tmp_path / "w.parquet", 2_000, 40, 2_000)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert 64e6 < int(done.stdout) < 145e6


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> str:
    """20,000 rows of 64 float64: 10.2 MB."""
    X, _ = data("normal", 20_000, 64, 1)
    return written(tmp_path_factory.mktemp("rows") / "t", X, np.arange(len(X)) % 3, 5)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    """The same rows with missing values and without, sparse: of five blocks."""
    X, _ = data("grid", 2_500, 600, 1)
    X[0, -1] = 1.0
    path = tmp_path_factory.mktemp("svmlight") / "rows.svm"
    dump_svmlight_file(X, np.arange(len(X)) % 3, str(path), zero_based=False)
    return str(path), X


def forbid(monkeypatch: pytest.MonkeyPatch, blocks: type, after: int) -> None:
    """No more blocks than so many are read."""
    read, seen = blocks.read, []  # type: ignore[attr-defined]

    def counted(self: Any, *asked: Any, **told: Any) -> Any:
        for block in read(self, *asked, **told):
            seen.append(block)
            assert len(seen) <= after
            yield block

    monkeypatch.setattr(blocks, "read", counted)


def test_rows_that_have_no_room_are_refused_before_they_are_read(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = KNeighborsClassifier(store="rows")
    with shardlearn.engine("threads", workers=1, memory="12MB"), monkeypatch.context() as patch:
        forbid(patch, TableBlocks, 0)
        with pytest.raises(MemoryLimitError, match="too small for the training rows") as caught:
            model.fit(table, "y")
    error = caught.value
    assert (error.code, error.where) == ("SL3001", 'KNeighborsClassifier(store="rows")')
    assert error.needed.split(": ")[1].startswith("rows 10,400,000, one reader ")
    assert 'store="auto"' in error.fix
    (enough,) = re.findall(r'memory="(\w+)"', error.fix)
    with shardlearn.engine("threads", workers=1, memory=enough):
        assert model.fit(table, "y").rows_.shape == (20_000, 64)


def test_a_frame_is_kept_as_a_copy_which_needs_room(table: str) -> None:
    frame = pd.read_parquet(Path(table).parent)
    with shardlearn.engine("threads", workers=1, memory="5MB"):
        with pytest.raises(MemoryLimitError, match="too small for the training rows") as caught:
            NearestNeighbors().fit(frame)
        assert "the rows in files" in caught.value.fix
        X = frame.to_numpy()
        for copied in (np.asfortranarray(X), np.rint(X).astype(np.int64)):
            with pytest.raises(MemoryLimitError, match="too small for the training rows"):
                NearestNeighbors().fit(copied)
        X = np.ascontiguousarray(X)
        assert NearestNeighbors().fit(X).rows_ is X  # where it lies


def test_sparse_rows_that_have_no_room(text: tuple[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Known from the index; where rows may be left out, seen while reading."""
    path, X = text
    kept = 2 * (np.count_nonzero(X) * 12 + 8 * len(X)) + 8 * len(X)
    model = KNeighborsClassifier(store="rows")
    with shardlearn.engine("threads", workers=1, memory="20MB"), monkeypatch.context() as patch:
        forbid(patch, SvmlightBlocks, 0)
        with pytest.raises(MemoryLimitError, match="too small for the training rows") as caught:
            model.fit(path, "target")
    assert f"rows {kept:,}" in caught.value.needed
    with shardlearn.engine("threads", workers=1, memory="20MB"), monkeypatch.context() as patch:
        forbid(patch, SvmlightBlocks, 5 + 4)  # all of them for what is missing, then as many as have room
        with pytest.raises(MemoryLimitError, match="too small for the training rows"):
            model.fit(shardlearn.read(path, missing="drop"), "target")
    with shardlearn.engine("threads", workers=1, memory="60MB"):
        for rows in (path, shardlearn.read(path, missing="drop")):
            np.testing.assert_array_equal(model.fit(rows, "target").kneighbors(X[:9])[1][:, 0], np.arange(9))


def test_rows_that_are_left_out_take_no_room(table: str) -> None:
    """30.7 MB, of which a half is kept."""
    frame = pd.concat([pd.read_parquet(Path(table).parent)] * 3)
    frame.iloc[::2, 3] = np.nan
    rows = shardlearn.read(frame, missing="drop")
    with shardlearn.engine("threads", workers=1, memory="26MB"):
        model = KNeighborsClassifier(store="rows").fit(rows, "y")
    assert model.rows_.shape == (30_000, 64)
    np.testing.assert_array_equal(model.row_ids_, np.arange(1, 60_000, 2))
    np.testing.assert_array_equal(model.targets_, frame["y"][1::2])
    with shardlearn.engine("threads", workers=1, memory="20MB"), pytest.raises(MemoryLimitError, match="training rows"):
        KNeighborsClassifier(store="rows").fit(rows, "y")


# -- rows that are referred to -----------------------------------------------------------------------------------------


@pytest.fixture
def base(tmp_path: Path) -> tuple[pd.DataFrame, Path]:
    X, _ = data("normal", 600, 3, 1)
    frame = pd.DataFrame(X, columns=list("abc")).assign(y=np.arange(600) % 3)
    (tmp_path / "base").mkdir()
    for i in range(3):
        frame.iloc[200 * i : 200 * (i + 1)].to_parquet(tmp_path / "base" / f"{i}.parquet")
    return frame, tmp_path / "base"


def written_again(folder: Path, frame: pd.DataFrame) -> None:
    frame.iloc[:199].to_parquet(folder / "0.parquet")


def added(folder: Path, frame: pd.DataFrame) -> None:
    frame.iloc[:1].to_parquet(folder / "3.parquet")


def removed(folder: Path, frame: pd.DataFrame) -> None:
    (folder / "1.parquet").unlink()


def all_removed(folder: Path, frame: pd.DataFrame) -> None:
    for file in folder.iterdir():
        file.unlink()


def spoilt(folder: Path, frame: pd.DataFrame) -> None:
    (folder / "0.parquet").write_bytes(b"no table")


MODELS: list[tuple[Any, Callable[[Any, Any], Any]]] = [
    (KNeighborsClassifier(), lambda model, Q: model.predict(Q)),
    (KNeighborsRegressor(), lambda model, Q: model.score(Q, np.arange(len(Q)))),
    (RadiusNeighborsClassifier(9.0), lambda model, Q: model.predict_proba(Q)),
    (RadiusNeighborsRegressor(9.0), lambda model, Q: model.predict(Q)),
    (NearestNeighbors(), lambda model, Q: model.kneighbors().to_numpy()),
    (NearestNeighbors(), lambda model, Q: model.radius_neighbors()),
    (NearestNeighbors(), lambda model, Q: model.kneighbors_graph(Q)),
    (NearestNeighbors(), lambda model, Q: kneighbors_graph(model, 3)),
    (NearestNeighbors(), lambda model, Q: shardlearn.fingerprint(model)),
]


@pytest.mark.parametrize("change", [written_again, added, removed, all_removed, spoilt])
def test_a_base_that_changed_is_refused(base: tuple[pd.DataFrame, Path], change: Any) -> None:
    frame, folder = base
    fits = [(model.fit(str(folder / "*.parquet"), "y"), ask) for model, ask in MODELS]
    change(folder, frame)
    for model, ask in fits:
        with pytest.raises(SourceChangedError, match="have changed since it was fitted") as caught:
            ask(model, frame[["a", "b", "c"]].head(20))
        assert caught.value.code == "SL2210"


def test_a_file_that_is_gone_is_named(base: tuple[pd.DataFrame, Path], tmp_path: Path) -> None:
    frame, folder = base
    model = NearestNeighbors().fit(str(folder / "2.parquet"), "y")
    shardlearn.save(model, tmp_path / "m")
    (folder / "2.parquet").unlink()
    for one in (model, shardlearn.load(tmp_path / "m"), pickle.loads(pickle.dumps(model))):
        with pytest.raises(SourceChangedError) as caught:
            one.kneighbors(frame[["a", "b", "c"]].head(20))
        assert str(folder / "2.parquet") in caught.value.where
        assert "no such file" in caught.value.found


def test_another_number_of_rows_than_was_said(base: tuple[pd.DataFrame, Path]) -> None:
    frame, folder = base
    model = NearestNeighbors().fit(str(folder), "y")
    model.base_ = json.dumps(json.loads(model.base_) | {"rows": 601})
    model._named = None
    with pytest.raises(SourceChangedError, match="600 rows, and 601 at fit"):
        model.kneighbors(frame[["a", "b", "c"]].head(2))


# -- y of NearestNeighbors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", ["auto", "rows"])
def test_a_column_aside_is_no_feature(base: tuple[pd.DataFrame, Path], store: str, tmp_path: Path) -> None:
    frame, folder = base
    X = frame[["a", "b", "c"]]
    wanted = NearestNeighbors(store=store).fit(X)
    for i, rows in enumerate((str(folder), shardlearn.read(str(folder)), frame)):
        model = NearestNeighbors(store=store).fit(rows, y="y")
        shardlearn.save(model, tmp_path / f"{i}")
        for one in (model, shardlearn.load(tmp_path / f"{i}")):
            assert one.feature_names_in_.tolist() == ["a", "b", "c"]
            assert not hasattr(one, "targets_")
            np.testing.assert_array_equal(one.kneighbors(X)[1], wanted.kneighbors(X)[1])
            np.testing.assert_array_equal(one.kneighbors(frame[:0:-1][["a", "b", "c"]])[0][:, 0], np.zeros(599))
            own = one.kneighbors()
            ids = (own if isinstance(own, tuple) else own.to_numpy())[1]
            np.testing.assert_array_equal(ids, wanted.kneighbors()[1])
            assert shardlearn.fingerprint(one) == shardlearn.fingerprint(wanted)


def test_words_aside_and_columns_that_are_not_there(base: tuple[pd.DataFrame, Path]) -> None:
    frame, folder = base
    frame.assign(y=np.where(frame.a > 0, "up", "down")).to_parquet(folder / "0.parquet")
    assert NearestNeighbors().fit(str(folder / "0.parquet"), y="y").n_features_in_ == 3
    for rows in (frame, str(folder / "*.parquet"), frame.to_numpy()):
        with pytest.raises(InputError, match="zzz"):
            NearestNeighbors().fit(rows, y="zzz")


def test_an_array_beside_rows_is_not_used(base: tuple[pd.DataFrame, Path]) -> None:
    frame, folder = base
    for rows in (frame.to_numpy(), sp.csr_array(frame.to_numpy()), str(folder)):
        for y in (frame["y"].to_numpy(), ["no", "use"], 7):
            assert NearestNeighbors().fit(rows, y).n_features_in_ == 4
