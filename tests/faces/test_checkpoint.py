"""Fits that are stored while they run: going on, refusals in exact words, several fits, full disks, interrupts."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyarrow import Table, fs
from scipy import sparse
from sklearn.model_selection import GridSearchCV
from tests.faces.ending import NUMBERS, Stopped, X, Y, cut, descent, ended, rounds_of

import shardlearn
from shardlearn import Interrupted, ParameterError, StorageError, config
from shardlearn.faces import identity, journal
from shardlearn.faces.session import fitting
from shardlearn.linear_model import LinearRegression, Ridge
from shardlearn.observe.watching import Watch
from shardlearn.solvers.gram_least_squares import GramLeastSquares
from shardlearn.solvers.iterative_least_squares import IterativeLeastSquares
from shardlearn.solvers.problem import LeastSquares
from shardlearn.storage import atomic, places
from shardlearn.storage.places import Remote


def test_it_goes_on_with_what_is_left(tmp_path, capsys) -> None:
    whole = descent().fit(X, Y)
    cut(tmp_path / "c", descent(), X, Y)
    with shardlearn.checkpoint(tmp_path / "c"):
        model = descent().fit(X, Y)
    assert shardlearn.fingerprint(model) == shardlearn.fingerprint(whole)
    assert rounds_of(model) == rounds_of(whole) - 4
    assert model.report_.passes == model.report_.rounds  # the first look at the data is not taken again
    assert model.report_.resumed == str(tmp_path / "c" / "fit-0000")
    assert dict(model.report_.lines())["status"].endswith(f"going on from {tmp_path / 'c' / 'fit-0000'}")
    assert f"LogisticRegression goes on from {tmp_path / 'c' / 'fit-0000'}" in capsys.readouterr().err


def test_a_finished_fit_returns_at_once(tmp_path) -> None:
    for rounds, passes in ((12, 13), (0, 0)):
        with shardlearn.checkpoint(tmp_path / "c", every=3600):
            model = descent(tol=1e-6).fit(X, Y)
        assert (rounds_of(model) > 0, model.report_.passes > 0) == (rounds > 0, passes > 0)
        assert model.report_.status == "converged"
    assert shardlearn.fingerprint(model) == shardlearn.fingerprint(descent(tol=1e-6).fit(X, Y))


def test_without_a_checkpoint_nothing_is_kept_or_written(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with shardlearn.checkpoint("c"):
        pass
    Ridge().fit(X, NUMBERS)
    assert not list(tmp_path.iterdir())


OTHERS = {
    "parameter C": (lambda: descent(C=0.5).fit(X, Y), "parameter C: 1.0 then, 0.5 now"),
    "class": (
        lambda: Ridge().fit(X, NUMBERS),
        "class: LogisticRegression then, Ridge now",
    ),
    "class_weight": (
        lambda: descent(class_weight={"no": np.float64(2.0)}).fit(X, Y),
        "parameter class_weight: None then, {'no': 2.0} now",
    ),
    "sample_weight": (
        lambda: descent().fit(X, Y, sample_weight=np.ones(400)),
        "sample_weight: none then, an array now",
    ),
    "rows": (lambda: descent().fit(X[:399], Y[:399]), "rows: 400 then, 399 now"),
    "features": (lambda: descent().fit(X[:, :2], Y), "features: 3 float64 then, 2 float64 now"),
    "dtype": (lambda: descent().fit(X.astype(np.float32), Y), "features: 3 float64 then, 3 float32 now"),
    "names": (
        lambda: descent().fit(pd.DataFrame(X, columns=["a", "b", "c"]), Y),
        "features: 3 float64 then, 3 float64: a, b, c now",
    ),
    "missing": (
        lambda: descent().fit(shardlearn.read(X, missing="drop"), Y),
        "rows with missing values: error then, drop now",
    ),
}


@pytest.mark.parametrize("kind", [np.array, list, tuple, pd.Series])
@pytest.mark.parametrize("many", [4, 400])
def test_every_entry_of_a_parameter_counts(tmp_path, kind, many) -> None:
    """What a frame shows of itself leaves most entries out."""
    strengths = np.ones(many)
    targets = np.outer(NUMBERS, np.ones(many))
    with shardlearn.checkpoint(tmp_path / "c"):
        Ridge(alpha=kind(strengths)).fit(X, targets)
    with shardlearn.checkpoint(tmp_path / "c"):
        assert rounds_of(Ridge(alpha=kind(strengths)).fit(X, targets)) == 0
    strengths[many // 2] = 2.0
    with shardlearn.checkpoint(tmp_path / "c"), pytest.raises(StorageError, match="found : parameter alpha: "):
        Ridge(alpha=kind(strengths)).fit(X, targets)


def test_another_release_is_refused(tmp_path, monkeypatch) -> None:
    with shardlearn.checkpoint(tmp_path / "c"):
        descent().fit(X, Y)
    now = identity.__version__
    monkeypatch.setattr(identity, "__version__", "9.0")
    words = f"release of shardlearn: {now}, numerics 1 then, 9.0, numerics 1 now"
    with shardlearn.checkpoint(tmp_path / "c"), pytest.raises(StorageError, match=words):
        descent().fit(X, Y)


def test_a_forked_child_stores_nothing(tmp_path) -> None:
    """All children would be the n-th fit."""
    with shardlearn.engine("serial"), shardlearn.checkpoint(tmp_path / "c"):
        child = os.fork()
        if child == 0:
            try:
                Ridge().fit(X, NUMBERS)
                os._exit(0 if not (tmp_path / "c").exists() else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        Ridge().fit(X, NUMBERS)
    assert (tmp_path / "c" / "fit-0000").is_dir()


@pytest.mark.parametrize("other", OTHERS)
def test_another_fit_is_refused_and_the_difference_named(tmp_path, other) -> None:
    fit, words = OTHERS[other]
    with shardlearn.checkpoint(tmp_path / "c"):
        descent().fit(X, Y)
    with shardlearn.checkpoint(tmp_path / "c"), pytest.raises(StorageError) as caught:
        fit()
    assert caught.value.code == "SL5111"
    assert words in caught.value.found.split("; ")
    assert str(caught.value) == (
        "The checkpoint belongs to another fit.\n"
        f"  where : {tmp_path / 'c' / 'fit-0000' / 'step-00000000'}\n"
        f"  found : {caught.value.found}\n"
        "  needed: the same data, parameters and release of shardlearn\n"
        "  fix   : undo the change, or name another folder to start anew"
    )


@pytest.mark.parametrize("where", ["X", "y", "weight", "sparse", "frame", "order of rows"])
def test_other_data_in_memory_are_refused(tmp_path, where) -> None:
    """One value among many, the last bit of it."""
    one, label, weight = X.copy(), Y.copy(), np.ones(400)
    data: list[Any] = [one, label, weight]
    if where == "sparse":
        data[0] = sparse.random(400, 3, 0.3, "csr", random_state=0)
    if where == "frame":
        data[0] = pd.DataFrame(one, columns=["a", "b", "c"])
    with shardlearn.checkpoint(tmp_path / "c"):
        descent().fit(*data)
    if where == "X":
        one[399, 2] = np.nextafter(one[399, 2], 9.0)
    elif where == "y":
        label[200] = "no" if label[200] == "yes" else "yes"
    elif where == "weight":
        weight[399] = np.nextafter(1.0, 2.0)
    elif where == "sparse":
        data[0].data[-1] = np.nextafter(data[0].data[-1], 9.0)
    elif where == "frame":
        data[0] = data[0].assign(b=np.nextafter(one[:, 1], 9.0))
    else:
        data = [array[::-1] for array in data]
    with shardlearn.checkpoint(tmp_path / "c"), pytest.raises(StorageError, match=r"found : data: \w{56} \.\.\. then"):
        descent().fit(*data)


def test_the_same_data_laid_out_otherwise_are_the_same(tmp_path) -> None:
    with shardlearn.checkpoint(tmp_path / "c"):
        one = descent().fit(X, Y)
    with shardlearn.checkpoint(tmp_path / "c"):
        again = descent().fit(np.asfortranarray(X), Y.tolist())
    assert rounds_of(one) > 0 == rounds_of(again)
    assert shardlearn.fingerprint(one) == shardlearn.fingerprint(again)


def test_files_that_changed_are_refused(tmp_path) -> None:
    path = tmp_path / "t.parquet"
    table = pd.DataFrame(X, columns=["a", "b", "c"]).assign(y=Y)
    table.to_parquet(path)
    with shardlearn.checkpoint(tmp_path / "c"):
        descent().fit(path, y="y")
    with shardlearn.checkpoint(tmp_path / "c"):
        assert rounds_of(descent().fit(os.path.relpath(path), y="y")) == 0
    os.utime(path, ns=(0, 0))
    with shardlearn.checkpoint(tmp_path / "c"), pytest.raises(StorageError, match=r"found : data: \w+ \.\.\. then"):
        descent().fit(path, y="y")
    with shardlearn.checkpoint(tmp_path / "c"), pytest.raises(StorageError, match="target: column y then, an array"):
        descent().fit(shardlearn.read(path, drop_columns=["y"]), y=Y)


def test_arrays_beside_files_count_by_contents(tmp_path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame(X, columns=["a", "b", "c"]).to_parquet(path)
    with shardlearn.checkpoint(tmp_path / "c"):
        descent().fit(path, Y, sample_weight=np.ones(400))
    for y, weight in ((Y[::-1], np.ones(400)), (Y, np.full(400, 2.0))):
        with shardlearn.checkpoint(tmp_path / "c"), pytest.raises(StorageError, match="found : data: "):
            descent().fit(path, y, sample_weight=weight)


class Twice(Ridge):
    """A fit of two solvers."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        with fitting(self, X, y, sample_weight) as fit:
            problem = LeastSquares(fit.shape, np.ones(1), True, False)
            one = fit.solve(IterativeLeastSquares(1e-12, 50), problem)
            two = fit.solve(GramLeastSquares(), problem)
            fit.publish(coef_=np.concatenate([one.W[0], two.W[0]]), intercept_=float(two.b[0]))
        return self


