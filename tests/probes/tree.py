"""One classification tree grown level by level from integer histograms; small nodes are gathered and finished whole.

A row's node is a carry: stepped by the last level's splits, rebuilt from the root. Each frontier node is a part of the
answer: a large one finishes as its best split, a small one as a grown subtree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from tests.engines.fakes import ArrayBlocks

from shardlearn.core.block import Block
from shardlearn.core.query import Carry, Query
from shardlearn.core.solver import Status
from shardlearn.storage.state import allow

from .plain import OPEN, Array, Probe, blobs

Splits = Mapping[int, tuple[int, int]]  # path id -> (feature, bin); the children of node i are 2 i and 2 i + 1


@dataclass(frozen=True)
class Span:
    """Exact: smallest and largest value of each column."""

    p: int
    exact: ClassVar[bool] = True

    def of(self, block: Block, /) -> tuple[Array, Array]:
        return block.X.min(0, initial=np.inf), block.X.max(0, initial=-np.inf)

    def merge(self, left: Any, right: Any, /) -> Any:
        return np.minimum(left[0], right[0]), np.maximum(left[1], right[1])

    def bytes(self) -> int:
        return 16 * self.p


@dataclass(frozen=True)
class Binning:
    low: Array
    high: Array
    bins: int

    def __call__(self, X: Array) -> Array:
        width = np.where(self.high > self.low, self.high - self.low, 1.0)
        return np.clip((X - self.low) / width * self.bins, 0, self.bins - 1).astype(np.int64)


@dataclass(frozen=True)
class Route:
    """The node of each row after these splits: from the root, or from where the last level left it."""

    binning: Binning
    splits: Splits
    step: bool

    def __call__(self, block: Block, /) -> Mapping[str, Array]:
        codes = self.binning(block.X)
        node = block.extra["at/node"].copy() if self.step else np.ones(block.n, np.int64)
        for path, (feature, bin_) in sorted(self.splits.items()):
            here = node == path
            node[here] = 2 * path + (codes[here, feature] > bin_)
        return {"node": node}


def best_split(counts: Array) -> tuple[int, int] | None:
    """(p, bins, classes) counts -> feature and bin of the best Gini split; ties to the first; None where none helps."""
    left = np.add.accumulate(counts, axis=1)[:, :-1]
    right = counts.sum(1)[:, None] - left
    nl, nr = left.sum(2), right.sum(2)
    score = (left * left).sum(2) / np.maximum(nl, 1) + (right * right).sum(2) / np.maximum(nr, 1)
    score[(nl == 0) | (nr == 0)] = -1
    whole = counts[0].sum(0)
    feature, bin_ = np.unravel_index(score.argmax(), score.shape)
    better = score[feature, bin_] > (whole * whole).sum() / max(whole.sum(), 1)
    return (int(feature), int(bin_)) if better else None


def histogram(codes: Array, y: Array, bins: int, classes: int) -> Array:
    out = np.zeros((codes.shape[1], bins, classes), np.int64)
    for f in range(codes.shape[1]):
        np.add.at(out[f], (codes[:, f], y), 1)
    return out


def subtree(path: int, codes: Array, y: Array, bins: int, classes: int) -> dict[int, Any]:
    """All splits and leaves below a node whose rows are here."""
    counts = histogram(codes, y, bins, classes)
    split = best_split(counts)
    if split is None:
        return {path: counts[0].sum(0)}
    right = codes[:, split[0]] > split[1]
    below = subtree(2 * path, codes[~right], y[~right], bins, classes)
    return {path: split} | below | subtree(2 * path + 1, codes[right], y[right], bins, classes)


@dataclass(frozen=True)
class Frontier:
    """Exact and spread: histograms of large nodes, the rows of small ones; part i is frontier node i."""

    binning: Binning
    classes: int
    large: tuple[int, ...]
    small: tuple[int, ...]
    exact: ClassVar[bool] = True

    @property
    def parts(self) -> int:
        return len(self.large) + len(self.small)

    def of(self, block: Block, /) -> Any:
        p = block.p
        hists = tuple(np.zeros((p, self.binning.bins, self.classes), np.int64) for _ in self.large)
        none = np.empty(0, np.int64), np.empty((0, p), np.int64), np.empty(0, np.int64)
        return self.add((hists, (none,) * len(self.small)), block)

    def add(self, into: Any, block: Block, /) -> Any:
        codes, node, ids = self.binning(block.X), block.extra["at/node"], block.row_ids()
        for path, hist in zip(self.large, into[0], strict=True):
            here = node == path
            hist += histogram(codes[here], block.y[here], self.binning.bins, self.classes)
        rows = tuple((ids[node == s], codes[node == s], block.y[node == s]) for s in self.small)
        return into[0], tuple(map(self.together, into[1], rows))

    def together(self, left: Any, right: Any) -> Any:
        ids, codes, y = (np.concatenate([a, b]) for a, b in zip(left, right, strict=True))
        order = np.argsort(ids)
        return ids[order], codes[order], y[order]

    def merge(self, left: Any, right: Any, /) -> Any:
        for a, b in zip(left[0], right[0], strict=True):
            a += b
        return left[0], tuple(map(self.together, left[1], right[1]))

    def bytes(self) -> int:
        return 8 * self.parts * self.binning.bins * self.classes * len(self.binning.low) + (1 << 16)

    def part(self, answer: Any, i: int, /) -> Any:
        n = len(self.large)
        return (answer[0][i : i + 1], ()) if i < n else ((), answer[1][i - n : i - n + 1])

    def finish(self, i: int, merged: Any, /) -> dict[int, Any]:
        if i < len(self.large):
            counts = merged[0][0]
            return {self.large[i]: best_split(counts) or counts[0].sum(0), -1: self.rows_of_children(counts)}
        _, codes, y = merged[1][0]
        return subtree(self.small[i - len(self.large)], codes, y, self.binning.bins, self.classes)

    def rows_of_children(self, counts: Array) -> tuple[int, int]:
        split = best_split(counts)
        left = int(counts[split[0], : split[1] + 1].sum()) if split else 0
        return left, int(counts[0].sum()) - left

    def join(self, results: Sequence[Any], /) -> list[Any]:
        return list(results)


@allow("probes.Tree")
@dataclass(frozen=True)
class State:
    low: Array | None = None
    high: Array | None = None
    nodes: Mapping[int, Any] | None = None  # path -> (feature, bin), or class counts of a leaf
    last: Mapping[int, tuple[int, int]] | None = None  # the splits of the last level
    large: tuple[int, ...] = (1,)
    small: tuple[int, ...] = ()
    round: int = 0
    status: Status = OPEN

    @property
    def figures(self) -> Mapping[str, float]:
        return {"nodes": float(len(self.nodes or ()))}


@dataclass(frozen=True)
class Tree:
    bins: int = 16
    classes: int = 3
    gather: int = 60  # rows at or below which a node is finished in one place

    def init(self, p: int, /) -> State:
        return State()

    def ask(self, p: int, state: State, /) -> Query[Any]:
        if state.nodes is None:
            return Query(Span(p))
        binning = Binning(state.low, state.high, self.bins)
        inner = {path: split for path, split in state.nodes.items() if isinstance(split, tuple)}
        carry = Carry("at", state.round, Route(binning, inner, step=False), Route(binning, state.last, step=True))
        return Query(Frontier(binning, self.classes, state.large, state.small), (carry,))

    def tell(self, p: int, state: State, answer: Any, /) -> State:
        after = replace(state, round=state.round + 1)
        if state.nodes is None:
            return replace(after, low=answer[0], high=answer[1], nodes={}, last={})
        nodes, last, large, small = dict(state.nodes), {}, [], []
        for result in answer:
            children = result.pop(-1, None)
            nodes |= result
            if children is None or not isinstance(next(iter(result.values())), tuple):
                continue
            ((path, split),) = result.items()
            last[path] = split
            for child, rows in zip((2 * path, 2 * path + 1), children, strict=True):
                (large if rows > self.gather else small).append(child)
        status = OPEN if large or small else Status.CONVERGED
        return replace(after, nodes=nodes, last=last, large=tuple(large), small=tuple(small), status=status)


X, LABEL = blobs(3, 1000, 4, 3)
LABEL = np.where(np.random.default_rng(4).random(1000) < 0.1, 0, LABEL)  # some noise, so that it grows deep


def check(state: State) -> None:
    assert state.status is Status.CONVERGED
    leaves = [node for node in state.nodes.values() if not isinstance(node, tuple)]
    assert np.array_equal(sum(leaves), np.bincount(LABEL))
    binning = Binning(X.min(0), X.max(0), 16)
    assert dict(state.nodes).keys() == (whole := subtree(1, binning(X), LABEL, 16, 3)).keys()
    assert all(np.array_equal(state.nodes[path], whole[path]) for path in whole)
    assert state.round > 4


PROBE = Probe("tree", Tree(), 4, ({"train": ArrayBlocks(X, LABEL)},), check)
