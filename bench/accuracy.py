"""Least squares beside LAPACK's on columns whose mean is 10,000 times their spread: error over condition number."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from sklearn.linear_model import LinearRegression as Theirs

from shardlearn.linear_model import LinearRegression

from .settings import rows

HEAD = ("accuracy of OLS", "condition", "error / condition", "scikit-learn's", "bar")
BAR = 1e-10


def table() -> list[tuple[str, ...]]:
    return [_row(kappa) for kappa in (1e1, 1e3, 1e6)]


def _row(kappa: float) -> tuple[str, ...]:
    n, p = rows(200_000), 50
    rng = np.random.default_rng(7)
    X = rng.standard_normal((n, p)) * np.geomspace(1.0, 1.0 / kappa, p) @ np.linalg.qr(rng.standard_normal((p, p)))[0]
    X += 1e4 * X.std(axis=0)
    y = (X - X.mean(axis=0)) @ rng.standard_normal(p) + rng.standard_normal(n) + 5.0
    centered = X - X.mean(axis=0)  # exact: the columns are far from zero
    true = scipy.linalg.lstsq(np.column_stack([centered, np.ones(n)]), y)[0][:p]
    singular = np.linalg.svd(centered, compute_uv=False)
    condition = singular[0] / singular[-1]

    def error(model) -> float:
        return float(np.linalg.norm(model.fit(X, y).coef_ - true) / np.linalg.norm(true) / condition)

    ours, theirs = error(LinearRegression(tol=1e-15)), error(Theirs(tol=1e-15))  # no direction is cut off
    return (f"{n:,} x {p}, mean 1e4 x spread", f"{condition:.0e}", f"{ours:.0e}", f"{theirs:.0e}", f"{BAR:.0e}")
