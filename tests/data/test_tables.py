"""Tables in memory: the same blocks as the array with the same values."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tests.data.rows import blocks, features, labels, rng, same

from shardlearn.core.errors import InputTypeError
from shardlearn.data import Spec, lay_out, read

X = rng.standard_normal((5000, 70))
NAMES = [f"c{j}" for j in range(70)]
Y = np.where(X[:, 0] > 0, "yes", "no")
W = np.abs(X[:, 1])
ARROW = pa.table({**dict(zip(NAMES, X.T, strict=True)), "y": Y, "w": W})
PANDAS = pd.DataFrame(X, columns=NAMES).assign(y=Y, w=W)
POLARS = pl.DataFrame({**dict(zip(NAMES, X.T, strict=True)), "y": Y, "w": W})
REFERENCE = blocks(lay_out(X, Y, W))


@pytest.mark.parametrize(
    "given",
    [
        ARROW,
        PANDAS,
        POLARS,
        nw.from_native(POLARS),
        nw.from_native(PANDAS),
        pa.Table.from_batches(ARROW.to_batches(max_chunksize=37)),
        ARROW.combine_chunks().to_batches()[0],
        PANDAS.convert_dtypes(dtype_backend="pyarrow"),
        PANDAS.astype({"y": "category"}),
        POLARS.with_columns(pl.col("y").cast(pl.Categorical)),
        pickle.loads(pickle.dumps(ARROW)),
    ],
    ids=lambda given: type(given).__module__.split(".")[0] + "." + type(given).__name__,
)
def test_same_blocks_as_the_array(given: Any) -> None:
    laid = lay_out(given, "y", "w")
    assert laid.names == tuple(NAMES)
    assert laid.in_memory
    assert laid.y_kind == "str"
    same(blocks(laid), REFERENCE)


def test_y_and_weight_as_arrays() -> None:
    same(blocks(lay_out(ARROW.select(NAMES), Y, W)), REFERENCE)


def test_pickled_blocks_read_the_same() -> None:
    laid = pickle.loads(pickle.dumps(lay_out(ARROW, "y", "w")))
    same(blocks(laid), REFERENCE)


@pytest.mark.parametrize("first", [0, 1])
def test_any_stretch_of_blocks(first: int) -> None:
    laid = lay_out(ARROW, "y", "w")
    numbers = list(laid.grid.blocks)
    whole = dict(zip(numbers, REFERENCE, strict=True))
    for wanted in (numbers[first:], numbers[first::2], [numbers[first]]):
        got = list(laid.blocks.read(wanted, emit=lambda _: None))
        assert [number for number, _ in got] == wanted
        same([block for _, block in got], [whole[number] for number in wanted])
    assert list(laid.blocks.read([], emit=lambda _: None)) == []


def test_chosen_columns() -> None:
    laid = lay_out(ARROW, "y", spec=Spec(columns=["c5", "c1"]))
    assert laid.names == ("c5", "c1")
    assert np.array_equal(features(laid), X[:, [5, 1]])
    assert "w" in laid.ignored
    assert "c0" in laid.ignored
    left = lay_out(ARROW, "y", spec=Spec(drop_columns=["w", *NAMES[2:]]))
    assert left.names == ("c0", "c1")
    assert lay_out(read(ARROW, columns=["c3"]), "y").names == ("c3",)
    assert lay_out(read(ARROW, columns=["c3", "y"]), "y").names == ("c3",)


def test_features_are_matched_by_name_in_fitted_order() -> None:
    turned = ARROW.select(["w", *NAMES[::-1]])
    laid = lay_out(turned, spec=Spec(fitted=NAMES))
    assert np.array_equal(features(laid), X)
    assert laid.ignored == ("w",)
    with pytest.raises(ValueError, match='not found in the data: "c69"') as caught:
        lay_out(turned.rename_columns(["w", "c069", *NAMES[:-1][::-1]]), spec=Spec(fitted=NAMES))
    assert 'did you mean "c069" for "c69"?' in str(caught.value)
    retyped = turned.set_column(1, "c69", pa.array(["x"] * 5000))
    with pytest.raises(ValueError, match='could not convert string to float: column "c69"'):
        lay_out(retyped, spec=Spec(fitted=NAMES))


def test_kept_columns() -> None:
    given = ARROW.append_column("id", pa.array(range(5000))).append_column("when", pa.array([None] * 5000, pa.date32()))
    laid = lay_out(given, "y", spec=Spec(columns=["c0"], keep=["id", "when", "c1", "y"]))
    (block,) = blocks(laid)
    assert block.extra["keep/id"].tolist() == list(range(5000))
    assert block.extra["keep/when"].tolist() == [None] * 5000
    assert np.array_equal(block.extra["keep/c1"], X[:, 1])
    assert block.extra["keep/y"].tolist() == Y.tolist()
    assert set(laid.empty().extra) == set(block.extra)


def test_dropped_rows_and_labels() -> None:
    given = PANDAS.copy()
    given.loc[3, "c1"] = np.nan
    given.loc[4, "y"] = None
    given.loc[4500, "w"] = np.nan
    laid = lay_out(given, "y", "w", Spec(missing="drop", keep=["c2"]))
    first, second = blocks(laid)
    assert first.row_ids()[:4].tolist() == [0, 1, 2, 5]
    assert first.extra["keep/c2"][3] == X[5, 2]
    assert dict(zip(laid.columns, first.dropped.columns.tolist(), strict=True)) == dict.fromkeys(NAMES, 0) | {
        "c1": 1,
        "y": 1,
        "w": 0,
    }
    assert second.dropped.columns[-1] == 1
    assert labels(laid).dtype.kind == "U"


def test_float32_only_where_every_feature_is() -> None:
    short = ARROW.select(["c0", "c1"]).cast(pa.schema([("c0", pa.float32()), ("c1", pa.float16())]))
    assert lay_out(short).dtype == "float32"
    assert lay_out(short.append_column("i", pa.array([1] * 5000))).dtype == "float64"
    assert lay_out(short, spec=Spec(dtype="float64")).dtype == "float64"
    same(blocks(lay_out(short)), blocks(lay_out(short.to_pandas())))


def test_pandas_without_names_is_a_matrix() -> None:
    laid = lay_out(pd.DataFrame(X))
    assert laid.names is None
    assert np.array_equal(features(laid), X)
    with pytest.raises(InputTypeError, match="Feature names are only supported if all input features have string"):
        lay_out(pd.DataFrame(X[:, :2], columns=["a", 1]))


@pytest.mark.parametrize("given", [PANDAS["c0"], POLARS["c0"]], ids=["pandas", "polars"])
def test_a_series_is_no_table(given: Any) -> None:
    with pytest.raises(ValueError, match="Expected a 2-dimensional container but got"):
        lay_out(given)


def test_lazy_frames_say_what_to_do() -> None:
    with pytest.raises(InputTypeError, match=r"LazyFrame can't be read yet(.|\n)*sink_parquet"):
        lay_out(POLARS.lazy())


def test_len_and_repr() -> None:
    with pytest.raises(TypeError, match=r"fit --holdout 0\.1`; source\.count\(\) is the number"):
        len(read(PANDAS))
    assert repr(read(PANDAS)) == (
        "<shardlearn TableSource pandas.DataFrame of 5,000 rows: 72 columns: c0, c1, c2, c3, c4, c5, ...>"
    )


def test_other_libraries_are_never_imported() -> None:
    code = (
        "import sys, numpy as np, shardlearn.data as d; d.lay_out(np.ones((3, 2)), [1, 2, 3]).empty();"
        "assert not {'pandas', 'polars', 'narwhals'} & set(sys.modules), 'imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_foreign_streams_are_read_once() -> None:
    class Stream:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            raise AssertionError("not asked for")

    for given in (Stream(), ARROW.to_reader()):
        with pytest.raises(InputTypeError, match=r'can be read only once(.|\n)*cache="disk"'):
            lay_out(given)
