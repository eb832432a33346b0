"""What linear models answer for a row: z = x . w + b, and labels or probabilities made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.matrix import Array, Floats


@dataclass(frozen=True, eq=False, slots=True)
class Linear:
    """z (n, K) of each row; the same bits for a row alone and among others."""

    coef: Floats  # (K, p)
    intercept: Floats  # (K,)

    def of(self, block: Block, /) -> Floats:
        out: Floats = kernels.row_products(block.X, self.coef, self.intercept)
        return out


@dataclass(frozen=True, eq=False, slots=True)
class Values:
    """z itself: predictions of a regressor, or decision values of a classifier."""

    linear: Linear
    names: tuple[str, ...]  # (K,) of the columns
    flat: bool  # (n,) where K is 1

    def __call__(self, block: Block, /) -> Block:
        return answered(block, z=self.linear.of(block))

    def values(self, block: Block, /) -> Array:
        z = block.extra["out/z"]
        return z[:, 0] if self.flat else z

    def columns(self, block: Block, /) -> Mapping[str, Array]:
        return named(self.names, block.extra["out/z"])


@dataclass(frozen=True, eq=False, slots=True)
class Labels:
    """The class of the largest z, the first of equals; of two classes the second one where z > 0."""

    linear: Linear
    classes: Array  # (k,)

    def __call__(self, block: Block, /) -> Block:
        return answered(block, code=codes(self.linear.of(block)))

    def values(self, block: Block, /) -> Array:
        out: Array = self.classes[block.extra["out/code"]]
        return out

    def columns(self, block: Block, /) -> Mapping[str, Array]:
        return {"prediction": self.values(block)}


@dataclass(frozen=True, eq=False, slots=True)
class Probabilities:
    """softmax(z), or (1 - s, s) with s = 1 / (1 + e^-z) for two classes; their logarithms where `log`."""

    linear: Linear
    classes: Array  # (k,)
    log: bool

    def __call__(self, block: Block, /) -> Block:
        z = self.linear.of(block)
        return answered(block, code=codes(z), p=log_probabilities(z) if self.log else probabilities(z))

    def values(self, block: Block, /) -> Array:
        out: Array = block.extra["out/p"]
        return out

    def columns(self, block: Block, /) -> Mapping[str, Array]:
        head = "log_probability" if self.log else "probability"
        names = tuple(f"{head}_{label}" for label in self.classes.tolist())
        return {"prediction": self.classes[block.extra["out/code"]], **named(names, block.extra["out/p"])}


def answered(block: Block, **columns: Array) -> Block:
    """The block with its answers and without its features."""
    return replace(block, X=np.empty((block.n, 0))).with_extra("out", columns)


def named(names: tuple[str, ...], values: Array) -> dict[str, Array]:
    """(n, k) as k columns."""
    return {name: np.ascontiguousarray(column) for name, column in zip(names, values.T, strict=True)}


def codes(z: Floats) -> Array:
    """(n,) int64"""
    if z.shape[1] == 1:
        return np.asarray(z[:, 0] > 0, np.int64)
    return np.asarray(np.argmax(z, axis=1), np.int64)


def probabilities(z: Floats) -> Floats:
    """(n, k); for two classes both by themselves, so neither loses its digits to the other."""
    if z.shape[1] == 1:
        return np.concatenate([kernels.expit(-z), kernels.expit(z)], axis=1)
    grown = kernels.exp(z - z.max(axis=1, keepdims=True))
    out: Floats = grown / across(grown)[:, None]
    return out


def log_probabilities(z: Floats) -> Floats:
    """(n, k)"""
    if z.shape[1] == 1:
        return np.concatenate([-kernels.softplus(z), -kernels.softplus(-z)], axis=1)
    shifted = z - z.max(axis=1, keepdims=True)
    out: Floats = shifted - kernels.log(across(kernels.exp(shifted)))[:, None]
    return out


def across(values: Floats) -> Floats:
    """(n, k) -> (n,): sums in the order of the columns."""
    total = np.zeros(len(values))
    for column in values.T:
        total = total + column
    return total
