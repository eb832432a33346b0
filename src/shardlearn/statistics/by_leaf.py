"""Rows told apart by a tree of pairs of centres: each leaf's rows answer a question of their own on one pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.fixed import Weights
from shardlearn.core.matrix import Array, Csr, Ints, Matrix, take_rows, to_dense
from shardlearn.core.query import Carry
from shardlearn.core.statistic import Statistic, is_running

from .clusters import LABELS, Labels, Later, layers_of, whole
from .double import Double
from .in_pairs import BEFORE, KNOWN, AlikeLabels, AlikeSums, Nodes, PairsAt, merged

LEAVES = "leaves"  # name of the carry
NODE = f"{LEAVES}/node"


@dataclass(frozen=True)
class Pairs:
    """A binary tree. A row at an inner node goes to that child whose centre is nearer, to the left where both are."""

    left: Ints  # (m,) the left child of each node; the right one is the next; -1: a leaf
    centers: Mapping[int, Later]  # of the children of each inner node

    def leaf(self, X: Matrix, start: Nodes | None = None) -> Nodes:
        """(n,) where each row comes to, from the root on, or from where it stood."""
        at = np.zeros(X.shape[0], np.int32) if start is None else start.copy()
        while True:
            found = [int(node) for node in np.flatnonzero(np.bincount(at)) if self.left[node] >= 0]
            if found and not isinstance(X, Csr):
                left = self.left.astype(np.int32)[at]
                at = np.where(left < 0, at, left + self._inner.sides(X, at, np.zeros(len(at), np.int32)))
                continue
            for node, where in rows_of(at, found):
                rows = X if len(where) == len(at) else take_rows(X, where)
                side = kernels.nearest_center(rows, self.centers[node].centers).label
                at[where] = side + np.int32(self.left[node])
            if not found:
                return at

    @cached_property
    def _inner(self) -> PairsAt:
        """Of dense rows."""
        return PairsAt.of({node: to_dense(later.points) for node, later in self.centers.items()})


def rows_of(at: Nodes, nodes: Sequence[int]) -> Iterator[tuple[int, Ints]]:
    """Of each of these nodes the positions of its rows, ascending."""
    if len(nodes) < 2:
        yield from ((node, np.flatnonzero(at == node)) for node in nodes)
        return
    table = np.full(max(int(at.max(initial=0)), *nodes) + 1, len(nodes), np.int32)
    table[list(nodes)] = np.arange(len(nodes))
    slot = table[at]
    some = np.flatnonzero(slot < len(nodes))
    slot = slot[some]
    if len(nodes) < 1 << 16:
        slot = slot.astype(np.uint16)  # sorted by counting
    order = np.argsort(slot, kind="stable")
    edges = np.searchsorted(slot[order], np.arange(len(nodes) + 1))
    for i, node in enumerate(nodes):
        yield node, some[order[edges[i] : edges[i + 1]]]


# -- columns -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Routed:
    """The leaf of each row, and the columns that the question of this leaf carries: one set of columns for all leaves.

    A leaf's own columns are stepped where the last round carried them too, else they are built again.
    """

    tree: Pairs
    each: Mapping[int, tuple[Carry, ...]]
    stepped: frozenset[tuple[int, str]]  # leaves and names
    kept: bool  # whether the columns of the last round are at hand
    same: bool = False  # the tree is that of the last round

    def __call__(self, block: Block, /) -> Mapping[str, Array]:
        node: Nodes = block.extra[NODE] if self.kept else np.zeros(0, np.int32)
        if not (self.kept and self.same):
            node = self.tree.leaf(block.X, node if self.kept else None)
        out: dict[str, Array] = {"node": node}
        rest: Iterable[int] = self.each
        if not isinstance(block.X, Csr) and self._alike.leaves:
            known = block.extra.get(f"{LEAVES}/{LABELS}/label") if self.kept else None
            found = self._alike.columns(block.X, node, known)
            out |= {f"{LABELS}/{name}": column for name, column in found.items()}
            rest = [leaf for leaf in self.each if leaf not in self._alike.leaves]
        for leaf, where in rows_of(node, list(rest)):
            for carry in self.each[leaf]:
                steps = self._steps(leaf, carry)
                part = rows(block, where) if steps else _some(replace(block, extra={}), where)
                for name, column in (carry.step if steps else carry.rebuild)(part).items():
                    full = out.setdefault(f"{carry.name}/{name}", np.zeros(block.n, column.dtype))
                    full[where] = column
        return out

    @cached_property
    def _alike(self) -> AlikeLabels:
        return AlikeLabels.of(self.each, self._steps)

    def _steps(self, leaf: int, carry: Carry) -> bool:
        return self.kept and (leaf, carry.name) in self.stepped


def rows(block: Block, where: Ints) -> Block:
    """Some rows, with the columns that the question of their leaf carries, under its own names."""
    own = {name.removeprefix(f"{LEAVES}/"): column for name, column in block.extra.items() if name != NODE}
    return _some(replace(block, extra=own), where)


def _some(block: Block, where: Ints) -> Block:
    return block if len(where) == block.n else block.take(where)


# -- answers -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answers:
    """Of leaves that ask alike together; of each other leaf by itself, in the order of the questions."""

    alike: tuple[kernels.PairSums, ...]
    each: tuple[Any, ...]


@dataclass(frozen=True)
class ByLeaf:
    """A statistic of the rows of each of some leaves.

    A value that is not finite shows in its leaf's answer alone; the first question of all is that of the root.
    """

    each: Mapping[int, Statistic[Any]]

    @property
    def exact(self) -> bool:
        return all(one.exact for one in self.each.values())

    def of(self, block: Block, /) -> Answers:
        alike, columns = self._alike_in(block)
        found = {leaf: self.each[leaf].of(part) for leaf, part in self._parts(block, alike)}
        return Answers(
            tuple(one.of(block, *columns) for one in alike), tuple(found[leaf] for leaf in self._rest(alike))
        )

    def add(self, into: Answers, block: Block, /) -> Answers:
        alike, columns = self._alike_in(block)
        sums = dict(zip(self._rest(alike), into.each, strict=True))
        for leaf, part in self._parts(block, alike):
            one = self.each[leaf]
            sums[leaf] = one.add(sums[leaf], part) if is_running(one) else one.merge(sums[leaf], one.of(part))
        together = zip(alike, into.alike, strict=True)
        return Answers(tuple(one.add(own, block, *columns) for one, own in together), tuple(sums.values()))

    def merge(self, left: Answers, right: Answers, /) -> Answers:
        each = zip(self._rest(left.alike), left.each, right.each, strict=True)
        return Answers(merged(left.alike, right.alike), tuple(self.each[leaf].merge(a, b) for leaf, a, b in each))

    def bytes(self) -> int:
        return sum(one.bytes() for one in self.each.values())

    def told(self, answers: Answers) -> tuple[Any, ...]:
        """One for each leaf, in the order of the questions."""
        found = dict(zip(self._rest(answers.alike), answers.each, strict=True))
        if answers.alike:
            for one, sums in zip(self._alike, answers.alike, strict=True):
                found |= one.told(sums)
        return tuple(found[leaf] for leaf in self.each)

    @cached_property
    def _alike(self) -> tuple[AlikeSums, ...]:
        """Leaves that ask alike of dense rows."""
        return AlikeSums.among(self.each)

    def _alike_in(self, block: Block) -> tuple[tuple[AlikeSums, ...], tuple[Any, ...]]:
        """Those, and the columns that they look at."""
        if isinstance(block.X, Csr) or not self._alike:
            return (), ()
        return self._alike, tuple(block.extra[f"{LEAVES}/{name}"] for name in ("node", KNOWN, BEFORE))

    def _rest(self, alike: Sequence[object]) -> list[int]:
        """The leaves that are asked one by one; where none are asked together, that is all of them."""
        return self._alone if alike else list(self.each)

    @cached_property
    def _alone(self) -> list[int]:
        together = {leaf for one in self._alike for leaf in one.leaves}
        return [leaf for leaf in self.each if leaf not in together]

    def _parts(self, block: Block, alike: Sequence[AlikeSums]) -> Iterator[tuple[int, Block]]:
        """The rows of each leaf that is not among these."""
        for leaf, where in rows_of(block.extra[NODE], self._rest(alike)):
            yield leaf, rows(block, where)


@dataclass(frozen=True, slots=True)
class Shares:
    """What each of k centres has of the rows that are nearest to it."""

    inertia: tuple[Double, ...]  # sum_i s_i |x_i - c|^2
    weight: Ints  # (layers, k) whole


@dataclass(frozen=True, slots=True)
class Shared:
    """Inertia and weight of each of k clusters."""

    centers: kernels.Centers
    k: int
    heavy: Weights | None = None
    exact: ClassVar[bool] = False

    def of(self, block: Block, /) -> Shares:
        label, square, *_ = kernels.nearest_center(block.X, self.centers, squares=True)
        assert square is not None
        moves, inertia = kernels.Moves(label, None, whole(block.weight, self.heavy, block.n)), []
        for j in range(self.k):
            where = np.flatnonzero(label == j)
            weight = None if block.weight is None else block.weight[where]
            inertia.append(Double(*kernels.double_sum(square[where], weight)))
        weights = [np.bincount(label, weight, self.k) for weight in moves.layers]  # below 2^53: exact
        return Shares(tuple(inertia), np.stack(weights).astype(np.int64))

    def merge(self, left: Shares, right: Shares, /) -> Shares:
        inertia = tuple(a + b for a, b in zip(left.inertia, right.inertia, strict=True))
        return Shares(inertia, left.weight + right.weight)

    def bytes(self) -> int:
        return 8 * (2 + layers_of(self.heavy)) * self.k


@dataclass(frozen=True, slots=True)
class Told:
    """Labels by block."""

    labels: tuple[Labels, ...]


@dataclass(frozen=True, slots=True)
class LeafLabels:
    """What each row's leaf is called."""

    label: Labels  # (m,) of each node
    rows: int
    exact: ClassVar[bool] = False
    gathers: ClassVar[bool] = True

    def of(self, block: Block, /) -> Told:
        return Told((self.label[block.extra[NODE]],) if block.n else ())

    def merge(self, left: Told, right: Told, /) -> Told:
        return Told(left.labels + right.labels)

    def bytes(self) -> int:
        return 4 * self.rows
