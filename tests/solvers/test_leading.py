"""Directions along which centres differ: there are few of them, or none are taken."""

from __future__ import annotations

import numpy as np

from shardlearn.solvers.leading import Leading, leading


def test_directions_hold_what_lies_between_centres() -> None:
    rng = np.random.default_rng(0)
    along = np.linalg.qr(rng.normal(size=(200, 6)))[0].T
    C = 5.0 * rng.normal(size=(300, 6)) @ along + 0.01 * rng.normal(size=(300, 200))
    found = leading(C)
    assert isinstance(found, Leading)
    assert found.directions.shape == (8, 200)
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(8), atol=1e-9)
    apart = C - C.mean(axis=0)
    assert ((apart @ found.directions.T) ** 2).sum() > 0.97 * (apart**2).sum()
    C[7] = 1e9  # one far away is not all there is
    other = leading(C)
    assert other is not None
    apart = np.delete(C, 7, axis=0) - np.delete(C, 7, axis=0).mean(axis=0)
    assert ((apart @ other.directions.T) ** 2).sum() > 0.97 * (apart**2).sum()


def test_no_directions_where_many_would_be_needed() -> None:
    rng = np.random.default_rng(0)
    assert leading(rng.normal(size=(300, 100))) is None
    assert leading(rng.normal(size=(300, 63))) is None
    assert leading(rng.normal(size=(63, 100))) is None
    assert leading(np.zeros((70, 100))) is None
    with np.errstate(over="ignore", invalid="ignore"):
        assert leading(np.full((70, 100), 1e200) * rng.normal(size=(70, 100))) is None
    assert leading(rng.normal(size=(70, 8)) @ rng.normal(size=(8, 100))) is not None
    assert leading(rng.normal(size=(100, 8)) @ rng.normal(size=(8, 70))) is not None
