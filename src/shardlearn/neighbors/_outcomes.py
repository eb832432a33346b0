"""What is made of the neighbours of a row: lists of them, votes, means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

import numpy as np

from shardlearn.core.block import Block
from shardlearn.core.errors import InputError, ParameterError
from shardlearn.core.matrix import Array, Floats, Ints

Weights: TypeAlias = str | Callable[[Floats], Floats] | None


@dataclass(frozen=True, slots=True)
class Near:
    """The neighbours of m rows, the nearest first."""

    distance: Floats  # (m, k)
    id: Ints  # (m, k)
    target: Floats | None  # (m, k) or (m, k, t)


class Outcome(Protocol):
    """A row-wise answer made of neighbours; picklable."""

    @property
    def targets(self) -> tuple[int, ...] | None:
        """Shape of the target of a row, where it is wanted."""
        ...

    def answered(self, block: Block, near: Near, /) -> Block: ...
    def values(self, block: Block, /) -> Any: ...
    def columns(self, block: Block, /) -> Mapping[str, Array]: ...


@dataclass(frozen=True, eq=False, slots=True)
class Listed:
    """The neighbours themselves."""

    distances: bool
    targets: tuple[int, ...] | None = None

    def answered(self, block: Block, near: Near, /) -> Block:
        return without_features(block, id=near.id, **({"distance": near.distance} if self.distances else {}))

    def values(self, block: Block, /) -> Any:
        return (block.extra["out/distance"], block.extra["out/id"]) if self.distances else block.extra["out/id"]

    def columns(self, block: Block, /) -> Mapping[str, Array]:
        out = {f"neighbor_{j}": column for j, column in enumerate(contiguous(block.extra["out/id"]))}
        if self.distances:
            out |= {f"distance_{j}": column for j, column in enumerate(contiguous(block.extra["out/distance"]))}
        return out


@dataclass(frozen=True, eq=False, slots=True)
class Votes:
    """The class with the largest sum of weights, the first of equals; or each class's share."""

    classes: Array  # (c,)
    weights: Weights
    shares: bool
    targets: tuple[int, ...] | None = ()

    def answered(self, block: Block, near: Near, /) -> Block:
        votes = self._votes(near)
        codes = np.argmax(votes, axis=1)
        if not self.shares:
            return without_features(block, code=codes)
        total = across(votes)
        if (total == 0).any():
            raise InputError(
                "All neighbors of some sample is getting zero weights. Please modify 'weights' to avoid this case.",
                code="SL2321",
            )
        return without_features(block, code=codes, p=votes / total[:, None])

    def values(self, block: Block, /) -> Any:
        return block.extra["out/p"] if self.shares else self.classes[block.extra["out/code"]]

    def columns(self, block: Block, /) -> Mapping[str, Array]:
        out: dict[str, Array] = {"prediction": self.classes[block.extra["out/code"]]}
        if self.shares:
            names = [f"probability_{label}" for label in self.classes.tolist()]
            out |= dict(zip(names, contiguous(block.extra["out/p"]), strict=True))
        return out

    def _votes(self, near: Near) -> Floats:
        """(m, c) sums in the order of the neighbours."""
        assert near.target is not None
        m, k = near.id.shape
        votes, rows, weight = np.zeros((m, len(self.classes))), np.arange(m), weighed(self.weights, near.distance)
        for j in range(k):
            votes[rows, near.target[:, j].astype(np.int64)] += weight[:, j]
        return votes


@dataclass(frozen=True, eq=False, slots=True)
class Means:
    """Weighted means of the targets, summed in the order of the neighbours."""

    weights: Weights
    targets: tuple[int, ...] | None

    def answered(self, block: Block, near: Near, /) -> Block:
        assert near.target is not None
        weight = weighed(self.weights, near.distance)
        total, sums = np.zeros(len(weight)), np.zeros(near.target[:, 0].shape)
        for j in range(weight.shape[1]):
            one, target = weight[:, j], near.target[:, j]
            total = total + one
            sums = sums + (one * target if target.ndim == 1 else one[:, None] * target)
        with np.errstate(divide="ignore", invalid="ignore"):
            return without_features(block, mean=sums / (total if sums.ndim == 1 else total[:, None]))

    def values(self, block: Block, /) -> Any:
        return block.extra["out/mean"]

    def columns(self, block: Block, /) -> Mapping[str, Array]:
        mean = block.extra["out/mean"]
        if mean.ndim == 1:
            return {"prediction": mean}
        return {f"prediction_{t}": column for t, column in enumerate(contiguous(mean))}


def weighed(weights: Weights, distance: Floats) -> Floats:
    """(m, k) weights of neighbours; where some lie at the row itself, they alone count."""
    if callable(weights):
        return as_weights(weights(distance.copy()), distance.shape)
    if weights != "distance":
        return np.ones(distance.shape)
    with np.errstate(divide="ignore", over="ignore"):
        weight = 1.0 / distance
    at = np.isinf(weight)
    return np.where(np.any(at, axis=1, keepdims=True), at.astype(np.float64), weight)


def as_weights(given: Any, shape: tuple[int, ...], of: str = "") -> Floats:
    """What a callable gave, if it is a weight for each distance."""
    try:
        weight = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        raise no_weights(f"{type(given).__name__}, which is no array of numbers", f"shape {shape}", of) from None
    if weight.shape != shape:
        raise no_weights(f"{type(given).__name__} of shape {weight.shape}", f"shape {shape}", of)
    return weight


def no_weights(found: str, needed: str, of: str = "") -> ParameterError:
    return ParameterError(
        "The callable weights must give a weight for each distance.",
        code="SL1009",
        where=f"what weights(distances) gave{of}",
        found=found,
        needed=f"{needed}, as the distances have",
        fix="a function of each distance by itself, as lambda d: 1 / (1 + d)",
    )


def across(values: Floats) -> Floats:
    """(n, k) -> (n,): sums in the order of the columns."""
    total = np.zeros(len(values))
    for column in values.T:
        total = total + column
    return total


def without_features(block: Block, **columns: Array) -> Block:
    """The block with its answers and without its features."""
    return replace(block, X=np.empty((block.n, 0))).with_extra("out", columns)


def contiguous(values: Array) -> list[Array]:
    """(n, k) as k columns."""
    return [np.ascontiguousarray(column) for column in values.T]
