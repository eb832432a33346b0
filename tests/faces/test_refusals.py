"""What can't fit into the memory limit is refused before a row is read, in words that say what would make it fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import sparse

import shardlearn
from shardlearn import MemoryLimitError
from shardlearn.data.matrix_blocks import MatrixBlocks
from shardlearn.data.table_blocks import TableBlocks
from shardlearn.linear_model import LinearRegression, LogisticRegression, Ridge

N, P = 600, 700
X = np.random.default_rng(0).normal(size=(N, P))
GRAM = 8 * P * P
MODELS: dict[str, Callable[[], Any]] = {
    "LinearRegression": LinearRegression,
    "Ridge": Ridge,
    "LogisticRegression": LogisticRegression,
    "newton-cholesky": lambda: LogisticRegression(solver="newton-cholesky"),
    "newton-cholesky, no intercept": lambda: LogisticRegression(solver="newton-cholesky", fit_intercept=False),
}


def never(*_: Any, **__: Any) -> Any:
    raise AssertionError("a row was read")


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (MatrixBlocks, TableBlocks):
        monkeypatch.setattr(kind, "read", never)


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("engine", ["serial", "threads:2"])
@pytest.mark.parametrize("form", ["array", "csr", "parquet"])
@pytest.mark.parametrize("name", MODELS)
def test_a_gram_matrix(name: str, form: str, engine: str, tmp_path: Path) -> None:
    """Labels stand in the files here, so that there would be a pass for them."""
    if form == "csr" and name == "LogisticRegression":
        return  # no Gram matrix there, or a smaller one
    data, y = {"array": (X, X[:, 0] > 0), "csr": (sparse.csr_array(X), X[:, 0] > 0), "parquet": ("", "y")}[form]
    if form == "parquet":
        pq.write_table(pa.table({f"x{j}": X[:, j] for j in range(P)} | {"y": X[:, 0] > 0}), tmp_path / "a.parquet")
        data = str(tmp_path / "a.parquet")
    with shardlearn.engine(engine, memory=4 * GRAM), pytest.raises(MemoryLimitError) as caught:
        MODELS[name]().fit(data, y)
    assert caught.value.code == "SL3001"
    assert "nothing was read" in caught.value.first
    assert "answers" in caught.value.needed
    assert 'memory="' in caught.value.fix


CASES: dict[str, tuple[Callable[[], Any], Any]] = {
    "full rank": (LinearRegression, X[:, :2]),
    "close columns": (LinearRegression, X[:, :2]),
    "many penalties": (lambda: Ridge(alpha=np.geomspace(1e-9, 1.0, 16)), X[:, :16]),
    "newton-cholesky": (MODELS["newton-cholesky"], X[:, 0] > 0),
}


@pytest.mark.parametrize("name", CASES)
def test_what_the_error_names_is_enough(name: str) -> None:
    """For all passes, also those that only some data lead to."""
    make, y = CASES[name]
    rows = np.tile(X[:, :200], (2, 1))
    y = np.concatenate([y, y])
    if name == "close columns":
        rows[:, 100:] = rows[:, :100]
    with shardlearn.engine("threads", workers=2, memory=100_000), pytest.raises(MemoryLimitError) as caught:
        make().fit(rows, y)
    with shardlearn.engine("threads", workers=2, memory=caught.value.fix.split('"')[1]):
        make().fit(rows, y)


def test_without_a_gram_matrix_less_is_enough() -> None:
    with shardlearn.engine("threads", workers=2, memory=4 * GRAM):
        LogisticRegression(solver="lbfgs").fit(X, X[:, 0] > 0)
        Ridge(solver="lsqr").fit(X, X[:, 0])


@pytest.mark.parametrize("form", ["array", "parquet"])
def test_more_classes_than_fit_are_refused_before_the_features_are_read(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many there are is known from y alone, where that is an array; in files it stands beside the features."""
    data: Any = X
    if form == "parquet":
        pq.write_table(pa.table({f"x{j}": X[:, j] for j in range(P)}), tmp_path / "a.parquet")
        data = str(tmp_path / "a.parquet")
    read = MatrixBlocks.read

    def labels_only(self: MatrixBlocks, *args: Any, **options: Any) -> Any:
        assert self.source.X.shape[1] == 0, "features were read"
        return read(self, *args, **options)

    model = LogisticRegression(solver="newton-cholesky", tol=1.0)
    with shardlearn.engine("serial", memory=24 * GRAM):
        model.fit(data, X[:, 0] > 0)  # enough for two classes
        monkeypatch.setattr(MatrixBlocks, "read", labels_only)
        monkeypatch.setattr(TableBlocks, "read", never)
        with pytest.raises(MemoryLimitError, match="answers"):
            model.fit(data, np.digitize(X[:, 0], [-0.5, 0.5]))
