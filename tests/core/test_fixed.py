"""Sums in fixed point: the same bits in any order, to half a low unit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from shardlearn.core.fixed import Weights, limbs, means, scale, total, unit
from shardlearn.statistics.seeding import lowest_bit


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_sums_are_exact_in_any_order(count: int) -> None:
    draw = np.random.default_rng(0)
    values = draw.standard_normal((count, 3)) * np.array([1e-9, 1.0, 1e12])
    unit = scale(np.abs(values).max(axis=0), count)
    terms = limbs(values, unit)
    forward = terms.sum(axis=1)
    backward = terms[:, ::-1].sum(axis=1)
    assert np.array_equal(forward, backward)
    got = total(forward, unit)
    for j in range(3):
        exact = sum((Fraction(v) for v in values[:, j].tolist()), Fraction(0))
        # Each limb of a sum is rounded once, to 53 bits of at most count * max.
        assert abs(Fraction(got[j]) - exact) <= Fraction(count * float(np.abs(values[:, j]).max())) * Fraction(2) ** -51


def test_columns_of_zeros() -> None:
    unit = scale(np.array([0.0]), 10)
    assert unit.exponent.tolist() == [0]
    assert total(limbs(np.zeros((4, 1)), unit).sum(axis=1), unit).tolist() == [0.0]


@pytest.mark.parametrize(
    ("itemsize", "count", "parts", "room"), [(4, 1 << 30, 1, 32), (8, 1 << 20, 2, 42), (8, 7, 2, 51)]
)
def test_limbs_hold_what_data_have(itemsize: int, count: int, parts: int, room: int) -> None:
    made = scale(np.array([5.0]), count, itemsize=itemsize)
    assert (made.limbs, made.room) == (parts, room)
    assert unit(made)[0] == 8.0 * 2.0 ** (-room * parts)
    values = np.random.default_rng(1).uniform(-5.0, 5.0, (100, 1))
    terms = limbs(values, made)
    assert np.abs(terms).max() <= 1 << room
    np.testing.assert_allclose(total(terms, made), values, rtol=0, atol=unit(made)[0] / 2 + 1e-15)


def test_the_mean_of_equal_values_is_the_value() -> None:
    values = np.random.default_rng(2).normal(size=(500, 3)) * np.array([1e-6, 1.0, 1e9])
    made, counts = scale(np.abs(values).max(axis=0), 1 << 20), np.arange(1, 501)
    np.testing.assert_array_equal(means(limbs(values, made) * counts[:, None], counts, made), values)
    plain = total(limbs(values, made) * counts[:, None], made) / counts[:, None]
    assert (plain != values).any()


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_whole_weights(layers: int) -> None:
    """Each layer is below 2^bits, and together they are the weight to half of the last unit."""
    weight = np.random.default_rng(layers).uniform(size=200) * 2.0 ** -np.arange(200.0)
    made = Weights(10, 10, layers)
    whole = made.whole(weight)
    assert (whole >= 0).all()
    assert (whole <= 1 << 10).all()
    assert (np.abs(made.total(whole) - weight) <= 2.0 ** (-10 * layers - 1)).all()
    exact = np.arange(1 << 10) / 2.0 ** (10 * layers)
    assert made.total(made.whole(exact)).tolist() == exact.tolist()


def test_the_lowest_bit() -> None:
    for value, wanted in ((1.0, 0), (3.0, 0), (12.0, 2), (0.75, -2), (2.0**40 + 0.5, -1), (5e-324, -1074), (0.1, -55)):
        assert lowest_bit(np.array([8.0 * 2.0**40, value])) == wanted
