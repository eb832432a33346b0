"""Bisecting k-means (Steinbach, Karypis & Kumar 2000): the worst cluster is split in two, until there are enough.

What becomes of a cluster when it is split is a function of its rows and of its place in the tree alone, not of when
that happens. So all clusters that may have to be split are split on the same passes, which cost no more than those of
one: a row is compared with the two centres of its own cluster. What was split in vain is left out at last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from shardlearn import kernels
from shardlearn.core import rng
from shardlearn.core.matrix import Floats, Ints
from shardlearn.core.query import Carry, Query
from shardlearn.core.solver import Status
from shardlearn.statistics.by_leaf import LEAVES, ByLeaf, LeafLabels, Pairs, Routed, Told
from shardlearn.statistics.clusters import ClusterSums, Labels, layers_of

from .clusters import Clusters, most_units
from .halving import Halving, HalvingState
from .together import Together, TogetherState

APART = 32  # bits between the seeds of tries
MARGIN = 1e-6  # by which a later try has to be better, relatively: as in scikit-learn


@dataclass(frozen=True, slots=True)
class Grown:
    """Nodes in the order in which they came; the first one is the root."""

    centers: Floats  # (m, p)
    left: Ints  # (m,) the left child of each node; the right one is the next; -1: not split
    inertia: Floats  # (m,) of its rows
    weight: Floats  # (m,) of its rows
    seed: Ints  # (m,)

    @classmethod
    def root(cls, features: int, seed: int) -> Grown:
        return cls(np.zeros((1, features)), np.full(1, -1), np.full(1, np.inf), np.full(1, np.inf), np.array([seed]))

    def split(self, node: int, centers: Floats, inertia: Floats, weight: Floats) -> Grown:
        """With two children of a node."""
        left, count = self.left.copy(), len(self.left)
        left[node] = count
        words = kernels.philox(int(self.seed[node]), rng.Purpose.SEEDING, np.arange(2, dtype=np.int64), SPLIT, 0)
        return Grown(
            np.ascontiguousarray(np.concatenate([self.centers, centers])),
            np.concatenate([left, np.full(2, -1)]),
            np.concatenate([self.inertia, inertia]),
            np.concatenate([self.weight, weight]),
            np.concatenate([self.seed, words[:, 0].astype(np.int64)]),
        )

    def leaves(self, k: int, score: Floats) -> tuple[list[int], bool]:
        """The clusters from left to right, split by falling score until there are k, or one isn't split yet."""
        found = [0]
        while len(found) < k:
            at = int(np.argmax(score[found]))
            first = int(self.left[found[at]])
            if first < 0:
                return found, False
            found[at : at + 1] = [first, first + 1]
        return found, True


SPLIT = (1 << 31) + 1  # stream of the seeds of children
EMPTY = Grown(np.zeros((0, 0)), np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True)
class BisectingState:
    """`wave` are the nodes that are being split, each by a solver of its own; there is none before the first look."""

    grown: Grown = EMPTY
    wave: tuple[int, ...] = ()
    splits: tuple[Any, ...] = ()  # states of these solvers
    carried: Mapping[int, Mapping[str, int]] = field(default_factory=dict)  # versions in the last round, by node
    leaves: Ints | None = None  # (k,) the clusters, once they are known
    labels: Labels | None = None  # (n,) where they are asked for
    verdict: Status = Status.CONVERGED
    status: Status = Status.RUNNING
    rounds: int = 0
    routed: int = 0  # nodes of the tree that rows were sent down in the last round

    @property
    def figures(self) -> Mapping[str, float]:
        return {"nodes": float(len(self.grown.left)), "splitting": float(len(self.wave))}


