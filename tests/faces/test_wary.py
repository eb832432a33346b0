"""The data are searched for what no model takes only where it shows: how many passes, the same errors, never missed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import sparse
from tests.data.rows import surveyed
from tests.engines.fakes import ArrayBlocks
from tests.linear_model.problems import features

import shardlearn
from shardlearn import InputError, kernels
from shardlearn.core.query import Query
from shardlearn.core.rows import ALL, Range, Rows
from shardlearn.core.solver import Status
from shardlearn.core.statistic import Statistic
from shardlearn.engines.serial import SerialEngine
from shardlearn.faces.session import fitting
from shardlearn.faces.wary import Wary, finite
from shardlearn.linear_model import LinearRegression, LogisticRegression, Ridge
from shardlearn.losses.poisson import Poisson
from shardlearn.run import run
from shardlearn.solvers.preconditioned_lbfgs import PreconditionedLbfgs
from shardlearn.solvers.problem import Glm
from shardlearn.statistics.column_range import ColumnRange
from shardlearn.statistics.double import Double
from shardlearn.statistics.moments import Moments

N, P = 30_000, 24  # blocks of 16,384 rows
X = features(N, P)
Y = X[:, 0] - X[:, 1] + np.random.default_rng(0).normal(size=N)
CODES = (Y > 0).astype(np.int64)
ENGINES = ["serial", "threads:1", "threads:2", "threads:3"]
MODELS: dict[str, Callable[[], Any]] = {
    "LinearRegression": LinearRegression,
    "Ridge": Ridge,
    "Ridge, lsqr": lambda: Ridge(solver="lsqr"),
    "LogisticRegression": LogisticRegression,
    "newton-cholesky": lambda: LogisticRegression(solver="newton-cholesky"),
    "gradient-descent": lambda: LogisticRegression(solver="gradient-descent", tol=1e-2),
    "lbfgs": lambda: LogisticRegression(solver="lbfgs"),
}


def y_of(name: str) -> Any:
    return Y if name.startswith(("Linear", "Ridge")) else CODES


def written(folder: Path, rows: Any, **columns: Any) -> str:
    """Three files with odd row groups."""
    folder.mkdir()
    table = pa.table({f"x{j}": rows[:, j] for j in range(rows.shape[1])} | columns)
    for number, (start, stop) in enumerate([(0, 9_000), (9_000, 21_000), (21_000, N)]):
        pq.write_table(table.slice(start, stop - start), folder / f"{number}.parquet", row_group_size=3_500)
    return str(folder)


def error_of(fit: Callable[[], Any]) -> str:
    with pytest.raises(InputError) as caught:
        fit()
    return caught.value.headline


# -- passes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_passes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the solver asks for; one of labels before, which reads all where they stand in the files."""
    y, labels = y_of(name), not name.startswith(("Linear", "Ridge"))
    path = written(tmp_path / "t", X, y=y)
    scanned: list[tuple[int, ...]] = []
    monkeypatch.setattr(kernels, "count_bad", lambda block: scanned.append(block.shape))
    models = [
        MODELS[name]().fit(X, y),
        MODELS[name]().fit(path, "y"),
        MODELS[name]().fit(written(tmp_path / "u", X), y),
    ]
    for model in models:
        report = model.report_
        assert report.passes == report.rounds + labels
        assert shardlearn.fingerprint(model) == shardlearn.fingerprint(models[0])
    assert models[0].report_.rounds == 2 or name not in ("LinearRegression", "Ridge")
    widths = {shape[1] for shape in scanned}
    assert widths == ({0, P} if labels else set())
    assert [shape[1] for shape in scanned].count(P) == labels * 2  # blocks of the one path


