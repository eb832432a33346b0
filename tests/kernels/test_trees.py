"""A tree finds what comparing all rows finds: every id and every bit, and looks at few rows where features are few."""

from __future__ import annotations

import numpy as np
import pytest
from tests.neighbors.brute import data, keys, nearest

from shardlearn import kernels
from shardlearn.kernels import Measure, Neighbors, Points, Tree

KINDS = ["normal", "duplicates", "grid", "offset"]
MEASURES = {
    "euclidean": Measure.SQUARE,
    "manhattan": Measure.ABSOLUTE,
    "chebyshev": Measure.LARGEST,
    "minkowski": Measure.POWER,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("p", [1, 2, 3, 7, 16])
@pytest.mark.parametrize("n", [1, 31, 32, 33, 700, 5000])
def test_the_same_as_all_rows(kind: str, p: int, n: int) -> None:
    X, Q = data(kind, n, p, 40, np.float32 if p % 2 else np.float64)
    ids = np.sort(np.random.default_rng(1).permutation(3 * n)[:n])
    tree, q = Tree.of(X, ids), Q.astype(np.float64)
    np.testing.assert_array_equal(np.sort(tree.ids), ids)
    for name, measure in MEASURES.items():
        key = keys(name, X, Q, 3.0)
        for k in (1, 10, 32, 33, 100):
            wanted, at = nearest(key, min(k, n))
            found = Neighbors.none(40, k)
            tree.nearest(q, measure, 3.0, found)
            np.testing.assert_array_equal(found.id[:, :n], ids[at])
            np.testing.assert_array_equal(found.square[:, :n], wanted)
            assert (found.id[:, n:] == np.iinfo(np.int64).max).all()
        limit, counts = float(np.median(key)), np.zeros(40, np.int64)
        tree.within(q, measure, 3.0, limit, counts)
        np.testing.assert_array_equal(counts, (key <= limit).sum(axis=1))
        pairs = tree.within(q, measure, 3.0, limit)
        starts, order = kernels.sorted_lists(pairs, 40)
        np.testing.assert_array_equal(starts, np.concatenate([[0], np.cumsum(counts)]))
        for j in range(40):
            inside = np.flatnonzero(key[j] <= limit)
            inside = inside[np.lexsort((inside, key[j][inside]))]
            np.testing.assert_array_equal(pairs.id[order[starts[j] : starts[j + 1]]], ids[inside])


def test_joins_what_was_found_among_others() -> None:
    X, Q = data("grid", 900, 2, 30)
    wanted, ids = nearest(keys("euclidean", X, Q), 12)
    found = Neighbors.none(30, 12)
    for part in (slice(0, 5), slice(5, 400), slice(400, 900)):
        Tree.of(X[part], np.arange(900)[part]).nearest(Q, Measure.SQUARE, 2.0, found)
    np.testing.assert_array_equal(found.id, ids)
    np.testing.assert_array_equal(found.square, wanted)


def test_few_rows_are_looked_at() -> None:
    """It would be right as well if it looked at all: so they are counted."""
    rng = np.random.default_rng(0)
    for p, most in ((1, 0.01), (2, 0.02), (3, 0.05)):
        X = rng.normal(size=(20_000, p))
        seen = Tree.of(X, np.arange(20_000)).nearest(X[:500].copy(), Measure.SQUARE, 2.0, Neighbors.none(500, 10))
        assert seen < most * 500 * 20_000


def test_extreme_values() -> None:
    rng = np.random.default_rng(2)
    X = rng.choice([0.0, 5e-324, 1e-160, 1.0, 1e155, 1e308, -1e308, -1e155], (3000, 3))
    Q = X[::100].copy()
    with np.errstate(over="ignore"):
        wanted = Neighbors.none(30, 2500)
        kernels.nearest_by(X, np.arange(3000), Q, Measure.SQUARE, 2.0, wanted)
        found = Neighbors.none(30, 2500)
        Tree.of(X, np.arange(3000)).nearest(Q, Measure.SQUARE, 2.0, found)
    assert np.isinf(wanted.square).any()
    np.testing.assert_array_equal(found.id, wanted.id)
    np.testing.assert_array_equal(found.square, wanted.square)


def test_squares_one_by_one_are_those_of_the_tile() -> None:
    X, Q = data("offset", 300, 9, 40)
    one, other = Neighbors.none(40, 7), Neighbors.none(40, 7)
    kernels.nearest_by(X, np.arange(300), Q, Measure.SQUARE, 0.0, one)
    kernels.nearest_rows(X, np.arange(300), Points.of(Q), other)
    np.testing.assert_array_equal(one.id, other.id)
    np.testing.assert_array_equal(one.square, other.square)


def test_what_a_tree_can_not_do() -> None:
    tree = Tree.of(np.zeros((9, 2)), np.arange(9))
    for measure, power in (
        (Measure.PRODUCT, 0.0),
        (Measure.DIFFERENT, 0.0),
        (Measure.SPHERE, 0.0),
        (Measure.POWER, 2.5),
    ):
        with pytest.raises(ValueError, match="a tree takes"):
            tree.nearest(np.zeros((1, 2)), measure, power, Neighbors.none(1, 1))
    with pytest.raises(ValueError, match="boxes has shape"):
        tree.nearest(np.zeros((1, 3)), Measure.SQUARE, 2.0, Neighbors.none(1, 1))
    with pytest.raises(ValueError, match="one neighbour or more"):
        tree.nearest(np.zeros((1, 2)), Measure.SQUARE, 2.0, Neighbors.none(1, 0))
    assert Tree.bytes(1_000_000, 3) > 24e6
