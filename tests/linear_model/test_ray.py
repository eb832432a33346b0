"""Every estimator's row on Ray: the fingerprint of threads, for any number of workers, whatever holds the rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.linear_model.test_bits import CASES, NAMES, ROWS, bits, layouts, table

import shardlearn
from shardlearn.core.errors import InputError
from shardlearn.engines import parts
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


@pytest.mark.parametrize("part", [1_000, 1_000_000_000])
def test_whatever_holds_the_rows(part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in memory goes in parts of about so many bytes."""
    monkeypatch.setattr(parts, "PART", part)
    data = table("strings")
    frame, model = data.to_pandas(), LogisticRegression(tol=1e-2)
    wanted = shardlearn.fingerprint(model.fit(*(frame[name] for name in (NAMES, "late", "w"))))
    for name, held in layouts(data, tmp_path):
        for workers in (1, 2, 3):
            with shardlearn.engine("ray", address="local", workers=workers):
                assert shardlearn.fingerprint(model.fit(held, "late", "w")) == wanted, name
                assert model.report_.rows_visited >= ROWS * model.report_.rounds


@pytest.mark.parametrize("bad", ["late", "x3"])
def test_what_is_wrong_with_rows_that_went_in_parts(bad: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words are those of the whole: a label is missing, or an integer is too large."""
    monkeypatch.setattr(parts, "PART", 1_000)
    frame = table("strings").to_pandas()
    frame[bad] = (
        frame[bad].where(frame.index != ROWS - 5, None) if bad == "late" else 2**53 + np.arange(len(frame)) - 50_000
    )
    said = []
    for engine in ({"kind": "threads", "workers": 2}, {"kind": "ray", "address": "local", "workers": 2}):
        with shardlearn.engine(**engine), pytest.raises(InputError) as caught:
            LogisticRegression().fit(frame, "late")
        said.append(str(caught.value))
    assert said[0] == said[1]
