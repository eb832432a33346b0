"""Metrics of predictions that stream past: exact sums, so the same bits however the rows are cut."""

from .classification import Classification, ClassScores
from .regression import Regression, RegressionScores

__all__ = ["ClassScores", "Classification", "Regression", "RegressionScores"]
