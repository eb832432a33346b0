"""scikit-learn's own checks of estimators: all of them, with every expected failure and its reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    parametrize_with_checks,
)

from shardlearn.linear_model import LinearRegression, LogisticRegression, Ridge

ESTIMATORS = [
    LinearRegression(),
    LinearRegression(fit_intercept=False),
    LinearRegression(positive=True),
    Ridge(),
    Ridge(solver="lsqr"),
    Ridge(positive=True),
    LogisticRegression(),
    LogisticRegression(solver="lbfgs", class_weight="balanced"),
    LogisticRegression(solver="newton-cholesky"),
    LogisticRegression(solver="gradient-descent", max_iter=5_000),
]
EXPECTED_TO_FAIL: dict[str, str] = {}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda estimator: EXPECTED_TO_FAIL, xfail_strict=True)
def test_check(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("estimator", [LinearRegression(), Ridge(), LogisticRegression()], ids=lambda e: str(e))
def test_column_names(estimator: BaseEstimator) -> None:
    check_dataframe_column_names_consistency(type(estimator).__name__, estimator)


def test_checks_were_collected() -> None:
    """The list above is not empty by accident."""
    assert len(list(ESTIMATORS)) == 10
    assert np.__version__
