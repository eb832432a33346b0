"""A process of its own: a search whose fits run in two processes of joblib, each with a worker of the same Ray cluster.

python -m tests.engines.ray_searched FOLDER     joins what SHARDLEARN_ENGINE names; each process leaves a mark in FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

from sklearn.model_selection import GridSearchCV
from tests.engines.ray_alone import data

import shardlearn
from shardlearn.linear_model import Ridge


def scored(folder: Path, model: Any, X: Any, y: Any) -> float:
    """And who fitted is left behind."""
    (folder / str(os.getpid())).write_text(f"{model.report_.engine} {model.report_.workers}")
    return float(model.score(X, y))


def search(folder: Path, n_jobs: int) -> list[Any]:
    X, y = data()
    scoring = partial(scored, folder)
    found = GridSearchCV(Ridge(), {"alpha": [1e-3, 1.0, 1e3]}, cv=2, n_jobs=n_jobs, scoring=scoring).fit(X, y)
    return [found.cv_results_["mean_test_score"].tolist(), shardlearn.fingerprint(found.best_estimator_)]


def main(folder: Path) -> None:
    there = search(folder, 2)
    who = {int(mark.name): mark.read_text() for mark in folder.iterdir()}
    with shardlearn.engine("threads"):
        here = search(folder, 1)
    print(json.dumps({"equal": there == here, "who": [who[pid] for pid in who if pid != os.getpid()]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
