"""Penalties on coefficients, one a file."""
