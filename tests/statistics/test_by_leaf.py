"""Leaves that ask alike are asked in one walk: columns and answers are those of each leaf's rows alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from tests.statistics.same import bits

from shardlearn import kernels
from shardlearn.core import fixed
from shardlearn.core.block import Block
from shardlearn.core.matrix import Array
from shardlearn.core.query import Carry
from shardlearn.core.statistic import Statistic
from shardlearn.statistics.by_leaf import ByLeaf, Pairs, Routed, rows, rows_of
from shardlearn.statistics.clusters import LABELS, Assign, ClusterSums, Later, Reassign
from shardlearn.statistics.seeding import Extent

P = 5
rng = np.random.default_rng(0)
CENTERS = rng.normal(size=(40, P))


def points(first: int, count: int = 2) -> kernels.Points:
    return kernels.Points.of(CENTERS[first : first + count])


def carry(first: int, before: int | None = None, count: int = 2) -> Carry:
    now = points(first, count)
    known = None if before is None else Later(CENTERS[before : before + count], False)
    return Carry(LABELS, 3, Assign(now, known), Reassign(now))


# 0 - 1 and 2; 1 - 3 and 4; 2 - 5 and 6
TREE = Pairs(np.array([1, 3, 5, -1, -1, -1, -1]), {i: Later(CENTERS[2 * i : 2 * i + 2], False) for i in range(3)})
EACH: Mapping[int, tuple[Carry, ...]] = {
    3: (carry(6),),
    4: (carry(8, before=10),),
    5: (carry(12, count=3),),  # three centres: asked alone
    6: (),
}


def block(n: int, dtype: Any = np.float64) -> Block:
    X = rng.normal(size=(n, P)).astype(dtype)
    return Block(X, None, rng.integers(0, 4, n).astype(np.float64), 100)


def down(row: Array) -> int:
    node = 0
    while TREE.left[node] >= 0:
        values: Any = TREE.centers[node].points
        apart = ((row - values) ** 2).sum(axis=1)
        node = int(TREE.left[node]) + int(apart[1] < apart[0])
    return node


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("stepped", [(), (3,), (3, 4), (3, 4, 5)])
@pytest.mark.parametrize("n", [400, 1, 0])
def test_columns(dtype: Any, stepped: tuple[int, ...], n: int) -> None:
    given = block(n, dtype)
    first = Routed(TREE, EACH, frozenset(), False)(given)
    assert first["node"].tolist() == [down(row.astype(np.float64)) for row in given.X]
    held = given.with_extra("leaves", first)
    found = Routed(TREE, EACH, frozenset((leaf, LABELS) for leaf in stepped), True)(held)
    for leaf, where in rows_of(first["node"], list(EACH)):
        for one in EACH[leaf]:
            part = rows(held, where)
            alone = one.step(part) if leaf in stepped else one.rebuild(part)
            for name, column in alone.items():
                assert found[f"{LABELS}/{name}"][where].tolist() == column.tolist()
    again = held.extra["leaves/labels/before"]
    assert again.tolist() == first["labels/before"].tolist(), "what was carried is not written to"


def test_answers() -> None:
    """Of leaves with scales and limbs of their own, and one that asks something else."""
    given = block(500)
    held = given.with_extra("leaves", Routed(TREE, EACH, frozenset(), False)(given))
    scales = {
        leaf: fixed.scale(np.full(P, 2.0 ** (8 + leaf)), 1 << 12, limbs) for leaf, limbs in ((3, 2), (4, 2), (5, 1))
    }
    each: dict[int, Statistic[Any]] = {
        leaf: ClusterSums(3 if leaf == 5 else 2, P, scales[leaf], fixed.Weights()) for leaf in (5, 3, 4)
    }
    each[6] = Extent(P)
    asked = ByLeaf(each)
    wanted = dict.fromkeys(each)
    for leaf, where in rows_of(held.extra["leaves/node"], list(each)):
        wanted[leaf] = each[leaf].of(rows(held, where))
    assert bits(asked.told(asked.of(held))) == bits(tuple(wanted.values()))
    half = asked.of(held.slice(0, 200))
    assert bits(asked.told(asked.add(half, held.slice(200, 500)))) == bits(tuple(wanted.values()))


def test_rows_of_some_nodes() -> None:
    at = np.array([5, 2, 2, 9, 5, 0], np.int32)
    found = {node: where.tolist() for node, where in rows_of(at, [9, 5, 3])}
    assert found == {9: [3], 5: [0, 4], 3: []}
    assert [(node, where.tolist()) for node, where in rows_of(at, [2])] == [(2, [1, 2])]
    assert list(rows_of(at, [])) == []
