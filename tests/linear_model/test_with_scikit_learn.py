"""Real scikit-learn estimators: search, validation, pipelines, clones, copies, representation, routing, storage."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import StackingClassifier, VotingRegressor
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate, train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._repr_html.common import get_docstring
from tests.linear_model.problems import classification, regression

import shardlearn
from shardlearn.linear_model import LinearRegression, LogisticRegression, Ridge

FITTED = [
    (LinearRegression(), regression()),
    (LinearRegression(positive=True), regression(targets=2)),
    (Ridge(alpha=2.0), regression()),
    (LogisticRegression(), classification()),
    (LogisticRegression(C=0.5, class_weight={0: 2.0}), classification(classes=3)),
]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_grid_search(n_jobs: int) -> None:
    data = classification()
    search = GridSearchCV(LogisticRegression(), {"C": [1e-4, 1.0], "solver": ["auto", "lbfgs"]}, cv=3, n_jobs=n_jobs)
    search.fit(data.X, data.y)
    assert search.best_params_["C"] == 1.0
    peer = GridSearchCV(sklearn.linear_model.LogisticRegression(), {"C": [1e-4, 1.0]}, cv=3).fit(data.X, data.y)
    assert abs(search.best_score_ - peer.best_score_) < 0.01


def test_cross_validation_gives_the_scores_of_scikit_learn() -> None:
    data = regression()
    for ours, theirs in (
        (Ridge(), sklearn.linear_model.Ridge()),
        (LinearRegression(), sklearn.linear_model.LinearRegression()),
    ):
        np.testing.assert_allclose(
            cross_val_score(ours, data.X, data.y), cross_val_score(theirs, data.X, data.y), rtol=1e-9
        )
    labelled = classification(classes=3)
    found = cross_validate(
        LogisticRegression(), labelled.X, labelled.y, scoring=["accuracy", "neg_log_loss", "roc_auc_ovr"]
    )
    wanted = cross_validate(
        sklearn.linear_model.LogisticRegression(tol=1e-8),
        labelled.X,
        labelled.y,
        scoring=["accuracy", "neg_log_loss", "roc_auc_ovr"],
    )
    for name in ("test_accuracy", "test_neg_log_loss", "test_roc_auc_ovr"):
        np.testing.assert_allclose(found[name], wanted[name], atol=1e-2)


def test_meta_estimators() -> None:
    data, labelled = regression(), classification(classes=3)
    scaled = make_pipeline(StandardScaler(), LogisticRegression()).fit(labelled.X, labelled.y)
    assert scaled.score(labelled.X, labelled.y) > 0.4
    for meta in (
        OneVsRestClassifier(LogisticRegression()),
        CalibratedClassifierCV(LogisticRegression(), cv=2),
        StackingClassifier([("a", LogisticRegression()), ("b", LogisticRegression(C=0.1))], cv=2),
    ):
        assert meta.fit(labelled.X, labelled.y).predict(labelled.X).shape == labelled.y.shape
    VotingRegressor([("a", Ridge()), ("b", LinearRegression())]).fit(data.X, data.y).predict(data.X)
    TransformedTargetRegressor(Ridge(), func=np.cbrt, inverse_func=lambda v: v**3).fit(data.X, data.y).predict(data.X)
    permutation_importance(Ridge().fit(data.X, data.y), data.X, data.y, n_repeats=2, random_state=0)


@pytest.mark.parametrize(("model", "data"), FITTED)
def test_copies_are_the_same_model(model: Any, data: Any) -> None:
    model = clone(model).fit(data.X, data.y)
    assert not hasattr(clone(model), "coef_")
    assert clone(model).get_params() == model.get_params()
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert shardlearn.fingerprint(other) == shardlearn.fingerprint(model)
        np.testing.assert_array_equal(other.predict(data.X), model.predict(data.X))
        assert other.report_.rows == model.report_.rows


@pytest.mark.parametrize(("model", "data"), FITTED)
def test_saved_and_loaded(model: Any, data: Any, tmp_path: Path) -> None:
    frame = pd.DataFrame(data.X).add_prefix("x")
    model = clone(model).fit(frame, data.y)
    shardlearn.save(model, tmp_path / "model")
    loaded = shardlearn.load(tmp_path / "model")
    assert type(loaded) is type(model)
    assert shardlearn.fingerprint(loaded) == shardlearn.fingerprint(model)
    np.testing.assert_array_equal(loaded.predict(frame), model.predict(frame))
    assert list(loaded.feature_names_in_) == list(frame.columns)
    np.testing.assert_array_equal(loaded.to_sklearn().predict(frame), model.to_sklearn().predict(frame))


def test_representations() -> None:
    model = LogisticRegression(C=0.5)
    assert repr(model) == "LogisticRegression(C=0.5)"
    data = classification()
    html = model.fit(data.X, data.y)._repr_html_()
    assert "LogisticRegression" in html
    assert "class_weight" in html
    assert "Inverse strength of the penalty" in str(get_docstring(LogisticRegression, "Parameters", "C"))  # tooltips
    assert "Report of LogisticRegression" in repr(model.report_)


def test_weights_are_routed() -> None:
    data = regression()
    assert data.weight is not None
    with sklearn.config_context(enable_metadata_routing=True):
        model = Ridge().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        found = cross_validate(model, data.X, data.y, params={"sample_weight": data.weight}, cv=3)
    peer = sklearn.linear_model.Ridge()
    with sklearn.config_context(enable_metadata_routing=True):
        peer.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        wanted = cross_validate(peer, data.X, data.y, params={"sample_weight": data.weight}, cv=3)
    np.testing.assert_allclose(found["test_score"], wanted["test_score"], rtol=1e-9)


def test_a_path_goes_through_a_pipeline_of_one_and_not_through_model_selection(tmp_path: Path) -> None:
    data = classification()
    pd.DataFrame(data.X).add_prefix("x").assign(y=data.y).to_parquet(tmp_path / "a.parquet")
    source = shardlearn.read(str(tmp_path / "a.parquet"))
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]})
    for refused in (
        lambda: cross_val_score(LogisticRegression(), source, data.y),
        lambda: search.fit(source, data.y),
        lambda: train_test_split(source, data.y),
        lambda: np.asarray(source),
        lambda: len(source),
    ):
        with pytest.raises(TypeError, match=r"Give it a table in memory .* or .* `shardlearn fit --holdout 0\.1`"):
            refused()
    with pytest.raises(TypeError, match="Give it the table itself"):
        len(shardlearn.read(pd.DataFrame(data.X)))
    model = LogisticRegression().fit(source, "y")
    assert make_pipeline(model).score(source, "y") == model.score(source, "y")


def test_tags() -> None:
    for model, kind in (
        (LinearRegression(), "regressor"),
        (Ridge(), "regressor"),
        (LogisticRegression(), "classifier"),
    ):
        tags = sklearn.utils.get_tags(model)
        assert tags.estimator_type == kind
        assert tags.input_tags.sparse
        assert tags.target_tags.required
        assert tags.target_tags.multi_output is (kind == "regressor")
        assert not tags.non_deterministic
