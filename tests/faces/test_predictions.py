"""Predictions that stream: the same numbers as in memory, in the order of the rows, into a folder that is whole."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import shardlearn
from shardlearn import InputError, ParameterError, StorageError
from shardlearn.faces import tables
from shardlearn.faces.predictions import Predictions
from shardlearn.linear_model import LinearRegression, LogisticRegression, Ridge
from shardlearn.observe import progress, watching

rng = np.random.default_rng(0)
ROWS = 150_000  # three blocks


@pytest.fixture(scope="module")
def whole() -> pd.DataFrame:
    X = rng.normal(size=(ROWS, 3))
    late = np.array(["early", "late", "on time"])[np.digitize(X[:, 0] + rng.normal(size=ROWS), [-0.5, 0.5])]
    when = pd.date_range("2024-01-01", periods=ROWS, freq="min")
    return pd.DataFrame(
        {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "late": late, "id": np.arange(ROWS) * 7, "when": when}
    )


@pytest.fixture
def frame(whole: pd.DataFrame) -> pd.DataFrame:
    return whole.copy()


@pytest.fixture(scope="module")
def path(whole: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("data")
    whole.iloc[:41_100].to_parquet(folder / "part-0.parquet", row_group_size=30_000)
    whole.iloc[41_100:].to_parquet(folder / "part-1.parquet", row_group_size=17_777)
    return str(folder / "part-*.parquet")


@pytest.fixture(scope="module")
def model(whole: pd.DataFrame) -> LogisticRegression:
    return LogisticRegression().fit(whole[["a", "b", "c"]], whole["late"])


METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function"]


@pytest.mark.parametrize("method", METHODS)
def test_the_same_numbers_as_in_memory(method: str, model: Any, frame: pd.DataFrame, path: str) -> None:
    streamed = getattr(model, method)(path)
    assert isinstance(streamed, Predictions)
    wanted = getattr(model, method)(frame[["a", "b", "c"]])
    np.testing.assert_array_equal(streamed.to_numpy(), wanted)
    assert streamed.to_numpy().dtype == wanted.dtype
    np.testing.assert_array_equal(streamed.to_numpy(), wanted)  # again: nothing was used up


def test_a_folder_of_parquet_files(model: Any, frame: pd.DataFrame, path: str, tmp_path: Path) -> None:
    folder = model.predict_proba(path).to_parquet(tmp_path / "out", keep=["id", "when"])
    assert folder == tmp_path / "out"
    assert sorted(p.name for p in folder.iterdir()) == ["part-00000.parquet"]
    written = pd.read_parquet(folder)
    names = ["id", "when", "prediction", "probability_early", "probability_late", "probability_on time"]
    assert list(written) == names
    np.testing.assert_array_equal(written["id"], frame["id"])
    np.testing.assert_array_equal(written["when"], frame["when"])
    X = frame[["a", "b", "c"]]
    np.testing.assert_array_equal(written["prediction"], model.predict(X))
    np.testing.assert_array_equal(written[names[3:]], model.predict_proba(X))


def test_without_kept_columns_rows_are_numbered(model: Any, path: str, tmp_path: Path) -> None:
    written = pq.read_table(model.predict(path).to_parquet(tmp_path / "out"))
    assert written.column_names == ["row", "prediction"]
    np.testing.assert_array_equal(written["row"], np.arange(ROWS))


def test_column_names_of_every_method(model: Any, path: str) -> None:
    names = {method: getattr(model, method)(path).to_arrow().column_names for method in METHODS}
    classes = ["early", "late", "on time"]
    assert names["predict"] == ["row", "prediction"]
    assert names["predict_proba"] == ["row", "prediction", *(f"probability_{c}" for c in classes)]
    assert names["predict_log_proba"] == ["row", "prediction", *(f"log_probability_{c}" for c in classes)]
    assert names["decision_function"] == ["row", *(f"decision_{c}" for c in classes)]


def test_regressors_and_two_classes(frame: pd.DataFrame, path: str) -> None:
    X = frame[["a", "b", "c"]]
    one = LinearRegression().fit(X, frame["a"])
    assert one.predict(path).to_arrow().column_names == ["row", "prediction"]
    two = Ridge().fit(X, frame[["a", "b"]])
    assert two.predict(path).to_arrow().column_names == ["row", "prediction_0", "prediction_1"]
    np.testing.assert_array_equal(two.predict(path).to_numpy(), two.predict(X))
    binary = LogisticRegression().fit(X, frame["a"] > 0)
    assert binary.decision_function(path).to_arrow().column_names == ["row", "decision"]
    assert binary.predict(path).to_arrow().schema.field("prediction").type == pa.bool_()


def test_batches_keep_the_order_and_are_bounded(model: Any, path: str) -> None:
    batches = list(model.predict(path))
    assert len(batches) == 3
    assert all(isinstance(batch, pa.RecordBatch) for batch in batches)
    np.testing.assert_array_equal(np.concatenate([batch["row"] for batch in batches]), np.arange(ROWS))
    assert [b.schema for b in batches] == [batches[0].schema] * len(batches)


def test_many_files_and_row_groups_depend_on_the_rows_alone(
    model: Any, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "ROW_GROUP", 14_000)
    monkeypatch.setattr(tables, "GROUPS", 3)
    both = pq.read_table(path.replace("*", "0")), pq.read_table(path.replace("*", "1"))
    pq.write_table(pa.concat_tables(both), tmp_path / "other.parquet")
    folders = []
    for number, (data, workers) in enumerate([(path, 1), (path, 3), (tmp_path / "other.parquet", 2)]):
        with shardlearn.engine("threads", workers=workers):
            folders.append(model.predict_proba(data).to_parquet(tmp_path / f"out{number}"))
    files = sorted(p.name for p in folders[0].iterdir())
    assert files == [f"part-{i:05d}.parquet" for i in range(4)]
    assert [pq.ParquetFile(folders[0] / f).metadata.num_rows for f in files] == [
        42_000,
        42_000,
        42_000,
        ROWS - 3 * 42_000,
    ]
    for other in folders[1:]:
        assert sorted(p.name for p in other.iterdir()) == files
        assert all((other / f).read_bytes() == (folders[0] / f).read_bytes() for f in files)


def test_a_writer_gives_up_a_dictionary_of_values_that_do_not_repeat(model: Any, path: str, tmp_path: Path) -> None:
    folder = model.predict_proba(path).to_parquet(tmp_path / "out", keep=["id", "late"])
    group = pq.ParquetFile(folder / "part-00000.parquet").metadata.row_group(0)
    columns = {column.path_in_schema: column for column in map(group.column, range(group.num_columns))}
    pages = {name: c.data_page_offset - c.dictionary_page_offset for name, c in columns.items()}  # of dictionaries
    assert max(pages.values()) < 1.5 * tables.REPEATS  # with a page's header; pyarrow's own limit is 1 MiB
    assert pages["late"] < 100
    assert columns["late"].total_compressed_size < group.num_rows  # three words, each written once


def test_row_groups_of_many_columns_are_short(
    model: Any, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    width = 8 + tables.TEXT + 3 * 8  # row, label, three probabilities
    monkeypatch.setattr(tables, "GROUP_BYTES", 5_000 * width)
    folder = model.predict_proba(path).to_parquet(tmp_path / "out")
    found = pq.ParquetFile(folder / "part-00000.parquet").metadata
    assert [found.row_group(i).num_rows for i in range(3)] == [4_096, 4_096, 4_096]
    assert folder.joinpath("part-00001.parquet").is_file()
    np.testing.assert_array_equal(pd.read_parquet(folder)["row"], np.arange(ROWS))


def test_no_row_group_is_empty_where_the_last_one_is_full(
    model: Any, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "ROW_GROUP", ROWS // 3)
    folder = model.predict(path).to_parquet(tmp_path / "out")
    found = pq.ParquetFile(folder / "part-00000.parquet").metadata
    assert [found.row_group(i).num_rows for i in range(found.num_row_groups)] == [ROWS // 3] * 3


def test_predictions_of_no_rows_are_a_file_with_columns(model: Any, tmp_path: Path) -> None:
    pd.DataFrame({name: [np.nan, np.nan] for name in "abc"}).to_parquet(tmp_path / "none.parquet")
    data = shardlearn.read(tmp_path / "none.parquet", missing="drop")
    folder = model.predict(data).to_parquet(tmp_path / "out")
    assert [len(pd.read_parquet(p)) for p in folder.iterdir()] == [0]
    assert list(pd.read_parquet(folder)) == ["row", "prediction"]


def test_an_existing_folder_is_refused_unless_it_holds_predictions(model: Any, path: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    model.predict(path).to_parquet(out)
    with pytest.raises(StorageError, match="overwrite=True") as caught:
        model.predict(path).to_parquet(out)
    assert caught.value.code == "SL5102"
    model.predict_proba(path).to_parquet(out, overwrite=True)
    assert "probability_late" in pq.read_table(out).column_names
    (out / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match="a folder that holds other things"):
        model.predict(path).to_parquet(out, overwrite=True)
    assert (out / "notes.txt").read_text() == "mine"


def test_the_data_themselves_are_never_overwritten(model: Any, path: str) -> None:
    folder = Path(path).parent
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with pytest.raises(StorageError):
        model.predict(path).to_parquet(folder, overwrite=True)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_nothing_half_written_stays(model: Any, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    model.predict(path).to_parquet(here / "old")
    before = pq.read_table(here / "old")

    def stopped(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(tables, "_flush", stopped)
    for folder, overwrite in (("new", False), ("old", True)):
        with pytest.raises(KeyboardInterrupt):
            model.predict(path).to_parquet(here / folder, overwrite=overwrite)
    assert [p.name for p in here.iterdir()] == ["old"]
    assert pq.read_table(here / "old").equals(before)


def test_a_full_disk_is_said(model: Any, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tables, "_flush", full)
    with pytest.raises(StorageError, match="ENOSPC") as caught:
        model.predict(path).to_parquet(tmp_path / "deep" / "out")
    assert caught.value.code == "SL5101"
    assert not (tmp_path / "deep" / "out").exists()


def test_missing_values_on_the_way_are_told_exactly(model: Any, frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.loc[[700, 71_500, 142_900], "b"] = np.nan
    frame.to_parquet(tmp_path / "holes.parquet", row_group_size=50_000)
    held = str(tmp_path / "holes.parquet")
    texts = set()
    for workers in (1, 3):
        with shardlearn.engine("threads", workers=workers), pytest.raises(InputError) as caught:
            model.predict(held).to_parquet(tmp_path / "out")
        texts.add(str(caught.value))
    (text,) = texts
    assert text.startswith("Input X contains NaN.")
    assert 'column "b"' in text
    assert "first at row 700" in text
    assert "3 missing values" in text
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="Input X contains NaN"):
        model.score(held, y="late")


def test_rows_with_missing_values_can_be_dropped(model: Any, frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.loc[[700, 71_500], "b"] = np.nan
    frame.to_parquet(tmp_path / "holes.parquet")
    source = shardlearn.read(str(tmp_path / "holes.parquet"), missing="drop")
    rows = model.predict(source).to_arrow()["row"].to_numpy()
    np.testing.assert_array_equal(rows, np.setdiff1d(np.arange(ROWS), [700, 71_500]))


def test_columns_are_matched_by_name(model: Any, frame: pd.DataFrame, tmp_path: Path) -> None:
    frame[["when", "c", "id", "a", "b"]].to_parquet(tmp_path / "moved.parquet")
    wanted = model.predict(frame[["a", "b", "c"]])
    np.testing.assert_array_equal(model.predict(str(tmp_path / "moved.parquet")).to_numpy(), wanted)
    frame.rename(columns={"b": "B"}).to_parquet(tmp_path / "renamed.parquet")
    with pytest.raises(InputError, match='"b"'):
        model.predict(str(tmp_path / "renamed.parquet"))
    frame.assign(b=frame["b"].astype(str)).to_parquet(tmp_path / "retyped.parquet")
    with pytest.raises(InputError, match="could not convert string to float"):
        model.predict(str(tmp_path / "retyped.parquet"))
    narrower = frame.assign(b=frame["b"].astype(np.float32))
    narrower.to_parquet(tmp_path / "narrower.parquet")
    np.testing.assert_array_equal(
        model.predict(str(tmp_path / "narrower.parquet")).to_numpy(), model.predict(narrower[["a", "b", "c"]])
    )


def test_misuse_is_told(model: Any, path: str, tmp_path: Path) -> None:
    predictions = model.predict(path)
    assert "not yet computed" in repr(predictions)
    with pytest.raises(TypeError, match="to_numpy"):
        len(predictions)
    with pytest.raises(TypeError, match="to_numpy"):
        np.asarray(predictions)
    with pytest.raises(ParameterError, match="list of column names"):
        predictions.to_parquet(tmp_path / "out", keep="id")
    with pytest.raises(InputError, match='"ID"'):
        predictions.to_parquet(tmp_path / "out", keep=["ID"])
    with pytest.raises(InputError, match="not found"):
        predictions.batches(keep=["nothing"]).__next__()
    assert not (tmp_path / "out").exists()


def test_a_matrix_has_no_columns_to_keep(tmp_path: Path) -> None:
    (tmp_path / "x.svmlight").write_text("1 1:0.5\n0 2:1\n1 1:0.25\n")
    model = LogisticRegression().fit(str(tmp_path / "x.svmlight"), "target")
    for data in (str(tmp_path / "x.svmlight"), shardlearn.read(np.ones((3, 2)))):
        with pytest.raises(InputError, match=r'not found in the data: "target"(.|\n)*no names') as caught:
            model.predict(data).to_parquet(tmp_path / "out", keep=["target"])
        assert caught.value.code == "SL2101"
    assert [path.name for path in tmp_path.iterdir()] == ["x.svmlight"]


def test_a_kept_column_called_prediction_keeps_its_name(model: Any, frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.assign(prediction=1).to_parquet(tmp_path / "held.parquet")
    table = model.predict(str(tmp_path / "held.parquet")).to_arrow(keep=["prediction"])
    assert table.column_names == ["prediction", "prediction_"]


def test_scores_of_files_and_frames_are_one_number(model: Any, frame: pd.DataFrame, path: str) -> None:
    in_memory = model.score(frame[["a", "b", "c"]], frame["late"])
    assert model.score(path, y="late") == in_memory
    assert model.score(frame[["a", "b", "c", "late"]], y="late") == in_memory
    regressor = Ridge().fit(frame[["a", "b"]], frame["c"])
    scores = set()
    for workers in (1, 2, 5):
        with shardlearn.engine("threads", workers=workers):
            scores.add(regressor.score(path, y="c", sample_weight="id"))
    scores.add(regressor.score(frame[["a", "b"]], frame["c"], frame["id"]))
    assert len(scores) == 1
    with pytest.raises(InputError, match="different number of output"):
        regressor.score(frame[["a", "b"]], frame[["a", "c"]])


def test_a_source_of_a_frame_streams_and_is_matched_by_name(model: Any, frame: pd.DataFrame) -> None:
    wanted = model.predict_proba(frame[["a", "b", "c"]])
    for held in (frame, frame[["c", "late", "b", "a"]], pa.Table.from_pandas(frame[["c", "id", "b", "a"]])):
        streamed = model.predict_proba(shardlearn.read(held))
        assert isinstance(streamed, Predictions)
        np.testing.assert_array_equal(streamed.to_numpy(), wanted)
    with pytest.raises(InputError, match='"b"'):
        model.predict_proba(shardlearn.read(frame[["a", "c"]]))


def test_a_record_batch_has_names_too(frame: pd.DataFrame) -> None:
    batch = pa.RecordBatch.from_pandas(frame[["a", "b", "c"]].iloc[:500])
    model = Ridge().fit(batch, frame["a"].iloc[:500])
    assert list(model.feature_names_in_) == ["a", "b", "c"]
    np.testing.assert_array_equal(model.predict(batch), model.predict(frame[["a", "b", "c"]].iloc[:500]))
    with pytest.raises(InputError, match="same order"):
        model.predict(batch.select(["b", "a", "c"]))


def test_a_model_without_names_takes_columns_in_order_and_says_so(frame: pd.DataFrame, tmp_path: Path) -> None:
    X = frame[["a", "b", "c"]]
    X.to_parquet(tmp_path / "x.parquet")
    model = Ridge().fit(X.to_numpy(), frame["a"])
    with pytest.warns(UserWarning, match="X has feature names, but Ridge was fitted without feature names"):
        found = model.predict(str(tmp_path / "x.parquet"))
    np.testing.assert_array_equal(found.to_numpy(), model.predict(X.to_numpy()))
    frame[["a", "b", "c", "id"]].to_parquet(tmp_path / "y.parquet")
    with pytest.warns(UserWarning, match="has feature names"), pytest.raises(InputError, match="X has 4 features"):
        model.predict(str(tmp_path / "y.parquet"))


def test_sparse_files_with_fewer_columns_than_the_model(tmp_path: Path) -> None:
    (tmp_path / "train.svm").write_text("1 1:1 3:2\n0 2:1\n1 1:2 2:1\n0 2:2 3:1\n")
    (tmp_path / "test.svm").write_text("1 1:1\n0 2:1\n")
    model = LogisticRegression().fit(shardlearn.read(str(tmp_path / "train.svm"), format="svmlight"), "target")
    found = model.predict(shardlearn.read(str(tmp_path / "test.svm"), format="svmlight")).to_numpy()
    np.testing.assert_array_equal(found, model.predict(np.array([[1.0, 0, 0], [0, 1.0, 0]])))


@pytest.mark.parametrize("engine", ["threads", "serial"])
def test_what_takes_long_is_shown(path, model, tmp_path, monkeypatch, capsys, engine) -> None:
    monkeypatch.setattr(watching, "QUIET", -1.0)
    monkeypatch.setattr(progress, "FRAME", -1.0)
    data = shardlearn.read(path, columns=["a", "b", "c"])
    with shardlearn.engine(engine):
        model.predict(data).to_parquet(tmp_path / "p")
        predicted = capsys.readouterr().err
        model.score(data, "late")
        scored = capsys.readouterr().err
    for said, what in ((predicted, "predicting"), (scored, "scoring")):
        head, *_, last = said.splitlines()
        assert head.startswith(f"LogisticRegression, {what}   150,000 rows   ")
        assert re.search(rf"\nLogisticRegression, {what}:  150,000 of 150,000 rows  99 %", said)
        assert last.startswith(f"LogisticRegression, {what}: done; ")
    monkeypatch.setenv("SHARDLEARN_PROGRESS", "0")
    model.predict(data).to_numpy()
    assert capsys.readouterr().err == ""