def test_what_is_known_of_y_without_a_pass_over_the_features(tmp_path: Path) -> None:
    """Weights are looked at by themselves, where they are arrays."""
    path, weight = written(tmp_path / "t", X, y=Y), np.ones(N)
    read = Ridge().fit(path, "y").report_
    assert (read.passes, read.rows_visited) == (2, 16_384 + N)
    beside = Ridge().fit(written(tmp_path / "u", X), Y, weight).report_
    assert (beside.passes, beside.rows_visited) == (3, 16_384 + 2 * N)
    assert beside.bytes_read == read.bytes_read
    inside = Ridge().fit(written(tmp_path / "v", X, y=Y, w=weight), "y", "w").report_
    assert inside.passes == 3


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_the_last_row_of_the_last_file(name: str, tmp_path: Path) -> None:
    """The same words as of a survey of everything, for any engine."""
    bad = X.copy()
    bad[-1, P - 1], bad[20_000, 3] = np.nan, np.nan
    path = written(tmp_path / "t", bad, y=y_of(name))
    with pytest.raises(InputError) as caught:
        surveyed(path, "y")
    assert "2.parquet" in caught.value.where
    for engine in ENGINES:
        with shardlearn.engine(engine):
            assert error_of(lambda: MODELS[name]().fit(path, "y")) == caught.value.headline


