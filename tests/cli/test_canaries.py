"""No cell value reaches a log, an error, a report or an answer of the command line."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

WORD, NUMBER = "canary-ieWa3phu", 8_471_296_530_417_283_911
FLOAT = 7_391_824.625
SIGNS = (WORD, "ieWa3phu", str(NUMBER), f"{NUMBER:,}", "7391824", "7,391,824", "7.391824", "7.39182e", "8.47129")


@pytest.fixture
def birds(tmp_path) -> None:
    """A canary in each column, and what a fit can't use in most."""
    n = 300
    x, holes, infinite, weight = (np.linspace(0, 1, n) for _ in range(4))
    x[7], holes[3], holes[9], infinite[4], infinite[5], weight[6] = FLOAT, FLOAT, np.nan, FLOAT, np.inf, -FLOAT
    big = np.arange(n)
    big[11] = NUMBER
    table = pa.table(
        {
            "x": x,
            "holes": holes,
            "infinite": infinite,
            "big": big,
            "word": [WORD] * n,
            "y": [0, 1, 2] * (n // 3),
            "label": np.where(np.arange(n) % 2, WORD, "other"),
            "bad_label": pa.array([WORD, None] * (n // 2)),
            "weight": weight,
            "one": [WORD] * n,
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    pa_csv.write_csv(table, tmp_path / "t.csv")
    (tmp_path / "late.csv").write_text("x,y\n" + "1.5,0\n2.5,1\n" * 100 + f"{WORD},1\n{FLOAT},0\n")
    (tmp_path / "torn.csv").write_text(f"x,y\n1.5,0\n{FLOAT},{NUMBER},{WORD}\n")
    (tmp_path / "x.svmlight").write_text(f"1 1:{FLOAT}\n{WORD} 2:1\n")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:-300])


def said(call, *arguments: str) -> str:
    done = call(*arguments, "--debug")
    assert done.code in (0, 1), done.err
    return done.out + done.err


ALL = ("x", "holes", "infinite", "big", "word", "y", "label", "bad_label", "weight", "one")


@pytest.mark.parametrize("file", ["t.parquet", "t.csv", "late.csv", "torn.csv", "x.svmlight", "cut.parquet"])
def test_no_canary_leaves(call, birds, file, tmp_path) -> None:
    texts = [said(call, "inspect", "--data", file), said(call, "inspect", "--data", file, "--target", "y", "--json")]
    for number, (columns, target, weight) in enumerate(
        [
            *((name, "y", None) for name in ALL if name != "y"),
            ("x", "label", None),
            ("x", "bad_label", None),
            ("x", "one", None),
            ("x", "infinite", None),
            ("x", "y", "weight"),
            ("x", "y", "word"),
        ]
    ):
        fit = ("--data", file, "--columns", columns, "--target", target, "--out", f"m{number}")
        weighted = () if weight is None else ("--weight", weight)
        texts.append(said(call, "fit", "LogisticRegression", *fit, *weighted))
        texts.append(said(call, "fit", "Ridge", *fit, "--overwrite", "--json", *weighted))
    for run in tmp_path.glob("m*/run.json"):
        texts.append(run.read_text())
        texts.append(said(call, "report", str(run.parent)))
        texts.append(said(call, "evaluate", str(run.parent), "--data", file, "--weight", "weight"))
    for text in texts:
        assert not [sign for sign in SIGNS if sign in text], text
        assert "this is a fault of shardlearn" not in text, text


def test_a_report_that_is_sent_elsewhere_holds_no_values(call, birds, tmp_path) -> None:
    import shardlearn
    from shardlearn.linear_model import LogisticRegression

    fitted = LogisticRegression().fit(shardlearn.read(str(tmp_path / "t.parquet"), columns=["x"]), y="label")
    assert WORD not in json.dumps(fitted.report_.to_dict())
    assert WORD.encode() not in pickle.dumps(fitted.report_)
    assert WORD not in fitted.report_._repr_html_()


def test_a_checkpoint_is_refused_without_values(call, birds, tmp_path) -> None:
    kept = (
        "fit",
        "LogisticRegression",
        "t.parquet",
        "--columns",
        "x",
        "--checkpoint",
        "c",
        "--out",
        "m",
        "--overwrite",
    )
    texts = [said(call, *kept, "--target", "label")]
    (tmp_path / "t.parquet").touch()
    texts += [said(call, *kept, "--target", "label"), said(call, *kept, "--target", "one"), said(call, "resume", "c")]
    assert "found : data: " in texts[1]
    assert "--target: label then, one now" in texts[2]
    texts.append((tmp_path / "c" / "command.json").read_text())
    texts += [path.read_text() for path in (tmp_path / "c").rglob("identity*.json")]
    assert not [text for text in texts for sign in SIGNS if sign in text]
