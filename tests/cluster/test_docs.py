"""Docstrings and the how-to: their examples run, and every parameter and attribute is described."""

from __future__ import annotations

import os
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
    """The Python, then the commands, in one folder."""
    page = (ROOT / "docs" / "kmeans.md").read_text()
    code = "".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    programs = [[sys.executable, "-W", "error", "-c", code]]
    programs += [
        [shardlearn_of(sys.executable), *line.split()] for line in re.findall(r"^\$ shardlearn (.+)$", page, re.M)
    ]
    assert len(programs) == 4
    for program in programs:
        run = subprocess.run(
            program, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "MPLBACKEND": "agg"}
        )
        assert run.returncode == 0, run.stderr
    assert (tmp_path / "elbow.png").exists()


def shardlearn_of(python: str) -> str:
    return str(Path(python).with_name("shardlearn"))


def test_public_names() -> None:
    names = ["BisectingKMeans", "ElbowDisplay", "KMeans", "MiniBatchKMeans", "SilhouetteDisplay"]
    assert shardlearn.cluster.__all__ == dir(shardlearn.cluster) == names
