"""Sums in fixed point: the same bits in any order, to half a low unit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from shardlearn.core.fixed import limbs, scale, total


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
