"""The step length: strong Wolfe conditions, in few evaluations, also where values are infinite or all but equal."""

import numpy as np
import pytest

from shardlearn.solvers import linesearch
from shardlearn.solvers.linesearch import ARMIJO, EVALUATIONS, WOLFE, Place, Progress, Verdict


def walked(f, slope, t=1.0, at=0.0):
    """(step, evaluations, verdict)"""
    search = linesearch.begin(f(at), slope(at), t)
    while True:
        tried = search.t
        with np.errstate(all="ignore"):
            search, verdict = linesearch.advance(search, float(f(tried)), float(slope(tried)))
        if verdict is not Verdict.GO_ON:
            return tried, search.evaluations, verdict


FUNCTIONS = {
    "far away": (lambda t: (t - 300.0) ** 2, lambda t: 2.0 * (t - 300.0)),
    "near": (lambda t: (t - 1e-3) ** 2, lambda t: 2.0 * (t - 1e-3)),
    "just there": (lambda t: (t - 1.0) ** 2, lambda t: 2.0 * (t - 1.0)),
    "steep wall": (lambda t: np.exp(800.0 * t) - 900.0 * t, lambda t: 800.0 * np.exp(800.0 * t) - 900.0),
    "barrier": (
        lambda t: -np.log(0.3 - t) - 5.0 * t if t < 0.3 else np.nan,
        lambda t: 1.0 / (0.3 - t) - 5.0 if t < 0.3 else np.nan,
    ),
    "flat, then up": (lambda t: (t - 4.0) ** 4, lambda t: 4.0 * (t - 4.0) ** 3),
    "wave": (lambda t: np.cos(t) - 0.01 * t, lambda t: -np.sin(t) - 0.01),
    # More & Thuente (1994), function (5.1) with beta = 2
    "more-thuente 1": (lambda t: -t / (t * t + 2.0), lambda t: (t * t - 2.0) / (t * t + 2.0) ** 2),
    # and (5.2) with beta = 0.004
    "more-thuente 2": (
        lambda t: (t + 0.004) ** 5 - 2.0 * (t + 0.004) ** 4,
        lambda t: 5.0 * (t + 0.004) ** 4 - 8.0 * (t + 0.004) ** 3,
    ),
}


@pytest.mark.parametrize("t", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_wolfe_conditions(name, t):
    f, slope = FUNCTIONS[name]
    found, evaluations, verdict = walked(f, slope, t)
    assert verdict is Verdict.ACCEPT
    assert f(found) <= f(0.0) + ARMIJO * found * slope(0.0)
    assert abs(slope(found)) <= WOLFE * abs(slope(0.0))
    assert evaluations <= 16


def test_a_good_first_step_is_taken():
    assert walked(*FUNCTIONS["just there"])[:2] == (1.0, 1)


@pytest.mark.parametrize("minimum", [0.2, 1.0, 5.0, 60.0])
def test_values_that_differ_by_rounding_only(minimum):
    """F = 1 + 1e-17 (t - m)^2 is one number; its slope still shows the way."""
    found, _, verdict = walked(lambda t: 1.0, lambda t: 2e-17 * (t - minimum))
    assert verdict is Verdict.ACCEPT
    assert abs(found - minimum) <= WOLFE * minimum


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda t: -t, lambda t: -1.0),  # falls for ever
        (lambda t: 0.0 if t == 0.0 else np.nan, lambda t: -1.0),
        (lambda t: 0.0 if t == 0.0 else 1.0, lambda t: -1.0),  # rises, whatever its slope says
        (lambda t: 0.0 if t == 0.0 else 1.0, lambda t: -1.0 if t == 0.0 else 1.0),
    ],
)
def test_hopeless(f, slope):
    _, evaluations, verdict = walked(f, slope)
    assert verdict is Verdict.FAIL
    assert evaluations <= EVALUATIONS


@pytest.mark.parametrize("low", [Place(0.0, 0.0, -1.0), Place(2.0, 0.0, -1.0)])
@pytest.mark.parametrize("value", [-3.0, -0.5, 0.0, 0.5, 3.0])
@pytest.mark.parametrize("slope", [-5.0, -1.0, 0.0, 1.0, 5.0, np.nan])
def test_the_next_place_lies_inside(low, value, slope):
    t = linesearch._between(low, Place(1.0, value, slope))
    assert min(low.t, 1.0) + 0.09 <= t <= max(low.t, 1.0) - 0.09


def test_progress():
    start = Progress().after(np.inf, 1.0, 1.0)
    assert start.idle == 0
    assert start.after(1.0, 0.5, 2.0).idle == 0
    assert start.after(1.0, 1.0, 0.9).after(1.0, 1.0, 0.8) == Progress(1.0, 2)
    assert start.after(1.0, 1.0, 0.9).after(1.0, 1.0, 0.4) == Progress(0.4, 0)


def test_a_bracket_that_closes():
    """No place between the ends lowers the value enough, and the ends meet."""
    search = linesearch.begin(0.0, -1.0)
    for _ in range(EVALUATIONS):
        search, verdict = linesearch.advance(search, np.inf, np.nan)
    assert verdict is Verdict.FAIL
    assert search.t <= 1e-15
