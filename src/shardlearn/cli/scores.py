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
}


def table(scores: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Metrics as lines."""
    rows = [("rows", f"{scores['rows']:,}")]
    rows += [(label, f"{scores[name]:.6g}") for name, label in LABELS.items() if scores.get(name) is not None]
    if scores.get("unknown"):
        rows.append(("unknown", f"{scores['unknown']:,} rows have a label that the model was not fitted on"))
    return rows
