"""`set_output` makes frames of what is in memory; what streams is `Predictions`, as without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

import shardlearn
from shardlearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans
from shardlearn.faces.predictions import Predictions

FRAMES: dict[str, type] = {"pandas": pd.DataFrame, "polars": pl.DataFrame}
ESTIMATORS = [
    KMeans(3, n_init=1, max_iter=3, random_state=0),
    KMeans(3, n_init=1, max_iter=3, random_state=0, metric="cosine"),
    MiniBatchKMeans(3, max_iter=1, random_state=0),
    BisectingKMeans(3, max_iter=3, random_state=0),
]


class Nearness(KMeans):
    """What users write: `transform` in a class of their own, by way of ours."""

    def transform(self, X: Any) -> Any:
        far = super().transform(X)
        return far if isinstance(far, Predictions) else 1 / (1 + np.asarray(far))


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(size=(200, 4)), columns=list("abcd"), index=range(7, 207))


@pytest.fixture
def path(frame: pd.DataFrame, tmp_path: Path) -> str:
    frame.to_parquet(tmp_path / "rows.parquet", index=False)
    return str(tmp_path / "rows.parquet")


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("estimator", [*ESTIMATORS, Nearness(3, n_init=1, random_state=0)], ids=str)
def test_what_streams_is_predictions(estimator: Any, name: str, frame: pd.DataFrame, path: str) -> None:
    plain = clone(estimator).fit(path)
    wanted = KMeans.transform(plain, frame) if isinstance(plain, Nearness) else plain.transform(frame)
    asked = clone(estimator).set_output(transform=name).fit(path)
    everywhere = clone(estimator)
    with sklearn.config_context(transform_output=name):
        found = [asked.transform(path), plain.transform(path), everywhere.fit_transform(path)]
        found.append(plain.transform(shardlearn.read(frame)))
    found += [asked.transform(path), clone(asked).fit_transform(path), make_pipeline(asked).transform(path)]
    for streamed in found:
        assert isinstance(streamed, Predictions)
        np.testing.assert_array_equal(streamed.to_numpy(), wanted)
        assert streamed.to_arrow().column_names == ["row", "distance_0", "distance_1", "distance_2"]


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("estimator", [*ESTIMATORS, Nearness(3, n_init=1, random_state=0)], ids=str)
def test_what_is_in_memory_is_a_frame(estimator: Any, name: str, frame: pd.DataFrame, path: str) -> None:
    model = clone(estimator).fit(path)
    wanted = model.transform(frame)
    assert isinstance(wanted, np.ndarray)
    asked = clone(estimator).set_output(transform=name).fit(path)
    with sklearn.config_context(transform_output=name):
        found = [model.transform(frame), clone(estimator).fit_transform(frame), asked.transform(frame)]
    for made in [*found, asked.transform(frame), clone(asked).fit_transform(frame)]:
        assert isinstance(made, FRAMES[name])
        assert list(made.columns) == list(model.get_feature_names_out())
        np.testing.assert_array_equal(np.asarray(made), wanted)
        if isinstance(made, pd.DataFrame):
            pd.testing.assert_index_equal(made.index, frame.index)
    asked.set_output(transform="default")
    assert isinstance(asked.transform(frame), np.ndarray)


def test_who_wants_no_frames_has_none(frame: pd.DataFrame) -> None:
    class Bare(KMeans, auto_wrap_output_keys=None):
        def transform(self, X: Any) -> Any:
            return super().transform(X)

    with sklearn.config_context(transform_output="pandas"):
        made = Bare(3, n_init=1, random_state=0).fit(frame).transform(frame)
    assert isinstance(made, np.ndarray)
    assert not hasattr(Bare(3), "set_output")
