"""scikit-learn's own checks of estimators: all of them, with every expected failure and its reason."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import check_dataframe_column_names_consistency, parametrize_with_checks
from tests.linear_model.test_checks import needs_array_api

from shardlearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestNeighbors,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)

DEFAULTS = [
    NearestNeighbors(),
    KNeighborsClassifier(),
    KNeighborsRegressor(),
    RadiusNeighborsClassifier(outlier_label="most_frequent"),
    RadiusNeighborsRegressor(),
]
OTHERS = [
    NearestNeighbors(metric="cosine"),
    NearestNeighbors(metric="manhattan", store="rows"),
    KNeighborsClassifier(weights="distance", p=3),
    KNeighborsRegressor(weights="distance", metric="chebyshev"),
    RadiusNeighborsClassifier(50.0, weights="distance", algorithm="kd_tree"),
    RadiusNeighborsRegressor(50.0, weights="distance"),
]


@parametrize_with_checks(DEFAULTS, xfail_strict=True)
def test_check(estimator: Any, check: Any) -> None:
    if not needs_array_api(check):
        check(estimator)


@pytest.mark.slow
@parametrize_with_checks(OTHERS, xfail_strict=True)
def test_check_of_other_metrics(estimator: Any, check: Any) -> None:
    if not needs_array_api(check):
        check(estimator)


@pytest.mark.parametrize("estimator", DEFAULTS, ids=str)
def test_columns_by_name(estimator: Any) -> None:
    check_dataframe_column_names_consistency(type(estimator).__name__, estimator)
