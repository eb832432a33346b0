"""The scale plan follows from its own constants, and its check stands for what it says."""

from __future__ import annotations

import re
from pathlib import Path

from bench.scale import HEAD, asked, printed
from bench.scaling import Constants, Job, Site, times
from bench.table import markdown

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "explanation" / "scale.md").read_text()


def test_predictions_are_those_of_the_constants() -> None:
    found = re.findall(r"^\| (`\w+`) +\| ([\d.]+ [\w/]+) +\|", PAGE, re.MULTILINE)
    assert len(found) == 6
    assert markdown(HEAD, asked(printed(found))) in PAGE


def test_the_check_is_within_what_the_page_says() -> None:
    (said,) = re.findall(r"within (\d+) %", PAGE)
    ratios = [float(ratio) for ratio in re.findall(r"\| +(\d\.\d\d) +\|$", PAGE, re.MULTILINE)]
    assert len(ratios) == 15
    assert all(1 - int(said) / 100 <= ratio <= 1 + int(said) / 100 for ratio in ratios)


def test_the_model() -> None:
    """Nothing but data: time is data by speed; nothing but overhead: it grows with workers."""
    constants = Constants(1e-3, 1e-4, 0.0, 0.0, 1e9, 1e10)
    site = Site(threads=1, memory=1e12, memory_speed=1e12, storage=1e12)
    job = Job("", 1e12, 0.0, 0.0, 10)
    one, ten = times(constants, job, site, 1), times(constants, job, site, 10)
    assert abs(one.first - 1000 - 1.1e-3) < 1e-9
    assert abs(ten.first - 100 - 2e-3) < 1e-9
    assert abs(ten.fit(10) - ten.first - 9 * (10 + 2e-3)) < 1e-9
    assert times(constants, Job("", 0.0, 0.0, 0.0, 1), site, 1_000).first > 0.1
