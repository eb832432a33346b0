"""One fit: interrupted, failed, repeated; what it sets, what it closes, what it reports."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from tests.linear_model.problems import classification, regression

import shardlearn
from shardlearn import InputError, Interrupted, engines
from shardlearn.core.query import Query
from shardlearn.engines.serial import SerialEngine
from shardlearn.linear_model import LinearRegression, LogisticRegression, Ridge
from shardlearn.observe import stop


class Counted(SerialEngine):
    """The serial engine; counts what is open, and raises in the n-th fold."""

    def __init__(self, at: int | None = None, error: BaseException | None = None) -> None:
        super().__init__()
        self.at, self.error, self.folds, self.closed = at, error, 0, 0

    def fold(self, data: Mapping[str, Any], query: Query[Any], /, *, emit: Any) -> Any:
        if self.folds == self.at and self.error is not None:
            raise self.error
        self.folds += 1
        return super().fold(data, query, emit=emit)

    @property
    def open_now(self) -> int:
        return len(self._carried)


def use(monkeypatch: pytest.MonkeyPatch, engine: Counted) -> Counted:
    monkeypatch.setattr(engines, "current", lambda: engine)
    return engine


def folds_of(model: Any, data: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    with monkeypatch.context() as patch:
        counting = use(patch, Counted())
        model.fit(*data)
    return counting.folds


def test_ctrl_c_leaves_the_model_of_the_last_whole_round(monkeypatch: pytest.MonkeyPatch) -> None:
    data = classification(kappa=1e3)
    total = folds_of(LogisticRegression(solver="lbfgs", tol=1e-8), data, monkeypatch)
    assert total > 10
    losses = []
    for at in range(4, total, 3):
        engine = use(monkeypatch, Counted(at, KeyboardInterrupt()))
        model = LogisticRegression(solver="lbfgs", tol=1e-8)
        with pytest.raises(Interrupted, match="holds the model of the last whole round"):
            model.fit(*data)
        assert engine.open_now == 0
        assert model.report_.status == "interrupted"
        monkeypatch.undo()
        p = model.predict_proba(data.X)[np.arange(len(data.y)), data.y]
        losses.append(-(np.log(p) * data.weight).sum() + 0.5 * (model.coef_**2).sum())
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]


def test_ctrl_c_before_the_first_round_leaves_the_estimator_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    data = regression()
    engine = use(monkeypatch, Counted(0, KeyboardInterrupt()))
    model = Ridge()
    with pytest.raises(Interrupted, match="as it was before") as caught:
        model.fit(*data)
    assert isinstance(caught.value, KeyboardInterrupt)
    assert engine.open_now == 0
    with pytest.raises(NotFittedError):
        model.predict(data.X)


class Striker(logging.Handler):
    """Sends this process a real SIGINT when the n-th round has ended."""

    def __init__(self, at: int) -> None:
        super().__init__(logging.DEBUG)
        self.at, self.rounds = at, 0

    def emit(self, record: logging.LogRecord) -> None:
        if "RoundFinished" in record.getMessage():
            self.rounds += 1
            if self.rounds == self.at:
                os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def striker() -> Iterator[Striker]:
    logger, handler = logging.getLogger("shardlearn"), Striker(3)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


@pytest.mark.parametrize("engine", ["serial", "threads:2"])
def test_a_real_sigint(engine: str, striker: Striker) -> None:
    data = classification(n=5_000, kappa=1e4)
    handler, threads = signal.getsignal(signal.SIGINT), threading.active_count()
    model = LogisticRegression(solver="gradient-descent", tol=0.0, max_iter=100_000)
    with shardlearn.engine(engine), pytest.raises(Interrupted):
        model.fit(data.X, data.y)
    assert striker.rounds in (3, 4)
    assert model.score(data.X, data.y) > 0
    assert signal.getsignal(signal.SIGINT) is handler
    assert threading.active_count() <= threads + 3
    LogisticRegression().fit(data.X, data.y)


def test_ctrl_c_ends_a_search(striker: Striker) -> None:
    data = classification()
    with pytest.raises(KeyboardInterrupt):
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2, error_score=0.0).fit(data.X, data.y)
    assert striker.rounds in (3, 4)


def test_a_wish_to_stop_ends_the_fit_after_its_round() -> None:
    data = classification(kappa=1e3)
    model = LogisticRegression()
    stop.request()
    try:
        with pytest.raises(Interrupted):
            model.fit(*data)
    finally:
        stop.clear()
    assert model.coef_.shape == (1, 8)
    LogisticRegression().fit(*data)


@pytest.mark.parametrize("Model", [LinearRegression, Ridge, LogisticRegression])
def test_an_error_on_the_way_closes_the_data_and_sets_nothing(Model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = classification()
    for at in range(3):
        engine = use(monkeypatch, Counted(at, RuntimeError("broken")))
        model = Model()
        with pytest.raises(RuntimeError, match="broken"):
            model.fit(*data)
        assert engine.open_now == 0
        assert not [name for name in vars(model) if name.endswith("_")]
        monkeypatch.undo()


def test_a_failed_refit_keeps_the_last_model() -> None:
    data = regression()
    model = Ridge().fit(*data)
    before = shardlearn.fingerprint(model)
    with pytest.raises(InputError):
        model.fit(np.full((3, 2), np.nan), np.zeros(3))
    assert shardlearn.fingerprint(model) == before


def test_data_are_closed_after_fit_predict_and_score(monkeypatch: pytest.MonkeyPatch) -> None:
    data = classification(n=40_000)
    engine = use(monkeypatch, Counted())
    model = LogisticRegression(class_weight="balanced").fit(*data)
    model.predict(data.X)
    model.score(data.X, data.y)
    for bad in (np.full((70_000, 8), np.nan), np.full((3, 8), np.inf)):
        with pytest.raises(InputError):
            model.predict(bad)
        with pytest.raises(InputError):
            model.score(bad, np.zeros(len(bad), int))
    assert engine.open_now == 0


def test_attributes_of_an_earlier_fit_do_not_stay() -> None:
    data = regression()
    model = LinearRegression().fit(pd.DataFrame(data.X).add_prefix("x"), data.y)
    assert list(model.feature_names_in_) == [f"x{j}" for j in range(10)]
    model.fit(data.X[:, :4], data.y)
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 4
    assert hasattr(model, "singular_")
    model.set_params(positive=True).fit(data.X, data.y)
    assert not hasattr(model, "singular_")


def test_the_report_says_what_was_done(tmp_path: Path) -> None:
    data = classification()
    frame = pd.DataFrame(data.X).add_prefix("x").assign(y=data.y, w=data.weight, note="n")
    frame.loc[[3, 5, 8], "x2"] = np.nan
    pq.write_table(__import__("pyarrow").Table.from_pandas(frame), tmp_path / "a.parquet")
    source = shardlearn.read(str(tmp_path / "a.parquet"), missing="drop", drop_columns=["note"])
    with shardlearn.engine("threads", workers=2, memory="1GB"):
        model = LogisticRegression().fit(source, "y", "w")
    report = model.report_
    assert (report.estimator, report.rows, report.features) == ("LogisticRegression", 600, 8)
    assert (report.workers, report.engine, report.memory_limit) == (2, "threads", 1_000_000_000)
    assert report.dropped_rows == 3
    assert report.dropped == {"x2": 3}
    assert report.status == "converged"
    assert report.solver == "PreconditionedLbfgs"
    assert report.passes > report.rounds > 3
    assert "engine(" in report.threads
    assert "with shardlearn.engine" in report.memory_from


def test_names_of_features() -> None:
    data = regression()
    numbered = pd.DataFrame(data.X)
    assert not hasattr(Ridge().fit(numbered, data.y), "feature_names_in_")
    numbered.columns = [*range(9), "last"]
    with pytest.raises(TypeError, match="Feature names are only supported if all input features have string names"):
        Ridge().fit(numbered, data.y)
    named = pd.DataFrame(data.X).add_prefix("x").assign(y=data.y)
    model = Ridge().fit(named, "y")
    assert model.feature_names_in_.dtype == object
    assert "y" not in model.feature_names_in_
    with pytest.warns(UserWarning, match="X does not have valid feature names, but Ridge was fitted with"):
        model.predict(data.X)
    with pytest.warns(UserWarning, match="X has feature names, but Ridge was fitted without feature names"):
        Ridge().fit(*data).predict(named.drop(columns="y"))
    with pytest.raises(InputError, match="Feature names must be in the same order") as caught:
        model.predict(named.drop(columns="y").iloc[:, ::-1])
    assert caught.value.code == "SL2110"
    assert caught.value.fix == "pass X[list(model.feature_names_in_)]"
    with pytest.raises(InputError, match="Feature names unseen at fit time:\n- y"):
        model.predict(named)
    with pytest.raises(InputError, match=r"yet now missing:\n- x0\n- x1\n- x2\n- x3\n- x4\n- \.\.\.\n") as caught:
        model.predict(named[["x8", "x9"]])
    assert caught.value.fix == ""


def test_a_source_is_left_open_for_the_next_fit(tmp_path: Path) -> None:
    data = regression()
    pd.DataFrame(data.X).add_prefix("x").assign(y=data.y).to_csv(tmp_path / "a.csv.gz", index=False)
    source = shardlearn.read(str(tmp_path / "a.csv.gz"))
    one, other = Ridge().fit(source, "y"), Ridge().fit(source, "y")
    assert shardlearn.fingerprint(one) == shardlearn.fingerprint(other)
    again = Ridge().fit(str(tmp_path / "a.csv.gz"), "y")
    assert shardlearn.fingerprint(again) == shardlearn.fingerprint(one)
    np.testing.assert_array_equal(again.predict(str(tmp_path / "a.csv.gz")).to_numpy(), one.predict(source).to_numpy())
