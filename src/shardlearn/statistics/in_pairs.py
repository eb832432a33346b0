"""What many leaves of a tree of pairs ask alike of dense rows, in one walk over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.matrix import Array, Csr, Floats
from shardlearn.core.query import Carry
from shardlearn.core.statistic import Statistic

from .clusters import Assign, ClusterSums, Labels, Moved, layers_of

Nodes = NDArray[np.int32]


def sides(X: Array, node: Nodes, pairs: Mapping[int, Floats], side: Labels) -> Labels:
    """Of rows at these nodes the nearer point of two, 0 or 1."""
    if pairs:
        kernels.sides(X, np.stack(list(pairs.values())), kernels.InPairs.of(node, list(pairs)), side)
    return side


# -- labels ------------------------------------------------------------------------------------------------------------


def asked_alike(block: Block, each: Mapping[int, tuple[Carry, ...]]) -> dict[int, Carry]:
    """Leaves that carry nothing but which of two centres is the nearer one."""
    if isinstance(block.X, Csr):
        return {}
    return {leaf: carries[0] for leaf, carries in each.items() if len(carries) == 1 and _in_pairs(carries[0].rebuild)}


def _in_pairs(rebuild: Any) -> bool:
    return (
        isinstance(rebuild, Assign) and isinstance(rebuild.centers, kernels.Points) and len(rebuild.centers.values) == 2
    )


def labels(
    block: Block, node: Nodes, some: Mapping[int, Carry], steps: Callable[[int, Carry], bool], known: Labels | None
) -> Mapping[str, Array]:
    """What `Assign` and `Reassign` say of the rows of each leaf; `known` are the labels of the last round."""
    rebuilds: dict[int, Any] = {leaf: carry.rebuild for leaf, carry in some.items()}
    assert not isinstance(block.X, Csr)
    now = {leaf: rebuild.centers.values for leaf, rebuild in rebuilds.items()}
    label = sides(block.X, node, now, np.zeros(block.n, np.int32))
    before = np.zeros(block.n, np.int32) if known is None else known.copy()
    fresh = [leaf for leaf, carry in some.items() if not steps(leaf, carry)]
    if fresh:
        before[np.isin(node, fresh)] = -1
    older = {leaf: rebuilds[leaf].before.centers.values for leaf in fresh if rebuilds[leaf].before is not None}
    sides(block.X, node, older, before)
    return {"label": label, "before": before}


# -- sums --------------------------------------------------------------------------------------------------------------


def summed_alike(block: Block, each: Mapping[int, Statistic[Any]]) -> list[list[tuple[int, ClusterSums]]]:
    """Leaves whose sums of two clusters are counted in the same way, together."""
    groups: dict[Any, list[tuple[int, ClusterSums]]] = {}
    if not isinstance(block.X, Csr):
        for leaf, one in each.items():
            if isinstance(one, ClusterSums) and one.k == 2:
                groups.setdefault((one.scale.limbs, one.scale.room, one.heavy), []).append((leaf, one))
    return list(groups.values())


def sums(block: Block, node: Nodes, some: Sequence[tuple[int, ClusterSums]], moves: kernels.Moves) -> dict[int, Moved]:
    """What `ClusterSums` says of the rows of each leaf."""
    assert not isinstance(block.X, Csr)
    first = some[0][1]
    exponents = np.stack([one.scale.exponent for _, one in some])
    pairs = kernels.PairSums.none(len(some), first.features, first.scale.limbs, layers_of(first.heavy))
    rows = kernels.InPairs.of(node, [leaf for leaf, _ in some])
    kernels.pair_sums(block.X, rows, moves, (np.ldexp(1.0, exponents), first.scale.room), pairs)
    leaves = [leaf for leaf, _ in some]
    return {leaf: Moved(pairs.sums[:, i], pairs.weights[:, i], pairs.changed[:, i]) for i, leaf in enumerate(leaves)}
