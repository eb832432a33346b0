"""Elementary functions: at most 2 ulp from the truth, and right at the ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardlearn import kernels
from shardlearn.core.matrix import Floats
from shardlearn.kernels import reference

NAMES = ("exp", "log", "log1p", "expm1", "tanh", "expit", "softplus", "sin", "cos", "asin")
LIMIT = dict.fromkeys(NAMES, 2.0) | dict.fromkeys(("exp", "log", "log1p", "sin", "cos", "asin"), 1.0)


def ulps(got: Floats, truth: np.ndarray) -> Floats:
    with np.errstate(over="ignore", under="ignore"):
        near = np.abs(truth.astype(np.float64))
    inside = np.isfinite(near)
    np.testing.assert_array_equal(
        got[~inside], truth.astype(np.longdouble)[~inside].astype(np.float64, casting="unsafe")
    )
    return np.abs(got[inside] - truth[inside]) / np.spacing(near[inside])


def arguments(name: str) -> Floats:
    rng = np.random.default_rng(7)
    spread = [rng.normal(size=20_000) * s for s in (1e-8, 1e-3, 0.1, 1.0, 10.0)]
    spread += [rng.uniform(-744, 709, 20_000), 2.0 ** rng.uniform(-1074, 4, 20_000)]
    x = np.concatenate(spread)
    if name in ("sin", "cos"):  # also where they are near zero: at multiples of pi / 2
        near = (np.arange(1, 600_000, 29) * (np.longdouble(np.pi) / 2)).astype(np.float64)
        return np.concatenate([x, rng.uniform(-1e6, 1e6, 20_000), near, -near, near * (1 + 1e-13)])
    if name == "asin":
        return np.concatenate([rng.uniform(-1, 1, 40_000), 1 - 2.0 ** rng.uniform(-50, -1, 9_000), x[np.abs(x) < 1]])
    if name == "log":
        x = np.concatenate([np.abs(x), 1 + spread[1], 2.0 ** rng.uniform(-1074, 1023, 20_000)])
        return x[x > 0]
    return x[x > -1] if name == "log1p" else x


@pytest.mark.parametrize("name", NAMES)
def test_within_two_ulp(name: str) -> None:
    x = arguments(name)
    assert ulps(getattr(kernels, name)(x), getattr(reference, name)(x)).max() <= LIMIT[name]


@pytest.mark.parametrize("name", NAMES)
@given(x=st.floats(-1e300, 1e300, width=64))
def test_any_number(name: str, x: float) -> None:
    if (name == "log" and x <= 0) or (name == "log1p" and x <= -1):
        return
    if (name == "asin" and abs(x) > 1) or (name in ("sin", "cos") and abs(x) >= 2**20):
        assert np.isnan(getattr(kernels, name)(np.array([x])))[0]
        return
    at = np.array([x])
    with np.errstate(all="ignore"):
        truth = getattr(reference, name)(at)
        rounded = truth.astype(np.float64)
    got = getattr(kernels, name)(at)
    if np.isinf(rounded[0]) or rounded[0] == 0:
        assert got[0] == rounded[0]
    else:
        assert abs(got[0] - truth[0]) <= LIMIT[name] * np.spacing(abs(rounded[0]))


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [
        ("exp", [-np.inf, np.inf, 0.0, 710.0, -746.0, 1.0], [0.0, np.inf, 1.0, np.inf, 0.0, np.e]),
        ("log", [0.0, np.inf, 1.0, -0.0], [-np.inf, np.inf, 0.0, -np.inf]),
        ("log1p", [-1.0, np.inf, 0.0, 5e-324], [-np.inf, np.inf, 0.0, 5e-324]),
        ("expm1", [-np.inf, np.inf, 0.0, -60.0, 710.0, 5e-324], [-1.0, np.inf, 0.0, -1.0, np.inf, 5e-324]),
        ("tanh", [-np.inf, np.inf, 0.0, 30.0, 5e-324], [-1.0, 1.0, 0.0, 1.0, 5e-324]),
        ("expit", [-np.inf, np.inf, 0.0, 40.0, -746.0], [0.0, 1.0, 0.5, 1.0, 0.0]),
        ("sin", [0.0, 5e-324, np.pi / 2, -np.pi / 2], [0.0, 5e-324, 1.0, -1.0]),
        ("cos", [0.0, 5e-324], [1.0, 1.0]),
        ("asin", [0.0, 1.0, -1.0, 5e-324], [0.0, np.pi / 2, -np.pi / 2, 5e-324]),
        ("softplus", [-np.inf, np.inf, 0.0, 40.0, -746.0], [0.0, np.inf, np.log(2.0), 40.0, 0.0]),
    ],
)
def test_special_values(name: str, x: list[float], y: list[float]) -> None:
    np.testing.assert_array_equal(getattr(kernels, name)(np.array(x)), y)


@pytest.mark.parametrize("name", NAMES)
def test_nan_stays_nan_and_others_are_untouched(name: str) -> None:
    x = np.array([0.5, np.nan, 0.5, 0.25, 0.5, 0.5, 0.5, 0.5, np.nan])
    y = getattr(kernels, name)(x)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(x))
    assert y[0] == y[2] == getattr(kernels, name)(x[:1])[0]


@pytest.mark.parametrize("name", ["log", "log1p", "asin", "sin", "cos"])
def test_outside_the_domain(name: str) -> None:
    assert np.isnan(getattr(kernels, name)(np.array([-(2.0**20), -np.inf]))).all()


def test_signs_of_zero() -> None:
    for name in ("log1p", "expm1", "tanh", "sin", "asin"):
        assert np.signbit(getattr(kernels, name)(np.array([-0.0])))[0]


@pytest.mark.parametrize("shape", [(0,), (1,), (3, 5), (0, 4)])
def test_shapes_and_read_only(shape: tuple[int, ...]) -> None:
    x = np.full(shape, 0.3)
    x.setflags(write=False)
    assert kernels.exp(x).shape == shape


@pytest.mark.parametrize("bad", [np.ones(3, np.float32), np.ones(6)[::2], np.ones((4, 4)).T[1:], np.ones(3, ">f8")])
def test_wrong_arrays_are_type_errors(bad: np.ndarray) -> None:
    with pytest.raises(TypeError):
        kernels.exp(bad)