def test_a_fit_of_two_solvers(tmp_path) -> None:
    whole = Twice().fit(X, NUMBERS)
    rounds = rounds_of(whole)
    for k in range(1, rounds + 1):
        folder = tmp_path / str(k)
        with shardlearn.checkpoint(folder, every=0), ended(k, Stopped()), pytest.raises(Stopped):
            Twice().fit(X, NUMBERS)
        with shardlearn.checkpoint(folder):
            model = Twice().fit(X, NUMBERS)
        assert model.coef_.tobytes() == whole.coef_.tobytes()
        assert rounds_of(model) == rounds - k


def test_data_unpacked_for_the_fit_count_by_contents(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SHARDLEARN_CACHE", str(tmp_path / "cache"))
    table = Table.from_pandas(pd.DataFrame(X, columns=["a", "b", "c"]).assign(y=Y))
    for rounds in (True, False):
        with shardlearn.checkpoint(tmp_path / "c"):
            source = shardlearn.read(table.to_reader(), cache="disk")
            assert (rounds_of(descent().fit(source, y="y")) > 0) == rounds
            source.close()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_warm_start_is_part_of_it(tmp_path) -> None:
    def one_more(model: Any) -> Any:
        with shardlearn.checkpoint(tmp_path / "c"):
            return shardlearn.fingerprint(model.fit(X, Y))

    def warm() -> Any:
        return descent(warm_start=True, max_iter=2)

    assert one_more(warm().fit(X, Y)) == one_more(warm().fit(X, Y))
    with pytest.raises(StorageError, match=r"found : start: \w+ \.\.\. then, nothing now"):
        one_more(warm())


def test_fits_are_told_apart_by_their_order(tmp_path) -> None:
    def search() -> Any:
        with shardlearn.checkpoint(tmp_path / "c"):
            found = GridSearchCV(descent(), {"C": [0.1, 10.0]}, cv=3).fit(X, Y)
            LinearRegression().fit(X, NUMBERS)
        return found.best_estimator_

    one = search()
    assert len(list((tmp_path / "c").iterdir())) == 2 * 3 + 2
    again = search()
    assert rounds_of(again) == 0
    assert shardlearn.fingerprint(one) == shardlearn.fingerprint(again)
    with shardlearn.checkpoint(tmp_path / "c"), pytest.raises(StorageError, match="class: LogisticRegression then"):
        LinearRegression().fit(X, NUMBERS)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a node is gone")])
def test_what_ends_a_fit_stores_its_last_whole_round(tmp_path, error) -> None:
    whole = descent().fit(X, Y)
    with shardlearn.checkpoint(tmp_path / "c", every="2h"), ended(5, error), pytest.raises((Interrupted, RuntimeError)):
        descent().fit(X, Y)
    with shardlearn.checkpoint(tmp_path / "c"):
        model = descent().fit(X, Y)
    assert rounds_of(model) == rounds_of(whole) - 5
    assert shardlearn.fingerprint(model) == shardlearn.fingerprint(whole)


def test_a_real_sigint_is_stored(tmp_path, monkeypatch) -> None:
    plain = Watch.after

    def struck(self: Watch, state: object = None) -> bool:
        if self.report().rounds == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return plain(self, state)

    monkeypatch.setattr(Watch, "after", struck)
    with shardlearn.checkpoint(tmp_path / "c"), pytest.raises(Interrupted):
        descent().fit(X, Y)
    monkeypatch.undo()
    with shardlearn.checkpoint(tmp_path / "c"):
        model = descent().fit(X, Y)
    assert shardlearn.fingerprint(model) == shardlearn.fingerprint(descent().fit(X, Y))
    assert 0 < rounds_of(model) <= rounds_of(descent().fit(X, Y)) - 3


def test_interrupted_at_once_where_it_went_on(tmp_path, monkeypatch) -> None:
    """Before a round of its own has ended, the fit has the model of the round that it went on from."""
    cut(tmp_path / "c", descent(), X, Y)
    monkeypatch.setattr("shardlearn.engines.pool.PoolEngine.fold", interrupt)
    model = descent()
    with shardlearn.checkpoint(tmp_path / "c"), pytest.raises(Interrupted, match="the last whole round"):
        model.fit(X, Y)
    assert model.n_iter_ > 0


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_full_disk_is_said_once_and_tried_again(tmp_path, monkeypatch) -> None:
    plain, calls = os.fsync, [0]

    def fsync(file: int) -> None:
        calls[0] += 1
        if 20 < calls[0] < 35:
            raise OSError(28, "No space left on device")
        plain(file)

    monkeypatch.setattr(atomic.os, "fsync", fsync)
    monkeypatch.setattr(journal, "PATIENCE", 0)
    with shardlearn.checkpoint(tmp_path / "c", every=0), pytest.warns(UserWarning, match="No checkpoint") as said:
        model = descent(tol=1e-6).fit(X, Y)
    assert calls[0] > 40
    (one,) = said
    assert str(one.message).startswith("No checkpoint could be saved; the fit goes on, and tries again. Can't save to ")
    assert "No space left on device (ENOSPC)" in str(one.message)
    with shardlearn.checkpoint(tmp_path / "c"):
        again = descent(tol=1e-6).fit(X, Y)
    assert rounds_of(again) == 0
    assert shardlearn.fingerprint(model) == shardlearn.fingerprint(again)


@pytest.mark.parametrize(
    ("value", "expected"), [("30s", 30.0), ("5min", 300.0), ("2h", 7200.0), (0, 0.0), ("1.5", 1.5)]
)
def test_durations(value, expected) -> None:
    assert config.seconds(value) == expected


@pytest.mark.parametrize("value", ["soon", "-1s", -1, True, float("nan"), "", "5 days"])
def test_what_is_no_duration(tmp_path, value) -> None:
    with pytest.raises(ParameterError) as caught, shardlearn.checkpoint(tmp_path, every=value):
        pass
    assert str(caught.value) == (
        f"every == {value!r} is not a duration.\n"
        "  where : with shardlearn.checkpoint(...)\n"
        '  needed: seconds from 0 on, or text such as "30s", "5min", "2h"'
    )


def test_a_folder_that_can_not_be_one(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught, shardlearn.checkpoint(tmp_path / "file" / "c"):
        pass
    assert str(caught.value) == (
        f"Can't store checkpoints in {tmp_path / 'file' / 'c'}.\n"
        f"  found : {tmp_path / 'file'} is a file\n"
        "  needed: a folder that may be written to\n"
        "  fix   : name another one"
    )
    with pytest.raises(StorageError, match="names no folder that can be used"), shardlearn.checkpoint("nowhere://x/y"):
        pass


def test_an_object_store(tmp_path, monkeypatch) -> None:
    store = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    monkeypatch.setattr(places, "_remote", lambda uri: Remote(store, "bucket/x", "mem://bucket/x"))
    for rounds in (True, False):
        with shardlearn.checkpoint("mem://user:secret@bucket/x", every=0):
            model = descent().fit(X, Y)
        assert (rounds_of(model) > 0) == rounds
    assert model.report_.resumed == "mem://bucket/x/fit-0000"
    assert len(list((tmp_path / "bucket" / "x" / "fit-0000").iterdir())) == 2


def test_a_uri_of_this_machine(tmp_path) -> None:
    with shardlearn.checkpoint(f"file://{tmp_path}/c"):
        Ridge().fit(X, NUMBERS)
    assert (tmp_path / "c" / "fit-0000").is_dir()
