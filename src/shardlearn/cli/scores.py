"""Metrics as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LABELS = {
    "accuracy": "accuracy",
    "log_loss": "log loss",
    "brier": "Brier score",
    "auc": "AUC",
    "r2": "R2",
    "mse": "MSE",
    "mae": "MAE",
    "inertia": "inertia",
    "silhouette": "silhouette",
}


def table(scores: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Metrics as lines."""
    rows = [("rows", f"{scores['rows']:,}")]
    rows += [(label, f"{scores[name]:.6g}") for name, label in LABELS.items() if scores.get(name) is not None]
    if scores.get("silhouette_rows"):
        rows[-1] = (rows[-1][0], f"{rows[-1][1]} (of {scores['silhouette_rows']:,} rows)")
    if scores.get("unknown"):
        rows.append(("unknown", f"{scores['unknown']:,} rows have a label that the model was not fitted on"))
    return rows
