"""The verbs on real files: fit, evaluate, predict, report."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn import metrics as sk

import shardlearn
from shardlearn.linear_model import LogisticRegression, Ridge

FEATURES = ["a", "b", "c"]


def test_a_workflow(call, data, csv, tmp_path, table) -> None:
    fitted = call(
        *("fit", "linear_model.LogisticRegression", "--data", "data/*.parquet", "--target", "late"),
        *("--columns", "a,b,c", "--set", "C=0.1", "--set", "class_weight=balanced", "--out", "runs/x"),
    )
    assert fitted.code == 0, fitted.err
    assert fitted.err == ""
    assert "LogisticRegression saved in runs/x" in fitted.out
    assert "converged after" in fitted.out
    model = shardlearn.load(tmp_path / "runs/x")
    assert (model.C, model.class_weight) == (0.1, "balanced")
    direct = LogisticRegression(C=0.1, class_weight="balanced")
    direct.fit(shardlearn.read(str(data), columns=FEATURES), y="late")
    assert shardlearn.fingerprint(model) == shardlearn.fingerprint(direct)
    assert shardlearn.fingerprint(model)[:16] in fitted.out

    measured = call("evaluate", "runs/x", "--data", str(csv), "--json")
    assert measured.code == 0, measured.err
    p = model.predict_proba(table.select(FEATURES).to_pandas())[:, 1]
    y = table["late"].to_numpy()
    found = measured.json["metrics"]
    assert found["rows"] == 3000
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(y, p > 0.5), rel=1e-12)
    assert found["log_loss"] == pytest.approx(sk.log_loss(y, p), rel=1e-12)
    assert found["brier"] == pytest.approx(sk.brier_score_loss(y, p), rel=1e-12)
    assert found["auc"] == pytest.approx(sk.roc_auc_score(y, p), rel=1e-12)

    predicted = call("predict", "runs/x", "--data", "data", "--keep", "id,late", "--out", "scores")
    assert predicted.code == 0, predicted.err
    assert "3,000 rows predicted" in predicted.out
    scores = pq.read_table(tmp_path / "scores")
    assert scores.column_names == ["id", "late", "prediction", "probability_False", "probability_True"]
    assert scores["id"].to_pylist() == table["id"].to_pylist()
    assert np.array_equal(scores["probability_True"].to_numpy(), p)

    told = call("report", "runs/x")
    assert told.code == 0
    assert "Report of LogisticRegression" in told.out
    assert "target       late" in told.out
    run = json.loads((tmp_path / "runs/x/run.json").read_text())
    assert call("report", "runs/x", "--json").json["report"] == run["report"]


def test_rows_kept_aside_are_the_same_in_any_layout_and_not_trained_on(call, data, csv, tmp_path, table) -> None:
    found = []
    for source, workers, out in ((str(data), "1", "p"), (str(csv), "2", "c")):
        done = call(
            *("fit", "Ridge", "--data", source, "--target", "delay", "--columns", "a,b,c", "--weight", "w"),
            *("--holdout", "0.25", "--workers", workers, "--out", out, "--json"),
        )
        assert done.code == 0, done.err
        found.append(done.json)
    one, other = found
    assert one["fingerprint"] == other["fingerprint"]
    assert one["holdout"] == other["holdout"]
    n = one["holdout"]["rows"]
    assert n + one["report"]["rows"] == 3000
    assert 600 < n < 900
    X, y, w = (np.stack([table[c].to_numpy() for c in names], axis=1) for names in (FEATURES, ["delay"], ["w"]))
    whole = Ridge().fit(X, y[:, 0], w[:, 0])
    assert shardlearn.fingerprint(whole) != one["fingerprint"]
    assert one["holdout"]["r2"] == pytest.approx(whole.score(X, y[:, 0], w[:, 0]), abs=0.05)


def test_several_classes_and_several_files_after_one_flag(call, data, tmp_path) -> None:
    files = sorted(str(path) for path in data.iterdir())
    done = call(
        *("fit", "LogisticRegression", "--data", *files, "--target", "carrier", "--drop-columns", "id,late"),
        *("--drop-columns", "delay", "--drop-columns", "w", "--out", "m", "--json"),
    )
    assert done.code == 0, done.err
    assert shardlearn.load(tmp_path / "m").feature_names_in_.tolist() == FEATURES
    scores = call("evaluate", "m", "--data", *files, "--json").json["metrics"]
    assert scores["auc"] is None
    assert 0.4 < scores["accuracy"] <= 1
    assert scores["log_loss"] > 0
    text = call("evaluate", "m", "--data", *files).out
    assert "AUC" not in text
    assert "log loss" in text


def test_a_name_with_a_comma_stands_in_double_quotes(call, tmp_path) -> None:
    columns = {"x": [1.0, 2.0, 4.0], "a,b": [1.0, 0.0, 2.0], '"q"': [3.0, 1.0, 1.0], "day, month": ["m", "t", "w"]}
    pq.write_table(pa.table({**columns, "y": [0.0, 1.0, 2.0]}), tmp_path / "t.parquet")
    fit = ("fit", "Ridge", "t.parquet", "--target", "y", "--overwrite", "--out", "m")
    refused = call(*fit, "--columns", "x,a,b")
    assert refused.code == 1
    assert """did you mean "a,b"? A flag takes that as '"a,b"'""" in refused.err
    refused = call(*fit)
    assert """--drop-columns '"day, month"'""" in refused.err
    assert """--drop-columns '"day, month"'""" in call("inspect", "t.parquet", "--target", "y").out
    assert call(*fit, "--columns", 'x, "a,b","""q"""').code == 0
    assert shardlearn.load(tmp_path / "m").feature_names_in_.tolist() == ["x", "a,b", '"q"']
    assert call(*fit, "--drop-columns", '"day, month",x').code == 0
    assert shardlearn.load(tmp_path / "m").feature_names_in_.tolist() == ["a,b", '"q"']
    assert call("predict", "m", "t.parquet", "--keep", '"day, month"', "--out", "p").code == 0
    assert pq.read_table(tmp_path / "p").column_names == ["day, month", "prediction"]


def test_paths_stand_anywhere(call, data, tmp_path) -> None:
    files = sorted(str(path) for path in data.iterdir())
    flags = ("--target", "delay", "--columns", "a,b,c")
    for out, arguments in enumerate(
        [
            ("--data", *files, *flags),
            (*files, *flags),
            (*flags, *files),
            (files[0], *flags, "--data", *files[1:]),
        ]
    ):
        done = call("fit", "Ridge", *arguments, "--out", f"m{out}")
        assert done.code == 0, done.err
    assert len({shardlearn.fingerprint(shardlearn.load(tmp_path / f"m{out}")) for out in range(4)}) == 1
    evaluated = [call("evaluate", "m0", *where, "--json").out for where in (files, ("--data", *files))]
    assert evaluated[0] == evaluated[1]
    assert call("predict", "m0", *files, "--out", "p").code == 0
    assert pq.read_table(tmp_path / "p").num_rows == 3000
    inspected = [call("inspect", *where, "--json").json["rows"] for where in (files, ("--data", *files))]
    assert inspected == [3000, 3000]


def test_evaluate_is_bit_identical_for_any_workers(call, data) -> None:
    fit = ("fit", "LogisticRegression", "--data", "data", "--target", "late", "--columns", "a,b,c", "--out", "m")
    assert call(*fit).code == 0
    said = {call("evaluate", "m", "--data", "data", "--weight", "w", "--workers", k, "--json").out for k in "123"}
    assert len(said) == 1


def test_rows_that_miss_a_value(call, tmp_path, table) -> None:
    holes = table.to_pandas()
    holes.loc[5, "a"] = None
    holes.loc[8, "delay"] = None
    holes.to_parquet(tmp_path / "holes.parquet")
    fit = ("fit", "Ridge", "--data", "holes.parquet", "--target", "delay", "--columns", "a,b,c", "--out", "m")
    refused = call(*fit)
    assert refused.code == 1
    assert "--missing drop" in refused.err
    assert not (tmp_path / "m").exists()
    done = call(*fit, "--missing", "drop")
    assert done.code == 0, done.err
    assert "dropped" in done.out
    assert "2 rows for missing values: a 1, delay 1" in done.out
    refused = call("evaluate", "m", "--data", "holes.parquet")
    assert refused.code == 1
    assert "NaN" in refused.err
    assert (
        call("evaluate", "m", "--data", "holes.parquet", "--missing", "drop", "--json").json["metrics"]["rows"] == 2998
    )


def test_labels_that_a_model_does_not_know(call, data, tmp_path, table) -> None:
    known = table.filter(np.array([c != "CC" for c in table["carrier"].to_pylist()]))
    pq.write_table(known, tmp_path / "known.parquet")
    fit = ("fit", "LogisticRegression", "--data", "known.parquet", "--target", "carrier", "--columns", "a,b,c")
    assert call(*fit, "--out", "m").code == 0
    done = call("evaluate", "m", "--data", "data")
    assert done.code == 0, done.err
    assert f"{3000 - known.num_rows:,} rows have a label that the model was not fitted on" in done.out


def test_config_names_each_origin(call, tmp_path) -> None:
    (tmp_path / "shardlearn.toml").write_text('memory = "1GB"\n')
    done = call("config", SHARDLEARN_WORKERS="3")
    assert done.code == 0
    lines = {line.split()[0]: line for line in done.out.splitlines()}
    assert "3" in lines["workers"]
    assert "SHARDLEARN_WORKERS" in lines["workers"]
    assert str(tmp_path / "shardlearn.toml") in lines["memory"]
    assert "default" in lines["engine"]
    assert call("config", "--json").json["settings"]["memory"]["value"] == "1GB"


def test_a_model_is_saved_although_the_rows_kept_aside_can_not_be_measured(call, tmp_path, table) -> None:
    from shardlearn.cli.holdout import split

    pq.write_table(table, tmp_path / "t.parquet")
    _, held = split(shardlearn.read(str(tmp_path / "t.parquet")), 0.1)
    holes = table.to_pandas()
    holes.loc[held.position(3), "a"] = None
    holes.to_parquet(tmp_path / "holes.parquet")
    fit = ("fit", "Ridge", "--data", "holes.parquet", "--target", "delay", "--columns", "a,b", "--holdout", "0.1")
    done = call(*fit, "--out", "m")
    assert done.code == 1
    assert "[SL2103]" in done.err
    assert "Ridge saved in m" in done.out
    assert shardlearn.load(tmp_path / "m").coef_.shape == (2,)


def test_svmlight_and_text_where_numbers_are_needed(call, data, tmp_path) -> None:
    draw = np.random.default_rng(0)
    rows = [f"{int(a + b > 0)} 1:{a} 3:{b}\n" for a, b in draw.normal(size=(300, 2))]
    (tmp_path / "x.svmlight").write_text("".join(rows))
    fit = ("fit", "LogisticRegression", "--data", "x.svmlight", "--target", "target", "--out", "m")
    assert call(*fit).code == 0
    assert call("evaluate", "m", "--data", "x.svmlight", "--json").json["metrics"]["accuracy"] > 0.95
    (tmp_path / "zero.svm").write_text("".join(rows).replace(" 1:", " 0:"))
    refused = call("fit", "LogisticRegression", "zero.svm", "--target", "target", "--out", "z")
    assert refused.code == 1
    assert "--zero-based" in refused.err
    zero = ("--zero-based", "--n-features", "5")
    assert call("fit", "LogisticRegression", "zero.svm", "--target", "target", "--out", "z", *zero).code == 0
    assert shardlearn.load(tmp_path / "z").coef_.shape == (1, 5)
    assert call("evaluate", "z", "zero.svm", "--zero-based", "--json").json["metrics"]["accuracy"] > 0.95
    assert call("fit", "Ridge", "--data", "data", "--target", "delay", "--columns", "a,b,c", "--out", "r").code == 0
    refused = call("evaluate", "r", "--data", "data", "--target", "carrier")
    assert refused.code == 1
    assert "[SL2903]" in refused.err


def test_as_a_program(spawn, data, tmp_path) -> None:
    done = spawn("fit", "Ridge", "--data", "data", "--target", "delay", "--columns", "a,b", "--out", "m", "--json")
    assert done.code == 0
    assert done.err == ""
    assert done.json["out"] == "m"
    assert shardlearn.fingerprint(shardlearn.load(tmp_path / "m")) == done.json["fingerprint"]
    assert spawn("report", "nowhere").code == 1
    assert spawn("--version").out.strip() == shardlearn.__version__
