"""What is made of all rows within a radius: lists of them, votes, means."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from shardlearn.core.block import Block
from shardlearn.core.errors import InputError
from shardlearn.core.matrix import Array, Floats, Ints

from ._outcomes import Weights, across, as_weights, contiguous, no_weights, without_features


@dataclass(frozen=True, slots=True)
class Nearby:
    """Pairs of m rows and their neighbours, by row, the nearest first."""

    row: Ints  # (h,) position of the row
    counts: Ints  # (m,)
    distance: Floats  # (h,)
    id: Ints  # (h,)
    target: Floats | None  # (h,) or (h, t)

    def apart(self, values: Array) -> Array:
        """(h,) as m arrays."""
        out = np.empty(len(self.counts), object)
        ends = np.cumsum(self.counts)
        for i, (end, count) in enumerate(zip(ends.tolist(), self.counts.tolist(), strict=True)):
            out[i] = values[end - count : end]
        return out

    def sums(self, values: Floats) -> Floats:
        """(m,) sums in the order of the neighbours."""
        return np.bincount(self.row, values, minlength=len(self.counts)).astype(np.float64, copy=False)


class Gathering(Protocol):
    """A row-wise answer made of all that is near; picklable."""

    @property
    def targets(self) -> tuple[int, ...] | None:
        """Shape of the target of a row, where it is wanted."""
        ...

    def answered(self, block: Block, near: Nearby, /) -> Block: ...
    def values(self, block: Block, /) -> Any: ...
    def columns(self, block: Block, /) -> Mapping[str, Array]: ...


@dataclass(frozen=True, eq=False, slots=True)
class ListedBalls:
    """The neighbours themselves, an array for each row."""

    targets: tuple[int, ...] | None = None

    def answered(self, block: Block, near: Nearby, /) -> Block:
        return without_features(block, id=near.apart(near.id), distance=near.apart(near.distance))

    def values(self, block: Block, /) -> Any:
        return block.extra["out/distance"], block.extra["out/id"]

    def columns(self, block: Block, /) -> Mapping[str, Array]:
        return {"neighbors": block.extra["out/id"], "distances": block.extra["out/distance"]}


@dataclass(frozen=True, eq=False, slots=True)
class BallVotes:
    """The class with the largest sum of weights, the first of equals; or each class's share."""

    classes: Array  # (c,)
    weights: Weights
    shares: bool
    outlier: Any = None  # label of rows that have no neighbours; None: they are refused
    targets: tuple[int, ...] | None = ()

    def answered(self, block: Block, near: Nearby, /) -> Block:
        lonely = near.counts == 0
        if self.outlier is None and lonely.any():
            raise InputError(
                f"No neighbors found for test samples {block.row_ids()[lonely]!r}, you can try using larger radius, "
                "giving a label for outliers, or considering removing them from your dataset.",
                code="SL2324",
                fix='a larger radius, or outlier_label="most_frequent"',
            )
        votes = self._votes(near)
        total = across(votes)
        if self.outlier is not None:
            lonely = total == 0.0
            votes[lonely] = self.classes == self.outlier
        codes = np.where(lonely & ~votes.any(axis=1), len(self.classes), np.argmax(votes, axis=1))
        if not self.shares:
            return without_features(block, code=codes)
        total = across(votes)
        return without_features(block, code=codes, p=votes / np.where(total == 0.0, 1.0, total)[:, None])

    def values(self, block: Block, /) -> Any:
        if not self.shares:
            return self._labels(block)
        lonely = block.extra["out/code"] == len(self.classes)
        if lonely.any():
            warnings.warn(
                f"Outlier label {self.outlier} is not in training classes. All class probabilities of outliers will "
                "be assigned with 0.",
                stacklevel=2,
            )
        return block.extra["out/p"]

    def columns(self, block: Block, /) -> Mapping[str, Array]:
        out: dict[str, Array] = {"prediction": self._labels(block)}
        if self.shares:
            names = [f"probability_{label}" for label in self.classes.tolist()]
            out |= dict(zip(names, contiguous(block.extra["out/p"]), strict=True))
        return out

    def _labels(self, block: Block) -> Array:
        """A label that is no class stands behind them."""
        labels = self.classes if self.outlier is None else np.append(self.classes, self.outlier)
        out: Array = labels[block.extra["out/code"]]
        return out

    def _votes(self, near: Nearby) -> Floats:
        """(m, c) sums in the order of the neighbours."""
        assert near.target is not None
        m, c = len(near.counts), len(self.classes)
        at = near.row * c + near.target.astype(np.int64)
        votes = np.bincount(at, weighed(self.weights, near), minlength=m * c)
        return votes.astype(np.float64, copy=False).reshape(m, c)


@dataclass(frozen=True, eq=False, slots=True)
class BallMeans:
    """Weighted means of the targets, summed in the order of the neighbours; NaN where there are none."""

    weights: Weights
    targets: tuple[int, ...] | None

    def answered(self, block: Block, near: Nearby, /) -> Block:
        assert near.target is not None
        weight = weighed(self.weights, near)
        total = near.sums(weight)
        columns = near.target.T if self.targets else [near.target]
        sums = np.stack([near.sums(weight * column) for column in columns], axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = sums / total[:, None]
        return without_features(block, mean=mean if self.targets else mean[:, 0])

    def values(self, block: Block, /) -> Any:
        mean = block.extra["out/mean"]
        if np.isnan(mean).any():
            warnings.warn(
                "One or more samples have no neighbors within specified radius; predicting NaN.", stacklevel=2
            )
        return mean

    def columns(self, block: Block, /) -> Mapping[str, Array]:
        mean = self.values(block)
        if mean.ndim == 1:
            return {"prediction": mean}
        return {f"prediction_{t}": column for t, column in enumerate(contiguous(mean))}


def weighed(weights: Weights, near: Nearby) -> Floats:
    """(h,) weights of neighbours; where some lie at the row itself, they alone count."""
    if callable(weights):
        return as_rows_of_weights(weights(near.apart(near.distance.copy())), near.counts)
    if weights != "distance":
        return np.ones(len(near.distance))
    with np.errstate(divide="ignore", over="ignore"):
        weight = 1.0 / near.distance
    at = np.isinf(weight)
    alone = np.bincount(near.row, at, minlength=len(near.counts)) > 0
    return np.where(alone[near.row], at.astype(np.float64), weight)


def as_rows_of_weights(given: Any, counts: Ints) -> Floats:
    """What a callable gave, if it is a weight for each distance of each row, one after the other."""
    needed = f"an array or a list of {len(counts):,} arrays"
    try:
        rows = list(given)
    except TypeError:
        raise no_weights(type(given).__name__, needed) from None
    if len(rows) != len(counts):
        raise no_weights(f"{type(given).__name__} of length {len(rows):,}", needed)
    pairs = enumerate(zip(rows, counts.tolist(), strict=True))
    return np.concatenate([np.zeros(0), *(as_weights(one, (count,), f", for row {i:,}") for i, (one, count) in pairs)])
