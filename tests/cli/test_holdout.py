"""Rows kept aside: both sides together are the whole, in order, wherever a read begins."""

from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import shardlearn
from shardlearn.cli import holdout
from shardlearn.core.errors import InputError


@pytest.fixture
def whole(tmp_path, monkeypatch):
    monkeypatch.setattr(holdout, "STEP", 256)
    table = pa.table({"id": np.arange(5000), "x": np.arange(5000) * 0.5})
    for i, (start, stop) in enumerate([(0, 1777), (1777, 1780), (1780, 5000)]):
        pq.write_table(table.slice(start, stop - start), tmp_path / f"{i}.parquet", row_group_size=333)
    return shardlearn.read(str(tmp_path))


def ids(part, start, stop) -> list[int]:
    return [i for batch in part.read(start, stop, ["id"]) for i in batch.column(0).to_pylist()]


@pytest.mark.parametrize("remembered", [0, 1 << 28])
def test_two_sides_of_one_draw(whole, monkeypatch, remembered) -> None:
    monkeypatch.setattr(holdout, "REMEMBERED", remembered)
    train, held = holdout.split(whole, 0.2)
    inside, outside = ids(held, 0, held.count()), ids(train, 0, train.count())
    assert sorted(inside + outside) == list(range(5000))
    assert inside == sorted(inside)
    assert 850 < len(inside) == held.count() < 1150
    for start, stop in ((0, 1), (1, 700), (333, 334), (held.count() - 5, held.count()), (7, 7)):
        assert ids(held, start, stop) == inside[start:stop]
    again = pickle.loads(pickle.dumps(held))
    assert ids(again, 0, again.count()) == inside
    assert train.stamp() != held.stamp()
    assert train.schema == whole.schema
    assert train.notices() == ()
    train.close()


def test_places_are_those_of_the_files(whole) -> None:
    train, _ = holdout.split(whole, 0.2)
    outside = ids(train, 0, train.count())
    for row in (0, 1400, len(outside) - 1):
        place = train.files().place(row)
        assert place == whole.files().place(outside[row])
    starts = train.files().starts.tolist()
    assert starts == [sum(i < start for i in outside) for start in (0, 1777, 1780)]
    units = train.units().tolist()
    assert units == sorted(set(units))
    assert set(units) <= {sum(i < start for i in outside) for start in whole.units().tolist()}


def test_an_empty_side_is_refused_before_the_fit(whole) -> None:
    for share, words in ((1e-18, "evaluate on"), (1 - 1e-16, "train on")):
        with pytest.raises(InputError, match=words):
            holdout.split(whole, share)


def test_a_matrix_is_refused(tmp_path) -> None:
    (tmp_path / "x.svmlight").write_text("1 1:0.5\n0 2:1\n")
    with pytest.raises(InputError, match="--holdout"):
        holdout.split(shardlearn.read(str(tmp_path / "x.svmlight")), 0.5)
