"""Law 5: v - prox(v, t) over t is a (sub)gradient at prox(v, t); and gradients are derivatives."""

import numpy as np
import pytest

from shardlearn.penalties.registry import PENALTIES

POINTS = [np.zeros(3), np.array([1e-300, -1e-300, 0.0]), np.array([1.0, -2.0, 3.0]), np.array([1e150, -1.0, 0.0])]


@pytest.mark.parametrize("strength", [0.0, 1e-12, 1.0, 1e6])
@pytest.mark.parametrize("make", PENALTIES.values(), ids=PENALTIES)
@pytest.mark.parametrize("t", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("v", POINTS)
def test_prox(make, strength, t, v):
    penalty = make(strength)
    w = penalty.prox(v, t)
    np.testing.assert_allclose((v - w) / t, penalty.grad(w), rtol=1e-9, atol=1e-9 * np.abs(v).max() / t)
    draw = np.random.default_rng(0)
    for _ in range(20):
        other = w + 1e-3 * (1.0 + np.abs(w).max()) * draw.standard_normal(3)
        best = penalty.value(w) + ((w - v) ** 2).sum() / (2 * t)
        assert best <= (penalty.value(other) + ((other - v) ** 2).sum() / (2 * t)) * (1 + 1e-12)


@pytest.mark.parametrize("make", PENALTIES.values(), ids=PENALTIES)
def test_gradient(make):
    penalty, w, h = make(0.7), np.array([0.3, -2.0, 0.0, 5.0]), 1e-6
    for j, slope in enumerate(penalty.grad(w)):
        step = h * (np.arange(4) == j)
        assert (penalty.value(w + step) - penalty.value(w - step)) / (2 * h) == pytest.approx(slope, abs=1e-8)


@pytest.mark.parametrize("make", PENALTIES.values(), ids=PENALTIES)
def test_matrices_count_element_by_element(make):
    w = np.arange(6.0).reshape(2, 3)
    assert make(1.5).value(w) == make(1.5).value(w.reshape(-1))
    assert make(1.5).grad(w).shape == (2, 3)
