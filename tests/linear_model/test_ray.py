"""Every estimator's row on Ray: the fingerprint of threads, for any number of workers, whatever holds the rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.linear_model.test_bits import CASES, NAMES, ROWS, bits, layouts, table

import shardlearn
from shardlearn.linear_model import LogisticRegression


@pytest.fixture(autouse=True)
def _cluster(ray_cluster: None) -> None:
    """There is one."""


@pytest.mark.parametrize("name", CASES)
def test_every_case(name: str) -> None:
    case = CASES[name]()
    with shardlearn.engine("threads", workers=2):
        wanted = bits(case)
        answers = case.model.predict(case.X)
    for workers in (1, 2, 3) if name in ("least squares, p = 400", "ridge, CSR", "logistic, p = 400") else (2,):
        with shardlearn.engine("ray", address="local", workers=workers):
            assert bits(case) == wanted, f"{workers} workers"
            report = case.model.report_
            assert report.engine == "ray"
            assert report.bytes_down > 0
            assert report.bytes_up > 0
            np.testing.assert_array_equal(case.model.predict(case.X), answers)


def test_whatever_holds_the_rows(tmp_path: Path) -> None:
    data = table("strings")
    frame, model = data.to_pandas(), LogisticRegression(tol=1e-2)
    wanted = shardlearn.fingerprint(model.fit(*(frame[name] for name in (NAMES, "late", "w"))))
    for name, held in layouts(data, tmp_path):
        for workers in (1, 2, 3):
            with shardlearn.engine("ray", address="local", workers=workers):
                assert shardlearn.fingerprint(model.fit(held, "late", "w")) == wanted, name
                assert model.report_.rows_visited >= ROWS * model.report_.rounds
