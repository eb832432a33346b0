"""scikit-learn's own checks of estimators: all of them, with every expected failure and its reason."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sklearn.utils.estimator_checks import check_dataframe_column_names_consistency, parametrize_with_checks

from shardlearn.linear_model import LinearRegression, LogisticRegression, Ridge

DEFAULTS = [LinearRegression(), LinearRegression(positive=True), Ridge(), LogisticRegression()]
OTHERS = [
    LinearRegression(fit_intercept=False),
    Ridge(solver="lsqr"),
    Ridge(solver="svd", fit_intercept=False),
    Ridge(positive=True),
    LogisticRegression(solver="lbfgs", class_weight="balanced"),
    LogisticRegression(solver="newton-cholesky"),
    LogisticRegression(solver="gradient-descent", max_iter=5_000),
]
NOT_UNIQUE = (
    "with more features than rows many non-negative solutions fit equally well; which one is found depends on "
    "rounding, and so on whether a row stands there twice or with weight 2"
)


ARRAY_API = """
from sklearn.utils.estimator_checks import check_array_api_input
from tests.linear_model.test_checks import DEFAULTS
for estimator in DEFAULTS:
    check_array_api_input(type(estimator).__name__, estimator, "numpy", expect_only_array_outputs=False)
print("checked", len(DEFAULTS))
"""


def needs_array_api(check: Any) -> bool:
    """SciPy reads SCIPY_ARRAY_API when it is imported: this check needs a process of its own, see below."""
    return getattr(check, "func", check).__name__ == "check_array_api_input"


def expected(estimator: Any) -> dict[str, str]:
    if isinstance(estimator, LinearRegression) and estimator.positive:
        return {
            "check_sample_weight_equivalence_on_dense_data": NOT_UNIQUE,
            "check_sample_weight_equivalence_on_sparse_data": NOT_UNIQUE,
        }
    return {}


@parametrize_with_checks(DEFAULTS, expected_failed_checks=expected, xfail_strict=True)
def test_check(estimator: Any, check: Any) -> None:
    if not needs_array_api(check):
        check(estimator)


def test_check_of_array_api() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ARRAY_API],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"checked {len(DEFAULTS)}\n", done.stderr


@pytest.mark.slow
@parametrize_with_checks(OTHERS, expected_failed_checks=expected, xfail_strict=True)
def test_check_of_other_solvers(estimator: Any, check: Any) -> None:
    if not needs_array_api(check):
        check(estimator)


@pytest.mark.parametrize("estimator", DEFAULTS, ids=str)
def test_columns_by_name(estimator: Any) -> None:
    check_dataframe_column_names_consistency(type(estimator).__name__, estimator)
