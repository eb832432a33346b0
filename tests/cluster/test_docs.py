"""Docstrings and the how-to: their examples run, and every parameter and attribute is described."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.linear_model import test_docs as docs
from tests.project.sources import ROOT

import shardlearn.cluster
from shardlearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans

ESTIMATORS = [BisectingKMeans, KMeans, MiniBatchKMeans]


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_examples_run(kind: Any) -> None:
    docs.test_examples_run(kind)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_everything_is_described(kind: Any) -> None:
    text = kind.__doc__ or ""
    parameters, _, attributes = text.partition("Attributes\n    ----------")
    for name in kind().get_params():
        assert f"\n    {name} : " in parameters, name
    for name in vars(kind(2).fit(np.random.default_rng(0).normal(size=(9, 2)))):
        assert not name.endswith("_") or f"\n    {name} : " in attributes, name
    for section in ("Parameters", "Attributes", "References", "Examples"):
        assert f"{section}\n    {'-' * len(section)}\n" in text


def test_the_how_to_runs(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "kmeans.md").read_text(), re.DOTALL)
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_public_names() -> None:
    assert shardlearn.cluster.__all__ == dir(shardlearn.cluster) == ["BisectingKMeans", "KMeans", "MiniBatchKMeans"]
