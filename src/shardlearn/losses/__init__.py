"""Losses: pointwise in the linear predictor z, one a file."""
