"""scikit-learn's own checks of estimators: all of them, with every expected failure and its reason."""

from __future__ import annotations

from typing import Any

from sklearn.utils.estimator_checks import check_dataframe_column_names_consistency, parametrize_with_checks
from tests.linear_model.test_checks import needs_array_api

from shardlearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans

ESTIMATORS = [
    KMeans(n_clusters=3),
    KMeans(n_clusters=3, init="random", n_init=2),
    KMeans(n_clusters=3, metric="cosine"),
    MiniBatchKMeans(n_clusters=3),
    BisectingKMeans(n_clusters=3),
]
DRAWN_BY_ROW = "each row draws by its id: rows that stand there twice, or are left out, draw otherwise"


def expected(estimator: Any) -> dict[str, str]:
    return {
        "check_sample_weight_equivalence_on_dense_data": DRAWN_BY_ROW,
        "check_sample_weight_equivalence_on_sparse_data": DRAWN_BY_ROW,
    }


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected, xfail_strict=True)
def test_check(estimator: Any, check: Any) -> None:
    if not needs_array_api(check):
        check(estimator)


def test_columns_by_name() -> None:
    check_dataframe_column_names_consistency("KMeans", KMeans(n_clusters=3))
