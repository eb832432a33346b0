"""k-means of sparse rows and of directions, as a state machine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.engines.fakes import ArrayBlocks
from tests.solvers.test_filters import kind_of
from tests.solvers.test_kmeans import clusters, solved
from tests.solvers.test_spreading import draws

from shardlearn import kernels
from shardlearn.core.errors import InputError
from shardlearn.core.fixed import scale
from shardlearn.core.matrix import to_dense
from shardlearn.solvers.clusters import Units
from shardlearn.solvers.kmeans import KMeans
from shardlearn.solvers.lloyd import Lloyd
from shardlearn.solvers.spreading import STEPS, settled, spread_sparse
from shardlearn.statistics.registry import sparse
from shardlearn.statistics.seeding import Drawn
from shardlearn.statistics.unit_rows import UnitRows


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bounds_change_no_label_on_the_sphere(dtype: Any) -> None:
    X, _ = kernels.normalized(kind_of("blobs").astype(dtype))
    problem = clusters(X, 50, start=3.0 * X[:50].astype(float), unit=True)

    def states(solver: Any) -> list[bytes]:
        found = [s.lloyd for s in solved(solver, problem, X, after=True) if s.lloyd]
        lengths = np.array([kernels.dot(c, c) for c in found[1].centers])
        np.testing.assert_allclose(lengths, 1.0, rtol=1e-14)
        return [found[-1].labels.tobytes(), *(s.centers.tobytes() + s.sums.tobytes() for s in found)]

    wanted = states(KMeans(Lloyd(0.0, 25, labels=True, bounds=False)))
    assert len(wanted) > 8
    assert states(KMeans(Lloyd(0.0, 25, labels=True))) == wanted


def test_rows_without_a_direction_are_refused() -> None:
    block = UnitRows()(ArrayBlocks(np.zeros((9, 3))).block(0))
    with pytest.raises(InputError, match="No row has a direction"):
        solved(KMeans(Lloyd()), clusters(block.X, 3, unit=True), block.X, block.weight)


def test_sparse_rows_of_zeros_are_drawn_last() -> None:
    """They are nearer to all rows than those with few features in common are to each other."""
    X = np.zeros((60, 40))
    X[np.arange(0, 60, 3), np.arange(20)] = 1.0
    block = ArrayBlocks(sparse(X)).block(0)
    for seed in range(5):
        drawn = Drawn(40, 25, seed, 0).of(block)
        assert sorted(drawn.id[:20].tolist()) == [*range(0, 60, 3)]
        assert len(drawn.id) == 25
    nothing = sparse(np.zeros((9, 4)))
    assert solved(KMeans(Lloyd()), clusters(nothing, 3), nothing).lloyd.inertia == 0.0


def test_rows_that_share_few_features_are_not_averaged() -> None:
    """Means of such rows would lie near zero: every row would be nearest to the largest of them."""
    draw = np.random.default_rng(3)
    X = np.where(draw.random((300, 400)) < 0.01, 1.0, 0.0)
    thin, masses = sparse(X), draw.integers(1, 5, 300)
    units = Units(scale(np.ones(400), int(masses.sum())), None, None)
    chosen = spread_sparse(thin, masses.astype(np.float64), draws(8, 1))
    np.testing.assert_array_equal(settled(thin, masses[None], X[chosen], units, STEPS), X[chosen])
    several = sparse(np.where(draw.random((300, 20)) < 0.3, 1.0, 0.0))
    units = Units(scale(np.ones(20), int(masses.sum())), None, None)
    chosen = spread_sparse(several, masses.astype(np.float64), draws(8, 1))
    means = settled(several, masses[None], to_dense(several)[chosen], units, STEPS)
    assert not np.isin(means, [0.0, 1.0]).all()
