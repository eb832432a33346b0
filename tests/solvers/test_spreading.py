"""First centres among weighted candidates: chosen by their masses, the best search finished, dense and sparse."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from tests.solvers.fitting import csr
from tests.solvers.test_kmeans import lloyd

from shardlearn import kernels
from shardlearn.core.fixed import scale
from shardlearn.core.rng import Purpose
from shardlearn.solvers import spreading
from shardlearn.solvers.clusters import Units
from shardlearn.solvers.spreading import (
    BEGIN,
    SEARCHES,
    STEPS,
    STREAM,
    potential,
    searched,
    settled,
    spread_sparse,
    trials,
)


def draws(k: int, seed: int, search: int = 0) -> Any:
    """As a search on the driver draws."""
    ids = np.arange(k * trials(k))
    return kernels.uniform(seed, Purpose.SEEDING, ids, STREAM + search).reshape(k, -1)


def test_candidates_without_mass_are_not_chosen() -> None:
    X = np.random.default_rng(2).normal(size=(50, 3))
    masses = np.zeros(50)
    masses[::2] = 5
    for seed in range(20):
        assert (kernels.spread(X, masses, draws(10, seed)) % 2 == 0).all()


def test_greedy_choices_beat_single_ones() -> None:
    """Candidates on nine spots: one of each is chosen, whatever the seed."""
    spots = 50.0 * np.array(list(itertools.product(range(3), repeat=2)))
    X = np.repeat(spots, 20, axis=0) + np.random.default_rng(0).normal(size=(180, 2))
    for seed in range(10):
        chosen = kernels.spread(X, np.ones(180), draws(9, seed))
        assert len({tuple(spot) for spot in np.rint(X[chosen] / 50.0)}) == 9


@pytest.mark.parametrize("apart", [40, 3, 0])
def test_sparse_candidates_are_chosen_as_dense_ones(apart: int) -> None:
    """Whole numbers, of which both ways have exact distances; from the first on again where few lie apart."""
    draw = np.random.default_rng(apart)
    spots = draw.integers(-2, 3, (max(apart, 1), 12)).astype(np.float64)
    X, mass = spots[np.arange(40) % len(spots)], draw.integers(1, 4, 40) * float(apart > 0)
    for seed in range(10):
        chosen = spread_sparse(csr(X), mass, draws(9, seed))
        np.testing.assert_array_equal(chosen, kernels.spread(X, mass, draws(9, seed)))
        assert len({tuple(X[i]) for i in chosen}) == min(len(spots), 9)


@pytest.mark.parametrize(("m", "k"), [(40, 2), (2000, 60)])
def test_candidates_settle_by_their_masses(m: int, k: int) -> None:
    """A few iterations where that is enough, else STEPS of them; each as if a candidate stood there mass times."""
    draw = np.random.default_rng(4)
    X, masses = draw.uniform(size=(m, 1)), draw.integers(1, 5, m)
    units = Units(scale(np.abs(X).max(axis=0), int(masses.sum())), None, None)
    found = settled(X, masses[None], X[:k], units, STEPS)
    steps = lloyd(np.repeat(X, masses, axis=0), X[:k], STEPS)
    assert (len(steps) < STEPS) == (m == 40)
    np.testing.assert_allclose(found, steps[-1][1], rtol=1e-12)


@pytest.mark.parametrize("several", [True, False], ids=["several searches", "one"])
def test_the_best_search_is_finished(several: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(6)
    X = 9.0 * draw.normal(size=(30, 2))[draw.integers(0, 30, 600)] + draw.normal(size=(600, 2))
    masses = draw.integers(1, 5, 600)
    mass = masses.astype(np.float64)
    units = Units(scale(np.abs(X).max(axis=0), int(masses.sum())), None, None)
    if not several:
        monkeypatch.setattr(spreading, "KEPT", 599)
        monkeypatch.setattr(spreading, "PRODUCTS", 1)
    starts = [X[kernels.spread(X, mass, draws(30, 1, s))] for s in range(SEARCHES if several else 1)]
    each = [settled(X, masses[None], start, units, BEGIN) for start in starts]
    left = [potential(X, mass, centers) for centers in each]
    assert len(set(left)) == (SEARCHES if several else 1)
    squares = ((X[:, None] - each[0]) ** 2).sum(axis=2).min(axis=1)
    assert left[0] == pytest.approx(float((squares * masses).sum()), rel=1e-12)
    wanted = settled(X, masses[None], each[int(np.argmin(left))], units, STEPS)
    assert searched(X, masses[None], 30, 1, units).tobytes() == wanted.tobytes()


def test_candidates_of_float32_are_compared_as_those_of_float64() -> None:
    X = np.random.default_rng(6).normal(size=(300, 20)).astype(np.float32).astype(np.float64)
    masses, units = np.ones((1, 300), np.int64), Units(scale(np.abs(X).max(axis=0), 300), None, None)
    found = {searched(X, masses, 9, 2, units, dtype).tobytes() for dtype in ("float32", "float64")}
    assert len(found) == 1