@dataclass(frozen=True, slots=True)
class Bisecting:
    """`heaviest`: the cluster of the largest weight is split next, else that of the largest inertia."""

    halving: Halving
    tries: int = 1  # of each split, the best of which counts
    heaviest: bool = False
    labels: bool = False  # the state is to have them at last

    def init(self, problem: Clusters, /) -> BisectingState:
        return BisectingState()

    def ask(self, problem: Clusters, state: BisectingState, /) -> Query[Any]:
        state = self._rooted(problem, state)
        if state.leaves is not None:
            names = names_of(state.grown.left, state.leaves)
            return Query(LeafLabels(names, problem.shape.rows), (self._carry(problem, state, {}),))
        asked = self._asked(problem, state)
        carried = {node: query.carry for node, query in asked.items()}
        return Query(_by_leaf(asked), (self._carry(problem, state, carried),))

    def tell(self, problem: Clusters, state: BisectingState, answer: Any, /) -> BisectingState:
        state = self._rooted(problem, state)
        if isinstance(answer, Told):
            labels = np.concatenate([np.zeros(0, np.int32), *answer.labels])
            return replace(state, labels=labels, status=state.verdict, rounds=state.rounds + 1)
        splits, carried = dict(zip(state.wave, state.splits, strict=True)), {}
        asked = self._asked(problem, state)
        each = _by_leaf(asked).told(answer)
        for (node, query), own in zip(asked.items(), each, strict=True):
            splits[node] = self._solver.tell(self._split(problem, state, node), splits[node], own)
            carried[node] = {carry.name: carry.version for carry in query.carry}
        state = replace(state, carried=carried, rounds=state.rounds + 1, routed=len(state.grown.left))
        return self._next(problem, state, splits)

    # -- splits --------------------------------------------------------------------------------------------------------

    @property
    def _solver(self) -> Any:
        """Of one split."""
        return self.halving if self.tries == 1 else Together(self.halving)

    def _split(self, problem: Clusters, state: BisectingState, node: int) -> Any:
        """The problem of one split."""
        seed = int(state.grown.seed[node])
        own = replace(problem, k=min(problem.k, 2), counted=problem.shape.rows)
        tries = [replace(own, seed=seed + (i << APART)) for i in range(self.tries)]
        return tries[0] if self.tries == 1 else tries

    def _asked(self, problem: Clusters, state: BisectingState) -> dict[int, Query[Any]]:
        """The questions of a round, by node."""
        pairs = zip(state.wave, state.splits, strict=True)
        return {node: self._solver.ask(self._split(problem, state, node), split) for node, split in pairs}

    def _carry(self, problem: Clusters, state: BisectingState, each: Mapping[int, tuple[Carry, ...]]) -> Carry:
        inner = np.flatnonzero(state.grown.left >= 0)
        below = {int(node): int(state.grown.left[node]) for node in inner}
        pairs = {node: problem.later(state.grown.centers[i : i + 2]) for node, i in below.items()}
        tree, before = Pairs(state.grown.left, pairs), state.carried
        stepped = frozenset(
            (node, carry.name)
            for node, carries in each.items()
            for carry in carries
            if before.get(node, {}).get(carry.name) == carry.version - 1
        )
        same = state.routed == len(state.grown.left)
        rebuild, step = (Routed(tree, each, stepped, kept, same) for kept in (False, True))
        return Carry(LEAVES, state.rounds, rebuild, step)

    def _rooted(self, problem: Clusters, state: BisectingState) -> BisectingState:
        """With a root to split."""
        if len(state.grown.left):
            return state
        grown = Grown.root(problem.shape.features, problem.seed)
        return self._next(problem, replace(state, grown=grown), {})

    # -- the tree ------------------------------------------------------------------------------------------------------

    def _grew(self, problem: Clusters, state: BisectingState, splits: Mapping[int, Any]) -> BisectingState:
        """With the children of nodes whose split is over."""
        grown, verdict = state.grown, state.verdict
        for node, split in splits.items():
            if split.status is Status.RUNNING:
                continue
            best = split if isinstance(split, HalvingState) else _best(split)
            verdict = verdict if best.status is Status.CONVERGED else best.status
            if problem.k == 1:
                grown = replace(
                    grown, centers=np.ascontiguousarray(best.centers), inertia=best.inertia, weight=best.weight
                )
            else:
                grown = grown.split(node, best.centers, best.inertia, best.weight)
        return replace(state, grown=grown, verdict=verdict)

    def _next(self, problem: Clusters, state: BisectingState, splits: Mapping[int, Any]) -> BisectingState:
        """What is split now: beside what still is, the clusters that come first if no child came before them."""
        state = self._grew(problem, state, splits)
        running = {node: split for node, split in splits.items() if split.status is Status.RUNNING}
        while True:
            grown, score = state.grown, state.grown.weight if self.heaviest else state.grown.inertia
            leaves, whole = grown.leaves(problem.k, score)
            if whole and (problem.k > 1 or (splits and not running)):
                status = Status.RUNNING if self.labels else state.verdict
                return replace(state, leaves=np.array(leaves), wave=(), splits=(), carried={}, status=status)
            order = np.argsort(-score[leaves], kind="stable")[: max(problem.k - len(leaves), 1)]
            wave = [leaves[i] for i in np.sort(order) if grown.left[leaves[i]] < 0]
            flat = [node for node in wave if grown.inertia[node] == 0.0]
            for node in flat:  # all rows lie on one place: they go to the left
                centers = np.repeat(grown.centers[node : node + 1], 2, axis=0)
                grown = grown.split(node, centers, np.zeros(2), np.array([grown.weight[node], 0.0]))
            state = replace(state, grown=grown)
            if not flat:
                break
        for node in wave:
            if node not in running:
                running[node] = self._solver.init(self._split(problem, state, node))
        carried = {node: names for node, names in state.carried.items() if node in running}
        return replace(state, wave=tuple(running), splits=tuple(running.values()), carried=carried)


