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
from shardlearn.core.events import ignore
from shardlearn.core.matrix import to_dense
from shardlearn.data import Spec, lay_out


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


@pytest.fixture
def sparse(tmp_path, monkeypatch):
    monkeypatch.setattr(holdout, "STEP", 256)
    draw = np.random.default_rng(0)
    for i, rows in enumerate((100, 1, 2900)):
        entries = [np.flatnonzero(draw.random(12) < 0.3) + 1 for _ in range(rows)]
        lines = (
            f"{int(draw.random() < 0.5)} {' '.join(f'{j}:{draw.normal():.17g}' for j in one)}\n" for one in entries
        )
        (tmp_path / f"{i}.svmlight").write_text("".join(lines))
    return shardlearn.read(str(tmp_path / "*.svmlight"))


def dense(source, start, stop):
    parts = [np.column_stack([to_dense(X), labels]) for X, labels in source.rows(start, stop)]
    return np.concatenate(parts) if parts else np.empty((0, source.width + 1))


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_rows_of_svmlight(sparse, share) -> None:
    train, held = holdout.split(sparse, share)
    whole, inside = dense(sparse, 0, sparse.count()), held.draw.drawn(0, sparse.count())
    for part, rows in ((train, whole[~inside]), (held, whole[inside])):
        assert part.count() == len(rows)
        assert part.schema == sparse.schema
        for start, stop in ((0, part.count()), (0, 1), (5, 200), (part.count() - 1, part.count()), (7, 7)):
            np.testing.assert_array_equal(dense(part, start, stop), rows[start:stop])
        laid = lay_out(pickle.loads(pickle.dumps(part)), "target", spec=Spec(n_features=20))
        blocks = [block for _, block in laid.blocks.read(laid.grid.blocks, emit=ignore)]
        np.testing.assert_array_equal(np.concatenate([block.y for block in blocks]), rows[:, -1])
        X = np.concatenate([to_dense(block.X) for block in blocks])
        np.testing.assert_array_equal(X[:, :12], rows[:, :-1])
        assert X.shape[1] == 20
        where = np.flatnonzero(inside if part is held else ~inside)
        for n in (1, 30, 200, part.count()):
            widest = int((where[n - 1 :] - where[: len(where) - n + 1]).max()) + 1
            assert widest <= part.among(n) <= sparse.count()
            stored = np.count_nonzero(rows[:, :-1], axis=1)
            assert np.convolve(stored, np.ones(n, int), "valid").max() <= part.stored_in(n)
        assert laid.blocks.footprint().block >= max(block.nbytes for block in blocks)


def test_svmlight_rows_are_kept_aside(call, sparse) -> None:
    fit = ("fit", "LogisticRegression", "--data", "*.svmlight", "--target", "target", "--holdout", "0.2", "--json")
    one, two = (call(*fit, "--out", f"m{n}", "--workers", str(n)) for n in (1, 2))
    assert one.code == two.code == 0
    assert one.json["fingerprint"] == two.json["fingerprint"]
    train, held = holdout.split(sparse, 0.2)
    assert one.json["holdout"]["rows"] == held.count()
    assert one.json["report"]["rows"] == train.count()
