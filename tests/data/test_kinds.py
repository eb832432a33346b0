"""The table of column kinds, row by row: taken as what it says, or refused with the words that mend it."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.data.rows import features, labels

from shardlearn.core.errors import InputError
from shardlearn.data import Spec, lay_out
from shardlearn.data.kinds import BY_KIND, OTHERS, TABLE, columns_of, kind_of
from shardlearn.data.schema import Column, Kind, Schema

DAY = datetime.date(2013, 1, 2)
MOMENT = datetime.datetime(2013, 1, 2, 3)
SECOND = datetime.timedelta(seconds=90)

# Values of each kind in every Arrow type that the table names, and what features and labels must be.
EXAMPLES: dict[Kind, tuple[list[Any], list[float] | None, list[Any] | None]] = {
    Kind.BOOL: ([pa.array([True, False])], [1, 0], [True, False]),
    Kind.INTEGER: (
        [pa.array([5, 7], f"{u}int{b}") for u in ("", "u") for b in (8, 16, 32, 64)]
        + [pa.array([5, 7]).dictionary_encode()],
        [5, 7],
        [5, 7],
    ),
    Kind.FLOAT: ([pa.array([0.5, 7]), pa.array([0.5, 7]).dictionary_encode()], [0.5, 7], [0.5, 7]),
    Kind.SHORT_FLOAT: ([pa.array([0.5, 7], pa.float32()), pa.array([0.5, 7], pa.float16())], [0.5, 7], [0.5, 7]),
    Kind.DECIMAL: (
        [pa.array([Decimal("0.1"), Decimal(7)], make(5, 1)) for make in (pa.decimal32, pa.decimal64, pa.decimal128)]
        + [pa.array([Decimal("0.1"), Decimal(7)], pa.decimal256(50, 1))],
        [0.1, 7],
        [0.1, 7],
    ),
    Kind.DURATION: (
        [pa.array([SECOND, 2 * SECOND], pa.duration(u)) for u in ("s", "ms", "us", "ns")],
        [90, 180],
        [90, 180],
    ),
    Kind.TIME: (
        [pa.array([datetime.time(1), datetime.time(2)], t) for t in (pa.time32("s"), pa.time32("ms"), pa.time64("us"))],
        [3600, 7200],
        [3600, 7200],
    ),
    Kind.DATE: ([pa.array([DAY, DAY], pa.date32()), pa.array([DAY, DAY], pa.date64())], None, None),
    Kind.TIMESTAMP: (
        [pa.array([MOMENT, MOMENT], pa.timestamp("us")), pa.array([MOMENT, MOMENT], pa.timestamp("ns", "UTC"))],
        None,
        None,
    ),
    Kind.STRING: (
        [pa.array(["u", "v"], t) for t in (pa.string(), pa.large_string(), pa.string_view())],
        None,
        ["u", "v"],
    ),
    Kind.CATEGORY: ([pa.array(["u", "v"]).dictionary_encode()], None, ["u", "v"]),
    Kind.BINARY: (
        [pa.array([b"u", b"v"], t) for t in (pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(1))],
        None,
        None,
    ),
    Kind.NESTED: (
        [
            pa.array([[1], [2]]),
            pa.array([{"a": 1}, {"a": 2}]),
            pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())),
        ],
        None,
        None,
    ),
    Kind.NULL: ([pa.nulls(2)], [np.nan, np.nan], None),
    Kind.OBJECT: (
        [pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0" * 16, b"1" * 16], pa.binary(16)))],
        None,
        None,
    ),
}
CASES = [(kind, column) for kind, (columns, _, _) in EXAMPLES.items() for column in columns]


def test_every_kind_stands_in_the_table_once() -> None:
    assert [row.kind for row in TABLE] == list(EXAMPLES)
    assert set(EXAMPLES) == set(Kind)
    for row in TABLE:
        assert row.feature or row.fix
        assert row.label or row.fix
        assert (row.y_kind or None) in (None, "int64", "bool", "float64", "str")
    assert len(OTHERS) == 7


@pytest.mark.parametrize(("kind", "column"), CASES, ids=lambda part: str(getattr(part, "type", part)))
def test_as_a_feature(kind: Kind, column: Any) -> None:
    assert kind_of(column.type) is kind
    data = pa.table({"a": [1.0, 2.0], "x": column})
    expected = EXAMPLES[kind][1]
    if BY_KIND[kind].feature:
        assert expected is not None
        assert np.array_equal(features(lay_out(data))[:, 1], expected, equal_nan=True)
        return
    assert expected is None
    with pytest.raises(InputError) as caught:
        lay_out(data)
    assert caught.value.code == ("SL2105" if kind in (Kind.STRING, Kind.CATEGORY) else "SL2106")
    assert '"x"' in caught.value.first
    assert caught.value.fix == BY_KIND[kind].fix.replace("[...]", '["x"]').replace("NAME", "x")
    assert lay_out(data.drop_columns("x")).names == ("a",)


@pytest.mark.parametrize(("kind", "column"), CASES, ids=lambda part: str(getattr(part, "type", part)))
def test_as_y(kind: Kind, column: Any) -> None:
    data = pa.table({"a": [1.0, 2.0], "x": column})
    expected = EXAMPLES[kind][2]
    if BY_KIND[kind].label:
        laid = lay_out(data, "x")
        assert laid.y_kind == BY_KIND[kind].y_kind
        assert labels(laid).tolist() == expected
        return
    assert expected is None
    with pytest.raises(InputError) as caught:
        lay_out(data, "x")
    assert caught.value.code in ("SL2301", "SL2306")


@pytest.mark.parametrize(("kind", "column"), CASES, ids=lambda part: str(getattr(part, "type", part)))
def test_as_a_weight(kind: Kind, column: Any) -> None:
    data = pa.table({"a": [1.0, 2.0], "x": column})
    if BY_KIND[kind].feature:
        (_, block), *_ = lay_out(data, None, "x").blocks.read([0], emit=lambda _: None)
        assert np.array_equal(block.weight, EXAMPLES[kind][1], equal_nan=True)
    else:
        with pytest.raises(InputError, match="weight"):
            lay_out(data, None, "x")


def test_run_end_encoded_and_unions_are_nested() -> None:
    assert kind_of(pa.run_end_encoded(pa.int32(), pa.int64())) is Kind.NESTED
    assert kind_of(pa.dense_union([pa.field("a", pa.int64())])) is Kind.NESTED
    assert kind_of(pa.dictionary(pa.int8(), pa.timestamp("s"))) is Kind.TIMESTAMP


def test_mixed_python_objects() -> None:
    import pandas as pd

    frame = pd.DataFrame({"a": [1.0, 2.0], "x": [1, {"secret": 2}]})
    with pytest.raises(InputError, match='mixed objects are not numbers: column "x"') as caught:
        lay_out(frame)
    assert "secret" not in str(caught.value)
    assert lay_out(frame[["a"]]).names == ("a",)


def test_names_that_stand_twice() -> None:
    data = pa.table([[1.0], [2.0], [3.0]], names=["a", "a", "b"])
    with pytest.raises(InputError, match='Column names are not unique: "a"') as caught:
        lay_out(data)
    assert caught.value.code == "SL2102"
    assert lay_out(data, spec=Spec(columns=["b"])).names == ("b",)
    assert columns_of(data.schema).duplicates() == ["a"]


def test_schema() -> None:
    schema = columns_of(pa.schema([("a", pa.int8()), ("b", pa.string())]))
    assert schema == Schema((Column("a", Kind.INTEGER, "int8"), Column("b", Kind.STRING, "string")))
    assert (schema.names, schema.n_columns, schema.is_matrix) == (("a", "b"), 2, False)
    assert Schema(width=4, dtype="float64").n_columns == 4