def _by_leaf(asked: Mapping[int, Query[Any]]) -> ByLeaf:
    return ByLeaf({node: query.measure for node, query in asked.items()})


def _best(state: TogetherState[HalvingState]) -> HalvingState:
    """The first of those that no other one is better than by more than rounding."""
    best, least = state.each[0], np.inf
    for one in state.each:
        inertia = float(one.inertia[0] + one.inertia[-1])
        if inertia < least * (1.0 - MARGIN):
            best, least = one, inertia
    return best


def names_of(left: Ints, leaves: Ints) -> Labels:
    """(m,) the number of the cluster that each node lies in; -1 above all clusters."""
    out = np.full(len(left), -1, np.int32)
    out[leaves] = np.arange(len(leaves))
    for node in np.flatnonzero(left >= 0):  # children come after their parents
        if out[node] >= 0:
            out[left[node] : left[node] + 2] = out[node]
    return out


def pruned(grown: Grown, leaves: Ints) -> tuple[Ints, Ints]:
    """The tree down to the clusters: left children, and which of the nodes these are, parents before children."""
    left, nodes, at = [], [0], 0
    ends = set(leaves.tolist())
    while at < len(nodes):
        first = -1 if nodes[at] in ends else int(grown.left[nodes[at]])
        left.append(-1 if first < 0 else len(nodes))
        nodes += [] if first < 0 else [first, first + 1]
        at += 1
    return np.array(left), np.array(nodes)


def passes(solver: Bisecting, problem: Clusters) -> Iterator[Query[Any]]:
    """Questions with large answers: sums of all clusters."""
    p, count = problem.shape.features, max(problem.k - 1, 1) * 2 * solver.tries
    most = most_units(problem)
    whole = most.scale.limbs * layers_of(most.weights)
    yield Query(ClusterSums(count, p, most.scale, most.weights), beside=8 * count * p * (whole + 3))
    if solver.labels:
        yield Query(LeafLabels(np.zeros(1, np.int32), problem.shape.rows))
