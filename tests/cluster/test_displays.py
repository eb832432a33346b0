"""Plots: what they show is what was measured; matplotlib is only needed when something is drawn."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

from shardlearn.cluster import ElbowDisplay, KMeans, SilhouetteDisplay
from shardlearn.metrics import silhouette_samples


@pytest.fixture(autouse=True)
def headless() -> Iterator[None]:
    with mpl.rc_context():
        mpl.use("Agg")
        yield
        pyplot.close("all")


@pytest.fixture(scope="module")
def X() -> Any:
    rng = np.random.default_rng(0)
    return rng.normal(0, 6, (3, 2))[rng.integers(0, 3, 300)] + rng.normal(size=(300, 2))


def test_elbow(X: Any, tmp_path) -> None:
    base = KMeans(random_state=0, max_iter=20)
    shown = ElbowDisplay.from_estimator(base, X, n_clusters=[1, 3, 5], color="red")
    fits = [KMeans(k, random_state=0, max_iter=20).fit(X).inertia_ for k in (1, 3, 5)]
    assert shown.inertia.tolist() == shown.line_.get_ydata().tolist() == fits
    assert shown.line_.get_xdata().tolist() == [1, 3, 5]
    assert shown.line_.get_color() == "red"
    assert shown.ax_.get_xlabel() == "Number of clusters"
    assert shown.figure_ is shown.ax_.figure
    assert not hasattr(base, "inertia_")
    pd.DataFrame(X, columns=["a", "b"]).to_parquet(tmp_path / "x.parquet")
    again = ElbowDisplay.from_estimator(base, str(tmp_path / "x.parquet"), n_clusters=[1, 3, 5], ax=shown.ax_)
    assert again.inertia.tolist() == fits
    assert again.ax_ is shown.ax_
    weighted = ElbowDisplay.from_estimator(base, X, n_clusters=[2], sample_weight=np.full(300, 2.0))
    assert weighted.inertia.tolist() == [
        KMeans(2, random_state=0, max_iter=20).fit(X, None, np.full(300, 2.0)).inertia_
    ]


def test_silhouettes(X: Any) -> None:
    model = KMeans(3, random_state=0).fit(X)
    shown = SilhouetteDisplay.from_estimator(model, X, sample_size=100, random_state=3, alpha=0.5)
    wanted = silhouette_samples(X, model, sample_size=100, random_state=3)
    assert shown.silhouettes.value.tolist() == wanted.value.tolist()
    assert shown.line_.get_xdata() == [wanted.mean] * 2
    assert shown.ax_.get_xlabel() == "Silhouette of 100 rows"
    assert len(shown.areas_) == 3
    assert shown.areas_[0].get_alpha() == 0.5
    assert [text.get_text() for text in shown.ax_.get_yticklabels()] == ["0", "1", "2"]
    ends = [area.get_paths()[0].get_extents().xmax for area in shown.areas_]
    assert ends == [wanted.value[wanted.label == label].max() for label in range(3)]
    figure, ax = pyplot.subplots()
    other = SilhouetteDisplay.from_labels(X, model.labels_, sample_size=100, random_state=3, ax=ax)
    assert (other.ax_, other.figure_) == (ax, figure)
    assert other.silhouettes.value.tolist() == wanted.value.tolist()


def test_without_matplotlib() -> None:
    code = """
import sys
sys.modules["matplotlib"] = None
import numpy as np
from shardlearn.cluster import ElbowDisplay, KMeans, SilhouetteDisplay
shown = ElbowDisplay([1, 2], [3.0, 1.0])
for draw in (shown.plot, lambda: ElbowDisplay.from_estimator(KMeans(), np.zeros((20, 1))),
             lambda: SilhouetteDisplay.from_labels(np.zeros((20, 1)), np.arange(20) % 2)):
    try:
        draw()
    except ImportError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.count("requires matplotlib") == 3, done.stderr
    assert "ElbowDisplay.plot requires matplotlib" in done.stdout
