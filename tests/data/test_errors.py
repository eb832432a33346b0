"""Bad tables: each an exact error, the same for any number of workers, with no cell's value in it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from tests.data.rows import blocks, features, surveyed

from shardlearn.core.errors import InputError, ShardlearnError
from shardlearn.core.tree import Counter, Tree
from shardlearn.data import Spec, inspect, lay_out, read, verify
from shardlearn.data.files import why
from shardlearn.statistics.survey import Survey

N, P = 20_000, 64  # blocks of 8,192 rows
CLEAN = {f"c{j}": np.full(N, float(j)) for j in range(P)} | {"y": np.arange(N) % 2 + 0.0, "w": np.ones(N)}


def table(**changes: Any) -> Any:
    return pa.table({**CLEAN, **changes})


def holes(rows: list[int], value: float = np.nan, base: float = 1.0) -> Any:
    column = np.full(N, base)
    column[rows] = value
    return column


Maker = Callable[[Any, Path], Any]


def as_parquet(data: Any, folder: Path) -> str:
    pq.write_table(data, folder / "t.parquet", row_group_size=3000)
    return str(folder / "t.parquet")


def as_csv(data: Any, folder: Path) -> str:
    pyarrow.csv.write_csv(data, folder / "t.csv")
    return str(folder / "t.csv")


MAKERS: dict[str, Maker] = {
    "arrow": lambda data, folder: data,
    "pandas": lambda data, folder: data.to_pandas(),
    "polars": lambda data, folder: pl.from_arrow(data),
    "parquet": as_parquet,
    "csv": as_csv,
}
DROP_FIX = (
    'shardlearn.read(..., missing="drop") or --missing drop leaves such rows out, or fill them, or leave out the '
    "columns (drop_columns=, --drop-columns)"
)


@pytest.mark.parametrize("maker", MAKERS)
def test_missing_values(maker: str, tmp_path: Path) -> None:
    data = MAKERS[maker](table(c3=holes([9000, 9001]), c5=holes([7, 19_999])), tmp_path)
    with pytest.raises(InputError) as caught:
        surveyed(data, "y", "w")
    file = "" if maker not in ("parquet", "csv") else f"{data}, "
    assert caught.value.headline == (
        "shardlearn.InputError [SL2103]: Input X contains NaN.\n"
        f'  where : {file}column "c3"; first at row 9,000 (2 rows), counting from 0\n'
        f'          {file}column "c5"; first at row 7 (2 rows)\n'
        "  found : 4 missing values in 2 columns\n"
        "  needed: finite numbers in all columns\n"
        f"  fix   : {DROP_FIX}"
    )
    assert surveyed(data, "y", "w", Spec(missing="drop")).dropped == 4


@pytest.mark.parametrize("maker", MAKERS)
def test_infinite_values(maker: str, tmp_path: Path) -> None:
    data = MAKERS[maker](table(c3=holes([9000], np.inf), c5=holes([7, 19_999], -np.inf)), tmp_path)
    for spec in (Spec(), Spec(missing="drop")):
        with pytest.raises(InputError) as caught:
            surveyed(data, "y", "w", spec)
        assert caught.value.first == "Input X contains infinity or a value too large for dtype('float64')."
        assert caught.value.code == "SL2104"
        assert caught.value.found == "3 infinite values in 2 columns"
        assert 'column "c3"; first at row 9,000 (1 row)' in caught.value.where
        assert 'column "c5"; first at row 7 (2 rows)' in caught.value.where


Y_AND_WEIGHT = [
    ("y", holes([5]), "SL2301", "Input y contains NaN.", "1 missing value"),
    (
        "y",
        holes([5], np.inf),
        "SL2302",
        "Input y contains infinity or a value too large for dtype('float64').",
        "1 inf",
    ),
    ("w", holes([5, 6]), "SL2304", "Input sample_weight contains NaN.", "2 missing values"),
    ("w", holes([5], np.inf), "SL2304", "Input sample_weight contains infinity or a value too", "1 infinite value"),
    ("w", holes([5, 6], -1), "SL2303", "Negative values in data passed to `sample_weight`.", "2 negative values"),
    ("w", np.zeros(N), "SL2305", "Sample weights must contain at least one non-zero number.", "20,000 weights, all"),
]


@pytest.mark.parametrize(("name", "values", "code", "first", "found"), Y_AND_WEIGHT)
@pytest.mark.parametrize("maker", MAKERS)
def test_y_and_weights(maker: str, name: str, values: Any, code: str, first: str, found: str, tmp_path: Path) -> None:
    given = MAKERS[maker](table(**{name: values}), tmp_path)
    arrays = dict(CLEAN, **{name: values})
    (tmp_path / "bare").mkdir()
    bare = MAKERS[maker](table().drop_columns(["y", "w"]), tmp_path / "bare")
    for data, y, w, named in ((given, "y", "w", True), (bare, arrays["y"], arrays["w"], False)):
        with pytest.raises(InputError) as caught:
            surveyed(data, y, w)
        assert caught.value.code == code
        assert caught.value.first.startswith(first)
        assert caught.value.found.startswith(found)
        assert (f'column "{name}"' in caught.value.where) == named


@pytest.mark.parametrize("maker", MAKERS)
def test_strings_where_numbers_are_needed(maker: str, tmp_path: Path) -> None:
    data = MAKERS[maker](table(c1=["secret"] * N, c2=["secret"] * N), tmp_path)
    with pytest.raises(InputError) as caught:
        lay_out(data, "y")
    assert caught.value.first == 'could not convert string to float: columns "c1", "c2"'
    assert caught.value.code == "SL2105"
    assert caught.value.found == "2 columns of kind string"
    assert "secret" not in str(caught.value)
    assert lay_out(data, "y", spec=Spec(drop_columns=["c1", "c2"])).n_features == P - 1


def test_text_far_down_in_a_column_of_numbers_is_placed(tmp_path: Path) -> None:
    rows = [f"{i},{i}.5,word" for i in range(N)]
    rows[15_000] = "secret,1,word"
    rows[3] = ",1,word"
    (tmp_path / "t.csv").write_text("\n".join(["c1,c2,c3", *rows]) + "\n")
    late = f'"c1" holds numbers up to {tmp_path}/t.csv, row 15,000, counting from 0'
    with pytest.raises(InputError) as caught:
        lay_out(read(tmp_path / "t.csv", drop_columns=["c3"]))
    assert caught.value.found == f"1 column of kind string; {late}"
    assert caught.value.fix.endswith('shardlearn.read(..., drop_columns=["c1"]) or --drop-columns c1')
    assert "secret" not in str(caught.value)
    with pytest.raises(InputError) as caught:
        lay_out(read(tmp_path / "t.csv", columns=["c3", "c2"]))
    assert caught.value.found == "1 column of kind string"
    (reason,) = inspect(read(tmp_path / "t.csv")).reasons
    assert reason.where == f"c1, c3\n{late}"


@pytest.mark.parametrize("maker", MAKERS)
def test_missing_string_labels(maker: str, tmp_path: Path) -> None:
    words = pa.array([None if i in (3, 9000) else "ab"[i % 2] for i in range(N)])
    data = MAKERS[maker](table(y=words), tmp_path)
    with pytest.raises(InputError) as caught:
        surveyed(data, "y")
    assert caught.value.first == "Input y contains NaN."
    assert 'column "y"; first at row 3 (2 rows)' in caught.value.where
    assert caught.value.found == "2 missing values"
    assert surveyed(data, "y", spec=Spec(missing="drop")).dropped == 2


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("value", [2**53 + 1, -(2**60)])
def test_integers_beyond_what_float64_holds(maker: str, value: int, tmp_path: Path) -> None:
    ids = np.arange(N)
    ids[[8192, 19_999]] = value
    ids[5] = 2**53
    data = MAKERS[maker](table(c4=ids, c5=np.arange(N)), tmp_path)
    with pytest.raises(InputError) as caught:
        surveyed(data, "y")
    assert caught.value.first == "Input X contains an integer beyond 2**53, which float64 does not hold exactly."
    assert caught.value.code == "SL2108"
    assert caught.value.where.endswith('column "c4"; first at row 8,192 (2 rows), counting from 0')
    assert caught.value.found == "1 column with such values"
    assert str(abs(value)) not in str(caught.value)
    with pytest.raises(InputError, match="beyond"):
        surveyed(data, "y", "c4")


def test_integers_beyond_int64_in_csv(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"a,b\n1,{10**30}\n")
    with pytest.raises(InputError, match="beyond") as caught:
        lay_out(tmp_path / "t.csv")
    assert caught.value.code == "SL2108"
    assert "1000000" not in str(caught.value)


def test_counts_over_files(tmp_path: Path) -> None:
    whole = table(c3=holes([100, 6000, 6001, 15_000]))
    for number in range(4):
        pq.write_table(whole.slice(5000 * number, 5000), tmp_path / f"{number}.parquet")
    with pytest.raises(InputError) as caught:
        surveyed(tmp_path, "y")
    assert (
        caught.value.where
        == f'{tmp_path}/0.parquet, column "c3"; first at row 100 (4 rows in 3 files), counting from 0'
    )


def test_five_places_and_how_many_more() -> None:
    with pytest.raises(InputError) as caught:
        surveyed(table(**{f"c{j}": holes([j]) for j in range(9)}), "y")
    assert caught.value.where.count("first at row") == 5
    assert caught.value.where.endswith("and 4 more columns")
    assert caught.value.where.count("counting from 0") == 1
    assert caught.value.found == "9 missing values in 9 columns"


@pytest.mark.parametrize("cuts", [[], [1], [2], [1, 2]])
def test_the_same_words_for_any_workers(cuts: list[int], tmp_path: Path) -> None:
    data = as_parquet(table(c3=holes([100, 9000, 19_000]), c9=holes([19_999], np.inf)), tmp_path)
    laid = lay_out(data, "y")
    survey = Survey(laid)
    tree = Tree(survey.merge, 0, laid.grid.stop_block)
    edges = [0, *cuts, laid.grid.stop_block]
    for start, stop in reversed(list(pairwise(edges))):
        counter = Counter(survey.merge, start)
        for number, block in pickle.loads(pickle.dumps(laid.blocks)).read(range(start, stop), emit=lambda _: None):
            counter.push(number, survey.of(block))
        tree.add(counter.finish(stop))
    with pytest.raises(InputError) as caught:
        verify.check(laid, tree.root())
    with pytest.raises(InputError) as serial:
        surveyed(data, "y")
    assert str(caught.value) == str(serial.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(serial.value)


@pytest.mark.parametrize(
    ("names", "words", "fix"),
    [
        (["c1", "C2", "incom"], 'Columns not found in the data: "C2", "incom"', 'did you mean "c2" for "C2"?'),
        ([f"x{i}" for i in range(9)], '"x0", "x1", "x2", "x3", "x4" and 4 more', "`shardlearn inspect` lists"),
    ],
)
def test_wrong_names(names: list[str], words: str, fix: str) -> None:
    with pytest.raises(InputError) as caught:
        lay_out(table(), "y", spec=Spec(columns=names))
    assert words in caught.value.first
    assert caught.value.fix.startswith(fix)
    assert caught.value.code == "SL2101"


def test_other_wrong_names() -> None:
    for kind, make in {
        "Column not found": lambda: lay_out(table(), "late"),
        "Column not found in": lambda: lay_out(table(), "y", "weights"),
        "Columns to drop not found": lambda: lay_out(table(), "y", spec=Spec(drop_columns=["nope"])),
        "Columns to keep not found": lambda: lay_out(table(), "y", spec=Spec(keep=["nope"])),
        "Features that the model was fitted on not found": lambda: lay_out(table(), spec=Spec(fitted=["c1", "nope"])),
        "Column names are not unique": lambda: lay_out(table(), spec=Spec(columns=["c1", "c1"])),
        r"Found array with 0 feature\(s\) \(shape=\(20000, 0\)\)": lambda: lay_out(
            table(), "y", spec=Spec(columns=["y"])
        ),
    }.items():
        with pytest.raises(InputError, match=kind):
            make()


@pytest.mark.parametrize("maker", MAKERS)
def test_lengths(maker: str, tmp_path: Path) -> None:
    data = MAKERS[maker](table().drop_columns(["y", "w"]), tmp_path)
    with pytest.raises(InputError, match=r"inconsistent numbers of samples: \[20000, 19999\]"):
        lay_out(data, np.zeros(N - 1))
    with pytest.raises(InputError, match=r"sample_weight.shape == \(19999,\), expected \(20000,\)!"):
        lay_out(data, None, np.zeros(N - 1))


@pytest.mark.parametrize("maker", MAKERS)
def test_no_rows(maker: str, tmp_path: Path) -> None:
    data = MAKERS[maker](table().slice(0, 0), tmp_path)
    with pytest.raises(InputError, match=r"Found array with 0 sample\(s\) \(shape=\(0, 65\)\) while a minimum of 1 is"):
        lay_out(data, "y")


def test_all_rows_dropped() -> None:
    with pytest.raises(InputError, match=r"0 sample\(s\) \(all of 20,000 rows were dropped\)"):
        surveyed(table(c1=pa.nulls(N)), "y", spec=Spec(missing="drop"))


def test_null_typed_y() -> None:
    with pytest.raises(InputError, match=r"Input y contains NaN\.(.|\n)*no value in any row"):
        lay_out(table(y=pa.nulls(N)), "y")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-300])


def garbage(path: Path) -> None:
    path.write_bytes(b"PAR1" + b"secret" * 100 + b"PAR1")


def damaged(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[1000:50_000] = bytes(49_000)
    path.write_bytes(raw)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (cut, "magic bytes not found|the file"),
        (garbage, ""),
        (damaged, ""),
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_bytes(b"PAR1"), ""),
    ],
    ids=["cut", "garbage", "damaged", "empty", "four bytes"],
)
def test_broken_parquet(damage: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0).standard_normal(N)
    path = Path(as_parquet(table(c0=random, c1=random), tmp_path))
    damage(path)
    with pytest.raises(InputError, match=r"Can't read .*t\.parquet") as caught:
        features(lay_out(path, "y"))
    assert caught.value.code in ("SL2202", "SL2203")
    assert str(path) in caught.value.where
    assert "secret" not in str(caught.value)
    assert words == "" or any(word in str(caught.value) for word in words.split("|"))


def test_drift(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1.0], "b": [2.0]}), tmp_path / "1.parquet")
    for other, first, second in (
        (pa.table({"a": [1.0], "b": ["secret"]}), "float in the first", "string in the second"),
        (pa.table({"a": [1.0], "b": [True]}), "float in the first", "bool in the second"),
        (pa.table({"a": [1.0]}), "float in the first", "no such column in the second"),
    ):
        pq.write_table(other, tmp_path / "2.parquet")
        with pytest.raises(InputError) as caught:
            lay_out(tmp_path)
        assert caught.value.headline == (
            'shardlearn.InputError [SL2107]: The files do not agree on column "b".\n'
            f"  where : {tmp_path}/1.parquet and {tmp_path}/2.parquet\n"
            f"  found : {first}, {second}\n"
            "  needed: one kind of values in all files\n"
            "  fix   : mend the file, or leave the column out (drop_columns=, --drop-columns b)"
        )
        assert features(lay_out(read(tmp_path, columns=["a"]))).tolist() == [[1], [1]]
    pq.write_table(pa.table({"a": [1.0], "b": [2.0], "c": [3.0]}), tmp_path / "2.parquet")
    with pytest.raises(InputError, match='column "c"'):
        lay_out(tmp_path)
    assert lay_out(tmp_path, spec=Spec(fitted=["b", "a"])).names == ("b", "a")


def test_dropping_a_column_mends_drift(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1.0], "b": [2.0]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": [1.0], "b": ["x"], "c": [1]}), tmp_path / "2.parquet")
    assert features(lay_out(read(tmp_path, drop_columns=["b", "c"]))).tolist() == [[1], [1]]


def test_no_foreign_words() -> None:
    assert why(OSError(5, "Input/output error")) == "Input/output error"
    assert why(pa.ArrowInvalid("conversion of 'secret' failed")) == "ArrowInvalid"
    assert issubclass(ShardlearnError, Exception)


def test_label_kinds_that_are_none() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "y": pd.to_datetime(["2013-01-01", "2013-01-02"])})
    with pytest.raises(InputError, match=r'Unknown label type: timestamp \(column "y"\)'):
        lay_out(frame, "y")
    assert len(blocks(lay_out(frame[["a"]], [1, 2]))) == 1
