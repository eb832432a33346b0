"""One fingerprint for each model: whoever computes it, and whatever holds the rows.

Data are many blocks wide, so that merging happens; `test_the_data_are_cut_into_many_blocks` makes sure of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from tests.engines.subprocess_pool import SubprocessPool, subprocess_engine
from tests.linear_model.problems import Array, classification, regression, sparse_rows

import shardlearn
from shardlearn import engines
from shardlearn.data import lay_out
from shardlearn.linear_model import LinearRegression, LogisticRegression, Ridge


class Case(NamedTuple):
    """What is fitted to what."""

    model: Any
    X: Any
    y: Any
    weight: Any = None


def tall(n: int, p: int, dtype: Any = np.float64, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, p)) * np.geomspace(1e-2, 1e2, p) + 10.0).astype(dtype)


def line(X: Any, seed: int = 1) -> Array:
    rng = np.random.default_rng(seed)
    return np.asarray(X.astype(float) @ rng.normal(size=X.shape[1]) + rng.normal(size=X.shape[0]))


def labels(X: Any, classes: int = 2, seed: int = 1) -> Array:
    z = line(X, seed)
    return np.digitize(z, np.quantile(z, np.arange(1, classes) / classes))


def weights(n: int) -> Array:
    return np.random.default_rng(5).uniform(0.0, 2.0, n)


WIDE, NARROW = tall(5_000, 400), tall(85_000, 17)
NARROW32 = tall(165_000, 17, np.float32)
SPARSE = sparse_rows(40_000, 300, density=0.1)

CASES: dict[str, Callable[[], Case]] = {
    "least squares, p = 17": lambda: Case(LinearRegression(), NARROW, line(NARROW)),
    "least squares, p = 400": lambda: Case(LinearRegression(), WIDE, line(WIDE)),
    "least squares, weights": lambda: Case(LinearRegression(), NARROW, line(NARROW), weights(len(NARROW))),
    "least squares, positive": lambda: Case(LinearRegression(positive=True), NARROW, line(NARROW)),
    "ridge, f32": lambda: Case(Ridge(), NARROW32, line(NARROW32)),
    "ridge, three targets": lambda: Case(Ridge([1, 2, 3]), NARROW, np.stack([line(NARROW, k) for k in (1, 2, 3)], 1)),
    "ridge, CSR": lambda: Case(Ridge(), SPARSE, line(SPARSE), weights(SPARSE.shape[0])),
    "ridge, conjugate gradients": lambda: Case(Ridge(solver="lsqr", tol=1e-6), NARROW, line(NARROW)),
    "logistic, p = 17": lambda: Case(LogisticRegression(), NARROW, labels(NARROW)),
    "logistic, p = 400": lambda: Case(LogisticRegression(), WIDE, labels(WIDE)),
    "logistic, f32, weights": lambda: Case(
        LogisticRegression(class_weight="balanced"), NARROW32, labels(NARROW32), weights(len(NARROW32))
    ),
    "logistic, CSR": lambda: Case(LogisticRegression(), SPARSE, labels(SPARSE), weights(SPARSE.shape[0])),
    "logistic, newton": lambda: Case(LogisticRegression(solver="newton-cholesky"), NARROW, labels(NARROW)),
    "multinomial": lambda: Case(LogisticRegression(), NARROW, labels(NARROW, 4)),
    "multinomial, CSR": lambda: Case(LogisticRegression(max_iter=30, tol=1e-2), SPARSE, labels(SPARSE, 3)),
    "logistic, CSR, variances": lambda: Case(LogisticRegression(solver="lbfgs", tol=1e-2), SPARSE, labels(SPARSE)),
}


def bits(case: Case) -> str:
    return shardlearn.fingerprint(case.model.fit(case.X, case.y, case.weight))


@pytest.mark.parametrize("name", CASES)
def test_any_number_of_threads(name: str) -> None:
    case = CASES[name]()
    with shardlearn.engine("serial"):
        wanted = bits(case)
        answers = case.model.predict(case.X)
    for workers in (1, 2, 3, 7):
        with shardlearn.engine("threads", workers=workers):
            assert bits(case) == wanted, f"{workers} threads"
            np.testing.assert_array_equal(case.model.predict(case.X), answers)


@pytest.fixture(scope="module")
def children() -> Iterator[SubprocessPool]:
    with SubprocessPool(2) as pool:
        yield pool


def parquet(folder: Path, X: Any, y: Array, weight: Array) -> str:
    names = [f"x{j}" for j in range(X.shape[1])]
    columns = [*X.T, y, weight]
    path = folder / "rows.parquet"
    pyarrow.parquet.write_table(pa.table(dict(zip([*names, "y", "w"], columns, strict=True))), path, row_group_size=600)
    return str(path)


SENT = {
    "least squares": (LinearRegression(), lambda: line(WIDE)),
    "multinomial": (LogisticRegression(class_weight="balanced", tol=1.0), lambda: labels(WIDE, 3)),
}


@pytest.mark.parametrize("name", ["least squares", pytest.param("multinomial", marks=pytest.mark.slow)])
def test_processes_that_read_a_file_and_one_that_is_killed(
    name: str, children: SubprocessPool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model, target = SENT[name]
    case = Case(model, parquet(tmp_path, WIDE, target(), weights(len(WIDE))), "y", "w")
    with shardlearn.engine("serial"):
        wanted = bits(case)
    engine = subprocess_engine(children)
    monkeypatch.setattr(engines, "current", lambda: engine)
    assert bits(case) == wanted
    engine = subprocess_engine(children)  # its rounds are numbered from 0
    before, children.kill_on = children.killed, {(0, 1, 1), (1, 0, 1), (2, 102, 1)}
    assert bits(case) == wanted
    children.kill_on = set()
    assert children.killed >= before + 2


def test_processes_that_are_sent_sparse_rows(children: SubprocessPool, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(Ridge(), SPARSE[:15_000], line(SPARSE)[:15_000], weights(15_000))
    with shardlearn.engine("serial"):
        wanted = bits(case)
    engine = subprocess_engine(children)
    monkeypatch.setattr(engines, "current", lambda: engine)
    assert bits(case) == wanted


def test_the_data_are_cut_into_many_blocks() -> None:
    for name, make in CASES.items():
        assert len(lay_out(make().X).grid.blocks) >= 5, name


# -- the same rows, held by others ---------------------------------------------------------------------------------

NAMES = [f"x{j}" for j in range(17)]
ROWS = 60_000


def table(kind: str) -> pa.Table:
    """Features, target "late" and weight "w"; in "holes" some cells are missing."""
    dtype = np.float32 if kind == "f32" else np.float64
    X = tall(ROWS, 17, dtype)
    columns = {name: pa.array(column) for name, column in zip(NAMES, X.T, strict=True)}
    if kind == "holes":
        rng = np.random.default_rng(2)
        for name in ("x3", "x11"):
            columns[name] = pa.array(columns[name].to_numpy(), mask=rng.uniform(size=ROWS) < 0.01)
    late = labels(X, 3 if kind == "strings" else 2)
    values = np.array(["early", "on time", "late"])[late] if kind == "strings" else late
    return pa.table({**columns, "late": pa.array(values), "w": pa.array(weights(ROWS))})


def odd_files(data: pa.Table, folder: Path) -> str:
    """13 Parquet files with row groups of odd sizes; their names in the order of the rows."""
    folder.mkdir()
    cuts = np.linspace(0, data.num_rows, 14).astype(int) + np.array([0, *range(1, 13), 0])
    for number, (start, stop) in enumerate(pairwise(cuts)):
        path = folder / f"part-{number:02d}.parquet"
        pyarrow.parquet.write_table(data.slice(start, stop - start), path, row_group_size=777 + 131 * number)
    return str(folder / "*.parquet")


def layouts(data: pa.Table, folder: Path) -> Iterator[tuple[str, Any]]:
    yield "arrow", data
    yield "pandas", data.to_pandas()
    yield "polars", pl.from_arrow(data)
    pyarrow.parquet.write_table(data, folder / "one.parquet")
    yield "one Parquet file", str(folder / "one.parquet")
    yield "thirteen Parquet files", odd_files(data, folder / "many")
    if data.schema.field("x0").type != pa.float32():  # CSV has no float32
        pyarrow.csv.write_csv(data, folder / "one.csv")
        yield "one CSV file", str(folder / "one.csv")


@pytest.mark.parametrize("model", [Ridge(), LogisticRegression()], ids=str)
@pytest.mark.parametrize("kind", ["f64", "f32", "strings", "holes"])
def test_whatever_holds_the_rows(kind: str, model: Any, tmp_path: Path) -> None:
    if kind == "strings" and isinstance(model, Ridge):
        return
    data, missing = table(kind), "drop" if kind == "holes" else "error"
    frame = data.to_pandas()
    X, y, w = frame[NAMES].to_numpy(), frame["late"].to_numpy(), frame["w"].to_numpy()
    wanted = shardlearn.fingerprint(model.fit(shardlearn.read(X, missing=missing), y, w))
    if kind == "holes":
        assert model.report_.dropped_rows > 500
    for name, held in layouts(data, tmp_path):
        source = shardlearn.read(held, missing=missing)
        assert shardlearn.fingerprint(model.fit(source, "late", "w")) == wanted, name


@pytest.mark.parametrize("model", [Ridge(), LogisticRegression()], ids=str)
def test_rows_in_several_orders_of_columns(model: Any) -> None:
    """Fortran order, strides and read-only memory hold the same rows."""
    X = tall(30_000, 17)
    y = labels(X)
    wanted = shardlearn.fingerprint(model.fit(X, y))
    held = X.copy()
    held.flags.writeable = False
    for other in (np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2], held, pd.DataFrame(X), X.astype(">f8")):
        assert shardlearn.fingerprint(model.fit(other, y)) == wanted


def test_two_fits_give_one_fingerprint_and_two_data_give_two() -> None:
    """The fingerprint is neither random nor constant."""
    one, other = regression(seed=1), regression(seed=2)
    assert bits(Case(Ridge(), *one)) == bits(Case(Ridge(), *one)) != bits(Case(Ridge(), *other))
    labelled = classification()
    nudged = labelled.X.copy()
    nudged[0, 0] += 1e-6
    assert bits(Case(LogisticRegression(), *labelled)) != bits(Case(LogisticRegression(), nudged, *labelled[1:]))
