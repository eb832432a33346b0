"""scikit-learn on the same rows, for comparison: everything in memory, on one machine."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from .flights import FEATURES, TARGET


def auc(learn: pa.Table, check: pa.Table) -> float:
    """Area under the ROC curve on `check`; rows with missing values left out, as `--missing drop` does."""
    model = LogisticRegression(solver="newton-cholesky", tol=1e-8).fit(*_arrays(learn))
    X, y = _arrays(check)
    return float(roc_auc_score(y, model.decision_function(X)))


def _arrays(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    whole = table.drop_null()
    return np.column_stack([whole[name].to_numpy().astype(float) for name in FEATURES]), whole[TARGET].to_numpy()