FORMS: dict[str, Callable[[Any], Any]] = {
    "float64": lambda rows: rows,
    "float32": lambda rows: rows.astype(np.float32),
    "fortran": np.asfortranarray,
    "csr": sparse.csr_array,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", MODELS)
def test_arrays(name: str, form: str) -> None:
    for at, value in (((0, 0), np.inf), ((N - 1, P - 1), np.nan), ((17_000, 5), -np.inf)):
        bad = X.copy()
        bad[at] = value
        given = FORMS[form](bad)
        with pytest.raises(InputError) as caught:
            surveyed(given, y_of(name))
        for engine in ENGINES[::2]:
            with shardlearn.engine(engine):
                assert error_of(lambda given=given: MODELS[name]().fit(given, y_of(name))) == caught.value.headline


@pytest.mark.parametrize("engine", ["serial", "threads:2"])
@pytest.mark.parametrize("other", [13_000, 90_000])
def test_infinities_of_both_signs_warn_of_nothing(other: int, engine: str) -> None:
    """In blocks that one worker merges, and in such as the driver does."""
    bad = np.tile(X[:1_000, :20], (100, 5))
    bad[9_000, 0], bad[other, 0] = np.inf, -np.inf
    y = bad[:, 1] > 0
    with shardlearn.engine(engine):
        for make in (LinearRegression, MODELS["Ridge, lsqr"], LogisticRegression):
            assert "SL2104" in error_of(lambda make=make: make().fit(bad, y))


def test_a_value_beyond_float32() -> None:
    bad = pa.table({"x": X[:, 0], "z": X[:, 1], "y": Y}).to_pandas()
    bad.loc[29_999, "z"] = 1e300
    source = shardlearn.read(bad, dtype="float32")
    assert "too large for dtype('float32')" in error_of(lambda: Ridge().fit(source, "y"))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_y(value: float, tmp_path: Path) -> None:
    y = Y.copy()
    y[-1] = value
    path, bare = written(tmp_path / "t", X, y=y), written(tmp_path / "u", X)
    for data, target in ((path, "y"), (bare, y), (X, y)):
        with pytest.raises(InputError) as caught:
            surveyed(data, target)
        for make in (LinearRegression, Ridge, MODELS["Ridge, lsqr"], LogisticRegression):
            assert error_of(lambda make=make, data=data, t=target: make().fit(data, t)) == caught.value.headline


def test_y_that_the_first_sums_over_all_rows_do_not_hold(tmp_path: Path) -> None:
    """Second moments clear the features; y of a regression shows later."""
    y = np.ones(1_000)
    y[-1] = np.nan
    pq.write_table(pa.table({"x": X[:1_000, 0], "z": X[:1_000, 1], "y": y}), tmp_path / "a.parquet")

    def fit() -> None:
        with fitting(Ridge(), str(tmp_path / "a.parquet"), "y", None) as session:
            session.solve(PreconditionedLbfgs(), Glm(session.shape, Poisson(), 1.0))

    assert "SL2301" in error_of(fit)


def test_svmlight(tmp_path: Path) -> None:
    rows = [f"{c} 1:{a!r} 2:{b!r}\n" for c, a, b in zip(CODES.tolist(), *X[:, :2].T.tolist(), strict=True)]
    (tmp_path / "a.svm").write_text("".join(rows[:5_000]))
    for y in ("target", CODES[:5_000]):
        report = LogisticRegression().fit(str(tmp_path / "a.svm"), y).report_
        assert report.passes == report.rounds + 1
        report = Ridge().fit(str(tmp_path / "a.svm"), y).report_
        assert report.passes == report.rounds
    (tmp_path / "b.svm").write_text("".join([*rows[:5_000], "1 2:nan\n"]))
    with pytest.raises(InputError) as caught:
        surveyed(str(tmp_path / "b.svm"), "target")
    for make in (LogisticRegression, Ridge):
        error = error_of(lambda make=make: make().fit(str(tmp_path / "b.svm"), "target"))
        assert error == caught.value.headline


def test_weights(tmp_path: Path) -> None:
    for value, code in ((-1.0, "SL2303"), (np.nan, "SL2304"), (np.inf, "SL2304")):
        weight = np.ones(N)
        weight[-1] = value
        (tmp_path / code).mkdir(exist_ok=True)
        folder = tmp_path / code / str(value)
        path = written(folder, X, y=Y, c=CODES, w=weight)
        for data, y, c, w in ((path, "y", "c", "w"), (X, Y, CODES, weight)):
            given = shardlearn.read(path, drop_columns=["c"]) if data is path else data
            labelled = shardlearn.read(path, drop_columns=["y"]) if data is path else data
            with pytest.raises(InputError) as caught:
                surveyed(given, y, w)
            assert caught.value.code == code
            assert error_of(lambda g=given, y=y, w=w: Ridge().fit(g, y, w)) == caught.value.headline
            assert error_of(lambda g=labelled, c=c, w=w: LogisticRegression().fit(g, c, w)) == caught.value.headline
    assert "SL2305" in error_of(lambda: Ridge().fit(X, Y, np.zeros(N)))


def test_x_comes_before_y_and_weights() -> None:
    bad, weight = X.copy(), np.ones(N)
    bad[-1, 2], weight[0] = np.nan, -1.0
    assert "Input X contains NaN" in error_of(lambda: Ridge().fit(bad, Y, weight))


def test_rows_without_weight_count() -> None:
    """As they do in scikit-learn."""
    bad, weight = X.copy(), np.ones(N)
    bad[-1, 2], weight[-1] = np.nan, 0.0
    for name, make in MODELS.items():
        assert "SL2103" in error_of(lambda make=make, name=name: make().fit(bad, y_of(name), weight))


def test_rows_are_dropped_as_before(tmp_path: Path) -> None:
    bad = X.copy()
    bad[[5, 29_999], 2] = np.nan
    path = written(tmp_path / "t", bad, y=Y)
    model = Ridge().fit(shardlearn.read(path, missing="drop"), "y")
    assert (model.report_.dropped_rows, model.report_.dropped) == (2, {"x2": 2})
    assert model.report_.passes == model.report_.rounds + 1
    bare = shardlearn.read(written(tmp_path / "w", bad), missing="drop")
    assert LogisticRegression().fit(bare, CODES).report_.dropped == {"x2": 2}
    bad[5, 2] = np.inf
    infinite = shardlearn.read(written(tmp_path / "u", bad, y=Y), missing="drop")
    assert "SL2104" in error_of(lambda: Ridge().fit(infinite, "y"))
    bad[:, 1] = np.nan
    none = shardlearn.read(written(tmp_path / "v", bad, y=Y), missing="drop")
    assert "missing value" in error_of(lambda: LinearRegression().fit(none, "y"))


# -- values that are finite, and sums that are not ---------------------------------------------------------------------


def test_overflow_of_finite_values(tmp_path: Path) -> None:
    """The error is the solver's, after one search."""
    for name in ("LinearRegression", "Ridge", "Ridge, lsqr", "lbfgs"):
        for data, y in ((X * 1e200, y_of(name)), (written(tmp_path / name, X * 1e200, y=y_of(name)), "y")):
            with np.errstate(over="ignore", invalid="ignore"):
                assert "SL2901" in error_of(lambda name=name, data=data, y=y: MODELS[name]().fit(data, y))


def test_a_pass_that_overflows_and_does_no_harm() -> None:
    """Squares of the first block, before there is a pivot; the passes after it have one."""
    far = np.round(X * 16.0) * 2.0**480 + 2.0**506
    plain = Ridge(alpha=0.0).fit(far * 2.0**-480, Y)
    model = Ridge(alpha=0.0).fit(far, Y)
    np.testing.assert_array_equal(model.coef_ * 2.0**480, plain.coef_)
    assert plain.report_.passes == 2
    assert model.report_.passes == 3


def test_a_start_that_overflows() -> None:
    model = LogisticRegression(solver="lbfgs", warm_start=True).fit(X, CODES)
    assert model.report_.passes == model.report_.rounds + 1
    model.coef_ = np.full((1, P), 1e308)
    with np.errstate(over="ignore", invalid="ignore"):
        model.fit(X, CODES)
    assert model.report_.passes == model.report_.rounds + 2


# -- the wrapper -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AskedState:
    """Answers that came."""

    left: int
    status: Status = Status.RUNNING
    figures: Any = None


@dataclass(frozen=True)
class Asks:
    """These, one after the other."""

    measures: tuple[Statistic[Any], ...]
    rows: Rows = ALL

    def init(self, problem: Any, /) -> AskedState:
        return AskedState(len(self.measures))

    def ask(self, problem: Any, state: AskedState, /) -> Query[Any]:
        return Query(self.measures[-state.left], rows=self.rows)

    def tell(self, problem: Any, state: AskedState, answer: Any, /) -> AskedState:
        left = state.left - 1
        return AskedState(left, Status.RUNNING if left else Status.CONVERGED, {})


def searches(solver: Any, *, y_known: bool = True) -> list[int]:
    """How often the data were searched, holding how many bytes."""
    engine, found = SerialEngine(), list[int]()
    wary = Wary(solver, found.append, y_known)
    wary.end(run(wary, None, {"train": engine.open(ArrayBlocks(np.ones((200, 3))))}, engine))
    return found


def test_when_data_are_searched() -> None:
    sums, far, answer = Moments(3), Moments(3, pivot=np.full(3, 1e200)), 8 * 6
    assert searches(Asks((sums,))) == []
    assert searches(Asks((sums,), Range(0, 64))) == [0]  # some rows tell nothing of others
    assert searches(Asks((ColumnRange(3),))) == [0]  # nor does the largest value of a column
    assert searches(Asks((far,), Range(0, 64))) == [answer]
    assert searches(Asks((far, far, sums, far))) == [answer]  # once
    # Where y is known, the first sum over all rows clears X: what comes later is the solver's own doing.
    assert searches(Asks((sums, far))) == []
    assert searches(Asks((sums, far)), y_known=False) == [answer]


def test_finite() -> None:
    good = (np.ones(2), {"a": 1.0, "b": [3, "x", None]}, Double(1.0, 0.0), np.array([1, 2]), np.array(["nan"]))
    assert finite(good)
    for bad in (
        np.array([1.0, np.nan]),
        Double(np.inf, 0.0),
        {"a": (np.nan,)},
        np.float64(np.nan),
        np.float32([np.inf]),
    ):
        assert not finite((*good, bad))
