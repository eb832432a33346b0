"""Law 4: slope and curvature are the derivatives of value, at the ends of the domain too; the native pass agrees."""

import numpy as np
import pytest

from shardlearn import kernels
from shardlearn.losses.registry import LOSSES

ENDS = {"squared": 1e6, "logistic": 700.0, "multinomial": 700.0, "poisson": 50.0}  # of z: |z| up to there


def outputs(loss):
    return 4 if loss.codes else 2 if loss.name == "squared" else 1


def some(loss, n=400, seed=0, spread=3.0):
    """Targets over the whole domain, its ends included, and scores from the middle to the ends."""
    draw = np.random.default_rng(seed)
    k = outputs(loss)
    z = draw.standard_normal((n, k)) * spread
    if loss.codes:
        y = draw.integers(0, k, n).astype(float)
    else:
        low, high = (max(loss.domain[0], -5.0), min(loss.domain[1], 5.0))
        y = low + (high - low) * draw.random((n, k))
        y[: n // 4], y[n // 4 : n // 2] = low, high
        y = y if k > 1 else y[:, 0]
    return y, z


def at_the_ends(loss):
    """Every combination of extreme scores and extreme targets."""
    end, k = ENDS[loss.name], outputs(loss)
    z = np.array(np.meshgrid(*[[-end, -1e-9, 0.0, 1e-9, end]] * min(k, 2))).reshape(min(k, 2), -1).T
    z = np.ascontiguousarray(np.pad(z, ((0, 0), (0, k - z.shape[1]))))
    ys = range(k) if loss.codes else [max(loss.domain[0], -2.0), min(loss.domain[1], 2.0)]
    y = np.repeat(np.array(ys, float), len(z))
    z = np.tile(z, (len(ys), 1))
    return (y if loss.codes or k == 1 else np.stack([y] * k, axis=1)), z


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_generators_vary_and_cover_the_ends(loss):
    y, z = some(loss)
    assert len(np.unique(z)) == z.size
    assert {y.min(), y.max()} == ({0.0, 3.0} if loss.codes else {max(loss.domain[0], -5), min(loss.domain[1], 5.0)})
    assert np.abs(at_the_ends(loss)[1]).max() == ENDS[loss.name]


def numeric(f, z, q, h):
    """Central difference of f in output q."""
    up, down = z.copy(), z.copy()
    up[:, q] += h
    down[:, q] -= h
    return (f(up) - f(down)) / (up[:, q] - down[:, q]).reshape((-1,) + (1,) * (f(up).ndim - 1))


@pytest.mark.parametrize("where", [some, at_the_ends])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_derivatives(loss, where):
    y, z = where(loss)
    slope, curvature, factor = loss.slope(y, z), loss.curvature(y, z), loss.coupling(y, z)
    assert np.isfinite(loss.value(y, z)).all()
    for q in range(z.shape[1]):
        h = 1e-4 * np.maximum(1.0, np.abs(z[:, q]) * 1e-3)
        first = numeric(lambda at: loss.value(y, at), z, q, h)
        noise = 1e-12 * np.abs(loss.value(y, z)) / h
        assert (np.abs(first - slope[:, q]) <= 1e-6 * (1.0 + np.abs(slope[:, q])) + noise).all()
        second = numeric(lambda at: loss.slope(y, at), z, q, h)
        size = 1e-6 * (1.0 + np.abs(curvature[:, q])) + 1e-12 * np.abs(slope).max(axis=1) / h
        assert (np.abs(second[:, q] - curvature[:, q]) <= size).all()
        for other in set(range(z.shape[1])) - {q}:
            mixed = 0.0 if factor is None else -factor[:, q] * factor[:, other]
            assert (np.abs(second[:, other] - mixed) <= size).all()


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_curvature_is_between_zero_and_its_bound(loss):
    for y, z in (some(loss), at_the_ends(loss)):
        curvature = loss.curvature(y, z)
        assert (curvature >= 0.0).all()
        assert loss.bound is None or (curvature <= loss.bound * (1.0 + 1e-15)).all()


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_adding_one_number_to_all_outputs(loss):
    y, z = some(loss, spread=1.0)
    moved = loss.value(y, z + 0.75) - loss.value(y, z)
    assert (np.abs(moved).max() < 1e-12) == loss.shiftable


@pytest.mark.parametrize("where", [some, at_the_ends])
@pytest.mark.parametrize("loss", [one for one in LOSSES.values() if one.fused is not None], ids=lambda one: one.name)
def test_the_native_pass_has_the_same_bits(loss, where):
    y, z = where(loss)
    value, slope = kernels.glm_values(z, y, loss.fused)
    assert loss.value(y, z).tobytes() == value.tobytes()
    assert loss.slope(y, z).tobytes() == slope.tobytes()


def test_integer_targets_are_taken():
    z = np.array([[0.5], [2.0]])
    for name in ("squared", "logistic", "poisson"):
        loss = LOSSES[name]
        assert loss.value(np.array([1, 0]), z).tobytes() == loss.value(np.array([1.0, 0.0]), z).tobytes()
