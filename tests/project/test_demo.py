"""The demo's table is what its story says, and its first act runs through."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from demo import __main__ as story
from demo import flights

MONTHS = (1, 10, 10, 11, 12)


@pytest.fixture
def year() -> pa.Table:
    columns = dict.fromkeys([*flights.FEATURES, *flights.AFTER_LANDING], MONTHS)
    return pa.table({**columns, "month": MONTHS, "arr_delay": [15, 16, None, -5, 200]})


def test_label(year) -> None:
    table = flights.labelled(year)
    assert table["late"].to_pylist() == [False, True, None, False, True]
    assert not set(flights.AFTER_LANDING) & set(table.column_names)


def test_months(year, tmp_path) -> None:
    flights.write_months(flights.labelled(year), tmp_path / "flights")
    learn, check = (sorted((tmp_path / "flights" / part).iterdir()) for part in ("learn", "check"))
    assert [path.name for path in learn] == [f"2013-{month:02}.parquet" for month in range(1, 11)]
    assert [path.name for path in check] == ["2013-11.parquet", "2013-12.parquet"]
    assert [len(pq.read_table(path)) for path in learn] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 2]


def test_rows_are_told_apart(year) -> None:
    table = flights.labelled(year)
    assert flights.learning(table)["month"].to_pylist() == [1, 10, 10]
    assert flights.checking(table)["month"].to_pylist() == [11, 12]
    assert flights.learning(table).column_names == [*flights.FEATURES, "late"]


def test_large_table(year, tmp_path) -> None:
    rows = flights.learning(flights.labelled(year))
    size = flights.write_big(rows, tmp_path / "big")
    files = list((tmp_path / "big").iterdir())
    assert sum(pq.ParquetFile(path).metadata.num_rows for path in files) == flights.big_rows(rows)
    assert sum(path.stat().st_size for path in files) == size


def test_too_little_disk_is_said_before_writing(year, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    story.FOLDER.mkdir()
    monkeypatch.setattr(story, "ROOM_ON_DISK", 10**18)
    with pytest.raises(story.FailedError, match="free here"):
        story.second_act(flights.learning(flights.labelled(year)))
    assert not story.BIG.exists()


@pytest.mark.slow
def test_first_act(tmp_path, monkeypatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    story.FOLDER.mkdir()
    story.first_act()
    assert "They are equal" in capfd.readouterr().out
