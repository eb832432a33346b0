"""k-means|| (Bahmani et al. 2012), then Lloyd's rounds with Hamerly's bounds (2010) as a carry.

The sums of clusters are integers (core.fixed), so they merge in any order. A label never depends on the bounds: a row
is skipped only where they leave no doubt, so a block that was rebuilt has the labels of one that was stepped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from tests.engines.fakes import ArrayBlocks

from shardlearn.core import fixed, rng
from shardlearn.core.block import Block
from shardlearn.core.query import Carry, Query
from shardlearn.core.solver import Status
from shardlearn.storage.state import allow

from .plain import OPEN, Array, Probe, squares, summed

SLACK = 1e-12  # far above the rounding of a distance, far below any bound that decides


@dataclass(frozen=True)
class Extent:
    """Exact: rows, smallest and largest value of each column, and the row with the smallest id."""

    p: int
    exact: ClassVar[bool] = True

    def of(self, block: Block, /) -> tuple[int, Array, Array, int, Array]:
        first = int(block.row_ids()[0]) if block.n else np.iinfo(np.int64).max
        low, high = block.X.min(0, initial=np.inf), block.X.max(0, initial=-np.inf)
        return block.n, low, high, first, (block.X[0].copy() if block.n else np.zeros(self.p))

    def merge(self, left: Any, right: Any, /) -> Any:
        front = left if left[3] <= right[3] else right
        return (left[0] + right[0], np.minimum(left[1], right[1]), np.maximum(left[2], right[2]), *front[3:])

    def bytes(self) -> int:
        return 24 * self.p + 16


@dataclass(frozen=True)
class NearestAll:
    """d2: squared distance to the nearest of all candidates."""

    candidates: Array

    def __call__(self, block: Block, /) -> Mapping[str, Array]:
        return {"d2": squares(block.X, self.candidates).min(1, initial=np.inf)}


@dataclass(frozen=True)
class NearestNew:
    """d2 brought forward by the new candidates alone: a minimum, so the same bits."""

    new: Array

    def __call__(self, block: Block, /) -> Mapping[str, Array]:
        return {"d2": np.minimum(block.extra["near/d2"], squares(block.X, self.new).min(1, initial=np.inf))}


@dataclass(frozen=True)
class Potential:
    """Sum of d2, in the fixed tree."""

    exact: ClassVar[bool] = False

    def of(self, block: Block, /) -> float:
        return float(summed(block.extra["near/d2"]))

    def merge(self, left: float, right: float, /) -> float:
        return left + right

    def bytes(self) -> int:
        return 8


@dataclass(frozen=True)
class Drawn:
    """Exact: the rows that are drawn with probability share * d2 / potential, by id."""

    p: int
    share: float
    round: int
    seed: int
    exact: ClassVar[bool] = True

    def of(self, block: Block, /) -> tuple[Array, Array]:
        ids = block.row_ids()
        words = rng.philox(self.seed, rng.Purpose.SEEDING, ids, self.round)
        taken = rng.uniform(words) < self.share * block.extra["near/d2"]
        return ids[taken], block.X[taken]

    def merge(self, left: Any, right: Any, /) -> Any:
        ids = np.concatenate([left[0], right[0]])
        order = np.argsort(ids)
        return ids[order], np.concatenate([left[1], right[1]])[order]

    def bytes(self) -> int:
        return 1 << 20


@dataclass(frozen=True)
class Bounds:
    """label, upper and lower bound of each row. `moved` is None: afresh; else brought forward from the last centres."""

    centers: Array  # (k, p)
    moved: Array | None = None  # (k,) how far each centre went, rounded up

    def __call__(self, block: Block, /) -> Mapping[str, Array]:
        if self.moved is None:
            return self.fresh(block.X)
        label, moved = block.extra["bounds/label"], np.sort(self.moved)
        others = np.where(self.moved[label] == moved[-1], moved[-2], moved[-1])
        upper = (block.extra["bounds/upper"] + self.moved[label]) * (1 + SLACK)
        lower = (block.extra["bounds/lower"] - others) * (1 - SLACK)
        doubt = np.flatnonzero(~(upper < lower))
        out = {"label": label.copy(), "upper": upper, "lower": lower}
        for name, column in self.fresh(block.X[doubt]).items():
            out[name][doubt] = column
        return out

    def fresh(self, X: Array) -> dict[str, Array]:
        d2 = squares(X, self.centers)
        label, rows = d2.argmin(1), np.arange(len(X))
        upper = np.sqrt(d2[rows, label])
        d2[rows, label] = np.inf
        return {"label": label, "upper": upper * (1 + SLACK), "lower": np.sqrt(d2.min(1)) * (1 - SLACK)}


@dataclass(frozen=True)
class ClusterSums:
    """Exact: rows and fixed-point sums of each cluster."""

    k: int
    pivot: Array
    scale: fixed.Scale
    exact: ClassVar[bool] = True

    def of(self, block: Block, /) -> tuple[Array, Array]:
        p = len(self.pivot)
        return self.add((np.zeros(self.k, np.int64), np.zeros((2, self.k, p), np.int64)), block)

    def add(self, into: Any, block: Block, /) -> Any:
        label = block.extra["bounds/label"]
        np.add.at(into[0], label, 1)
        limbs = fixed.limbs(block.X - self.pivot, self.scale)
        for limb in (0, 1):
            np.add.at(into[1][limb], label, limbs[limb])
        return into

    def merge(self, left: Any, right: Any, /) -> Any:
        left[0][...] += right[0]
        left[1][...] += right[1]
        return left

    def bytes(self) -> int:
        return 8 * self.k * (1 + 2 * len(self.pivot))


@allow("probes.KMeans")
@dataclass(frozen=True)
class State:
    phase: str = "extent"  # then "potential" and "draw" in turn, then "lloyd"
    pivot: Array | None = None
    scale: fixed.Scale | None = None
    candidates: Array | None = None
    new: Array | None = None
    potential: float = 0.0
    centers: Array | None = None
    moved: Array | None = None
    count: Array | None = None
    round: int = 0
    status: Status = OPEN

    @property
    def figures(self) -> Mapping[str, float]:
        return {"potential": self.potential}


@dataclass(frozen=True)
class KMeans:
    k: int
    seed: int
    draws: int = 3
    most: int = 100

    def init(self, p: int, /) -> State:
        return State()

    def ask(self, p: int, state: State, /) -> Query[Any]:
        if state.phase == "extent":
            return Query(Extent(p))
        if state.phase == "lloyd":
            carry = Carry("bounds", state.round, Bounds(state.centers), Bounds(state.centers, state.moved))
            return Query(ClusterSums(self.k, state.pivot, state.scale), (carry,))
        carry = Carry("near", state.round, NearestAll(state.candidates), NearestNew(state.new))
        share = 2 * self.k / state.potential if state.potential else 0.0
        return Query(Potential() if state.phase == "potential" else Drawn(p, share, state.round, self.seed), (carry,))

    def tell(self, p: int, state: State, answer: Any, /) -> State:
        after = replace(state, round=state.round + 1)
        if state.phase == "extent":
            count, low, high, _, row = answer
            scale = fixed.scale(high - low, count)
            return replace(after, phase="potential", pivot=row, scale=scale, candidates=row[None], new=row[None])
        if state.phase == "potential":
            return replace(after, phase="draw", potential=answer, new=state.new[:0])
        if state.phase == "draw":
            all_ = np.concatenate([state.candidates, answer[1]])
            if state.round < 2 * self.draws:
                return replace(after, phase="potential", candidates=all_, new=answer[1])
            return replace(after, phase="lloyd", candidates=all_, new=None, centers=self.spread(all_))
        return self.lloyd(after, *answer)

    def spread(self, candidates: Array) -> Array:
        """k of the candidates, each the farthest from those before."""
        chosen = [0]
        for _ in range(self.k - 1):
            chosen.append(int(squares(candidates, candidates[chosen]).min(1).argmax()))
        return candidates[chosen]

    def lloyd(self, state: State, count: Array, sums: Array) -> State:
        mean = state.pivot + fixed.total(sums, state.scale) / np.maximum(count, 1)[:, None]
        centers = np.where(count[:, None] > 0, mean, state.centers)
        d2 = squares(centers, state.centers)
        moved = np.sqrt(np.diagonal(d2)) * (1 + SLACK)
        done = not moved.any()
        status = Status.CONVERGED if done else OPEN if state.round < self.most else Status.OUT_OF_ROUNDS
        return replace(state, centers=centers, moved=moved, count=count, status=status)


draw = np.random.default_rng(1)
X = draw.standard_normal((1200, 3)) + 2 * draw.integers(0, 2, (1200, 3))  # eight clouds that touch


def check(state: State) -> None:
    """A fixed point of Lloyd's rounds."""
    assert state.status is Status.CONVERGED
    label = squares(X, state.centers).argmin(1)
    assert np.array_equal(np.bincount(label), state.count)
    means = np.array([X[label == j].mean(0) for j in range(len(state.centers))])
    assert np.allclose(means, state.centers, atol=1e-12)


PROBE = Probe("kmeans", KMeans(8, seed=7), 3, ({"train": ArrayBlocks(X)},), check)
