"""Rows on disk are searched within the memory limit: a batch of queries is as large as it allows."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.faces.test_memory_limit import write
from tests.project.sources import ROOT

PROGRAM = """
    import json, sys
    import numpy as np, pyarrow.parquet, pyarrow.dataset
    import shardlearn
    from shardlearn.neighbors import KNeighborsClassifier, RadiusNeighborsClassifier
    from tests.peak import Peak

    base, warm, queries, out, which = sys.argv[1:]
    nearest = KNeighborsClassifier(10)
    # about 2,000 neighbours of each row: all pairs take more than the limit
    around = RadiusNeighborsClassifier(6.4, outlier_label="most_frequent")

    def all_of_it(base, queries, out):
        model = {"nearest": nearest, "around": around}[which].fit(base, "y")
        model.predict(queries).to_parquet(out)
        return model.score(queries, "y")

    all_of_it(warm, warm, out + " of few rows")  # loads what is loaded once
    with shardlearn.engine("threads", workers=2, memory="100MB"), Peak() as peak:
        score = all_of_it(base, queries, out)
    print(json.dumps({"peak": peak.added, "score": score}))
"""


@pytest.mark.parametrize("which", ["nearest", pytest.param("around", marks=pytest.mark.slow)])
def test_a_base_larger_than_the_limit(which: str, tmp_path: Path) -> None:
    base = write(tmp_path / "base.parquet", 400_000, 40, 20_000)  # 128 MB
    warm, queries = write(tmp_path / "w.parquet", 2_000, 40, 2_000), write(tmp_path / "q.parquet", 3_000, 40, 3_000)
    command = [
        sys.executable,
        "-W",
        "error",
        "-c",
        textwrap.dedent(PROGRAM),
        base,
        warm,
        queries,
        str(tmp_path / "out"),
        which,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["peak"] < 100e6
    assert found["score"] > 0.65
