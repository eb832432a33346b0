"""Solvers: pure state machines over statistics, one a file."""
