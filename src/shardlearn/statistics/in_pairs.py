"""What many leaves of a tree of pairs ask alike of dense rows, in one walk over them.

What depends on the question alone is made ready once for all blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.fixed import Weights
from shardlearn.core.matrix import Array, Csr, Floats
from shardlearn.core.query import Carry
from shardlearn.core.statistic import Statistic

from .clusters import LABELS, Assign, ClusterSums, Labels, Moved, layers_of, whole

Nodes = NDArray[np.int32]
S = TypeVar("S", np.int32, np.bool_)


@dataclass(frozen=True, slots=True)
class PairsAt:
    """Pairs of points below some nodes."""

    points: Floats  # (pairs, 2, p)
    table: Nodes  # the pair of each node; -1: none, as of all nodes that are not in it

    @classmethod
    def of(cls, pairs: Mapping[int, Floats]) -> PairsAt:
        return cls(np.stack(list(pairs.values())) if pairs else np.zeros((0, 2, 0)), table_of(pairs))

    def sides(self, X: Array, node: Nodes, side: Labels) -> Labels:
        """Of rows at these nodes the nearer point of two, 0 or 1, written to `side`."""
        if len(self.points):
            kernels.sides(X, self.points, rows_at(self.table, node), side)
        return side


def table_of(nodes: Iterable[int]) -> Nodes:
    """The place of each node among these; -1: none."""
    some = list(nodes)
    table = np.full(max(some, default=-1) + 1, -1, np.int32)
    table[some] = np.arange(len(some))
    return table


def rows_at(table: Nodes, node: Nodes) -> kernels.InPairs:
    return kernels.InPairs(node, longer(table, node, -1))


def longer(table: NDArray[S], node: Nodes, value: int) -> NDArray[S]:
    """A table that has all nodes that there are rows at."""
    more = int(node.max(initial=-1)) + 1 - len(table)
    return np.concatenate([table, np.full(more, value, table.dtype)]) if more > 0 else table


# -- labels ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AlikeLabels:
    """What `Assign` and `Reassign` say of the rows of leaves that carry nothing but the nearer one of two centres."""

    leaves: frozenset[int]
    now: PairsAt
    fresh: NDArray[np.bool_]  # of each node up to the last of these: nothing is known of its rows
    before: PairsAt  # centres of the last round, of such nodes

    @classmethod
    def of(cls, each: Mapping[int, tuple[Carry, ...]], steps: Callable[[int, Carry], bool]) -> AlikeLabels:
        some = {leaf: carries[0] for leaf, carries in each.items() if len(carries) == 1 and _in_pairs(carries[0])}
        rebuilds: dict[int, Any] = {leaf: carry.rebuild for leaf, carry in some.items()}
        new = [leaf for leaf, carry in some.items() if not steps(leaf, carry)]
        fresh = np.zeros(max(new, default=-1) + 1, np.bool_)
        fresh[new] = True
        now = {leaf: rebuild.centers.values for leaf, rebuild in rebuilds.items()}
        older = {leaf: rebuilds[leaf].before.centers.values for leaf in new if rebuilds[leaf].before is not None}
        return cls(frozenset(some), PairsAt.of(now), fresh, PairsAt.of(older))

    def columns(self, X: Array, node: Nodes, known: Labels | None) -> Mapping[str, Array]:
        """`known` are the labels of the last round."""
        label = self.now.sides(X, node, np.zeros(len(node), np.int32))
        before = np.zeros(len(node), np.int32) if known is None else known.copy()
        if len(self.fresh):
            before[longer(self.fresh, node, 0)[node]] = -1
        return {"label": label, "before": self.before.sides(X, node, before)}


def _in_pairs(carry: Carry) -> bool:
    rebuild: Any = carry.rebuild
    return (
        isinstance(rebuild, Assign) and isinstance(rebuild.centers, kernels.Points) and len(rebuild.centers.values) == 2
    )


# -- sums --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AlikeSums:
    """What `ClusterSums` says of the rows of leaves whose sums of two clusters are counted in the same way."""

    leaves: tuple[int, ...]
    features: int
    limbs: int
    heavy: Weights | None
    factor: tuple[Floats, int]  # (leaves, p) powers of two; bits of a limb
    table: Nodes

    @classmethod
    def among(cls, each: Mapping[int, Statistic[Any]]) -> tuple[AlikeSums, ...]:
        groups: dict[Any, dict[int, ClusterSums]] = {}
        for leaf, one in each.items():
            if isinstance(one, ClusterSums) and one.k == 2:
                groups.setdefault((one.scale.limbs, one.scale.room, one.heavy), {})[leaf] = one
        return tuple(map(cls._together, groups.values()))

    @classmethod
    def _together(cls, some: Mapping[int, ClusterSums]) -> AlikeSums:
        first = next(iter(some.values()))
        factor = np.ldexp(1.0, np.stack([one.scale.exponent for one in some.values()])), first.scale.room
        return cls(tuple(some), first.features, first.scale.limbs, first.heavy, factor, table_of(some))

    def of(self, block: Block, node: Nodes, label: Labels, before: Labels) -> kernels.PairSums:
        layers = layers_of(self.heavy)
        return self.add(
            kernels.PairSums.none(len(self.leaves), self.features, self.limbs, layers), block, node, label, before
        )

    def add(self, into: kernels.PairSums, block: Block, node: Nodes, label: Labels, before: Labels) -> kernels.PairSums:
        assert not isinstance(block.X, Csr)
        moves = kernels.Moves(label, before, whole(block.weight, self.heavy, block.n))
        kernels.pair_sums(block.X, rows_at(self.table, node), moves, self.factor, into)
        return into

    def told(self, sums: kernels.PairSums) -> dict[int, Moved]:
        """Of each leaf."""
        of = sums.sums, sums.weights, sums.changed
        return {leaf: Moved(*(array[:, i] for array in of)) for i, leaf in enumerate(self.leaves)}


def merged(left: Sequence[kernels.PairSums], right: Sequence[kernels.PairSums]) -> tuple[kernels.PairSums, ...]:
    """In place of the left ones."""
    for into, more in zip(left, right, strict=True):
        for name in ("sums", "weights", "changed"):
            array = getattr(into, name)
            array += getattr(more, name)
    return tuple(left)


KNOWN = f"{LABELS}/label"  # among the columns of leaves
BEFORE = f"{LABELS}/before"
