"""Engines: where blocks live, and who computes."""
