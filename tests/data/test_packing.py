"""Packing: native code gives what Arrow's own values give, null as NaN, with exact counts."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.rows import rng

from shardlearn import _native
from shardlearn.core.matrix import Array, Ints
from shardlearn.data.packing import INFINITE, LARGE, MISSING, packer


def pack(batch: Any, positions: Sequence[int] | None = None, dtype: str = "f8") -> tuple[Array, Ints]:
    chosen = range(batch.num_columns) if positions is None else positions
    pack = packer(batch.schema, chosen)
    out = np.full((batch.num_rows, len(chosen)), 7, dtype)
    return out, pack.rows(pack.export(batch), range(batch.num_rows), out)


INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]


@pytest.mark.parametrize("type_", [*INTEGERS, pa.float16(), pa.float32(), pa.float64(), pa.bool_()], ids=str)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("nulls", [False, True])
def test_primitive_types(type_: Any, dtype: str, nulls: bool) -> None:
    values = rng.integers(0, 2 if type_ == pa.bool_() else 100, 1000)
    mask = rng.random(1000) < 0.2 if nulls else None
    plain = values.astype(np.bool_ if type_ == pa.bool_() else type_.to_pandas_dtype())
    column = pa.array(plain, mask=mask).cast(type_)
    batch = pa.record_batch([column] * 11, names=[f"c{i}" for i in range(11)]).slice(3, 900)
    expected = values[3:903].astype(dtype)
    if mask is not None:
        expected[mask[3:903]] = np.nan
    out, counts = pack(batch, dtype=dtype)
    assert np.array_equal(out, np.tile(expected[:, None], 11), equal_nan=True)
    assert counts.tolist() == [[int(np.isnan(expected).sum()), 0, 0]] * 11


@pytest.mark.parametrize("p", [1, 7, 8, 9, 17])
@pytest.mark.parametrize("n", [0, 1, 8, 63, 64, 65, 129, 1000])
def test_shapes(n: int, p: int) -> None:
    X = rng.standard_normal((n, p))
    batch = pa.record_batch([pa.array(X[:, j]) for j in range(p)], names=[f"c{j}" for j in range(p)])
    out, _ = pack(batch)
    assert np.array_equal(out, X)
    out, _ = pack(batch, list(range(p))[::-1], "f4")
    assert np.array_equal(out, X[:, ::-1].astype("f4"))
    single = pa.record_batch([pa.array(X[:, j].astype("f4")) for j in range(p)], names=[f"c{j}" for j in range(p)])
    assert np.array_equal(pack(single, dtype="f4")[0], X.astype("f4"))
    assert np.array_equal(pack(single)[0], X.astype("f4"))


def test_missing_infinite_and_large_are_counted() -> None:
    column = pa.array([1.0, np.nan, None, np.inf, -np.inf, 2.0])
    whole = pa.array([2**53, 2**53 + 1, -(2**53) - 1, None, 0, 1])
    out, counts = pack(pa.record_batch([column, whole, whole.fill_null(0).cast(pa.uint64(), safe=False)], list("abc")))
    assert counts[:, MISSING].tolist() == [2, 1, 0]
    assert counts[:, INFINITE].tolist() == [2, 0, 0]
    assert counts[:, LARGE].tolist() == [0, 2, 2]
    assert out[0].tolist() == [1.0, 2.0**53, 2.0**53]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("where", [0, 7, 63, 64, 130, 199])
def test_one_odd_value_is_found_wherever_it_lies(where: int, dtype: str) -> None:
    for j in (0, 7, 8, 10):
        for odd, counted in ((np.nan, MISSING), (np.inf, INFINITE), (-np.inf, INFINITE), (None, MISSING)):
            columns = [pa.array(np.arange(200, dtype=dtype)) for _ in range(11)]
            mask = np.arange(200) == where if odd is None else None
            values = np.arange(200, dtype=dtype)
            values[where] = 5 if odd is None else odd
            columns[j] = pa.array(values, mask=mask)
            _, counts = pack(pa.record_batch(columns, [f"c{i}" for i in range(11)]), dtype=dtype)
            assert np.argwhere(counts).tolist() == [[j, counted]]
            assert counts[j, counted] == 1


def test_rows_with_a_missing_value_are_marked() -> None:
    mask = rng.random((3, 300)) < 0.05
    columns = [
        pa.array(np.arange(300), mask=mask[0]),
        pa.array(np.where(mask[1], np.nan, 1.0)),
        pa.array([True] * 300, mask=mask[2]),
        pa.array(np.full(300, np.inf)),
    ]
    batch = pa.record_batch(columns, list("abcd"))
    pack_, out, holes = packer(batch.schema, range(4)), np.empty((200, 4)), np.zeros(200, np.bool_)
    holes[:10] = True  # of a batch before
    pack_.rows(pack_.export(batch), range(45, 235), out, 10, holes)
    assert holes.tolist() == [True] * 10 + mask[:, 45:235].any(axis=0).tolist()
    with pytest.raises(IndexError):
        pack_.rows(pack_.export(batch), range(190), out, 10, holes[:199])


def test_what_lies_under_nulls_counts_for_nothing() -> None:
    hidden = pa.Array.from_buffers(
        pa.int64(), 3, [pa.py_buffer(b"\x05"), pa.py_buffer(np.array([1, 2**60, 3], np.int64).tobytes())]
    )
    out, counts = pack(pa.record_batch([hidden], ["a"]))
    assert counts.tolist() == [[1, 0, 0]]
    assert np.array_equal(out[:, 0], [1, np.nan, 3], equal_nan=True)


def test_float64_beyond_float32_becomes_infinite() -> None:
    out, counts = pack(pa.record_batch([pa.array([1e300, 1.0])], ["a"]), dtype="f4")
    assert np.isinf(out[0, 0])
    assert counts[0, INFINITE] == 1


@given(st.decimals(allow_nan=False, allow_infinity=False, places=7, min_value=-(10**25), max_value=10**25))
def test_decimals_are_rounded_correctly(value: Decimal) -> None:
    types = [pa.decimal128(38, 7), pa.decimal256(60, 7)]
    out, _ = pack(pa.record_batch([pa.array([value], type_) for type_ in types], ["a", "b"]))
    assert out.tolist() == [[float(value)] * 2]


def test_decimals_of_all_widths() -> None:
    values = [Decimal("1.25"), Decimal("-0.01"), None]
    types = [pa.decimal32(5, 2), pa.decimal64(12, 2), pa.decimal128(38, 2), pa.decimal256(50, 2)]
    out, counts = pack(pa.record_batch([pa.array(values, type_) for type_ in types], list("abcd")))
    assert np.array_equal(out, [[1.25] * 4, [-0.01] * 4, [np.nan] * 4], equal_nan=True)
    assert counts[:, MISSING].tolist() == [1] * 4
    negative, _ = pack(pa.record_batch([pa.array([Decimal("1200")], pa.decimal128(5, -2))], ["a"]))
    assert negative.tolist() == [[1200.0]]


@given(st.integers(-(2**62) // 10**9, 2**62 // 10**9), st.integers(0, 10**6 - 1))
def test_seconds_are_the_same_from_every_unit(whole: int, micro: int) -> None:
    us = whole * 10**6 + micro
    columns = [pa.array([us], pa.duration("us")), pa.array([us * 1000], pa.duration("ns"))]
    out, _ = pack(pa.record_batch(columns, ["us", "ns"]))
    assert out[0, 0] == out[0, 1]
    if micro == 0:
        seconds, _ = pack(pa.record_batch([pa.array([whole], pa.duration("s"))], ["s"]))
        assert seconds[0, 0] == out[0, 0] == whole


def test_times_of_day_are_seconds() -> None:
    noon = datetime.time(12, 0, 1, 500_000)
    types = [pa.time32("ms"), pa.time64("us"), pa.time64("ns")]
    out, _ = pack(pa.record_batch([pa.array([noon, None], type_) for type_ in types], list("abc")))
    assert np.array_equal(out, [[43201.5] * 3, [np.nan] * 3], equal_nan=True)
    seconds, _ = pack(pa.record_batch([pa.array([datetime.time(0, 1)], pa.time32("s"))], ["a"]))
    assert seconds.tolist() == [[60.0]]


def test_dictionaries_and_nothing() -> None:
    batch = pa.record_batch(
        [
            pa.array([3, 5, None, 3]).dictionary_encode(),
            pa.array([0.5, None, 1.5, 0.5], pa.float16()).dictionary_encode(),
            pa.nulls(4),
        ],
        list("abc"),
    )
    out, counts = pack(batch)
    assert np.array_equal(out[:, :2], [[3, 0.5], [5, np.nan], [np.nan, 1.5], [3, 0.5]], equal_nan=True)
    assert np.isnan(out[:, 2]).all()
    assert counts[:, MISSING].tolist() == [1, 1, 4]


def test_rows_go_where_they_are_told() -> None:
    batch = pa.record_batch([pa.array(np.arange(100.0)), pa.array(np.arange(100))], ["a", "b"])
    pack_ = packer(batch.schema, [1, 0])
    out = np.full((10, 2), -1.0)
    counts = pack_.rows(pack_.export(batch), range(40, 45), out, 3)
    assert out.tolist() == [[-1, -1]] * 3 + [[i, i] for i in range(40, 45)] + [[-1, -1]] * 2
    assert not counts.any()


def test_what_does_not_fit_is_refused() -> None:
    batch = pa.record_batch([pa.array([1.0, 2.0])], ["a"])
    pack_ = packer(batch.schema, [0])
    exported, out = pack_.export(batch), np.zeros((2, 1))
    for start, stop, row in ((0, 3, 0), (-1, 1, 0), (2, 1, 0), (0, 2, 1), (0, 1, -1)):
        with pytest.raises(IndexError):
            pack_.rows(exported, range(start, stop), out, row)
    with pytest.raises(TypeError):
        pack_.rows(exported, range(1), np.zeros((2, 1), np.int64))
    with pytest.raises(IndexError):
        _native.pack_rows(exported, _native.PackColumns([3], [0], [0]), 0, 1, out, 0, np.zeros((1, 3), np.int64))
    for which, codes, arguments in (([0], [0, 1], [0]), ([0], [99], [0])):
        with pytest.raises(ValueError, match=r"lists|code"):
            _native.PackColumns(which, codes, arguments)
    with pytest.raises(ValueError, match="PyCapsule"):
        pack_.rows(object(), range(1), out)
