"""Rows of length one, for what goes by directions alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.matrix import Floats

UNIT = "unit"  # name of the columns
Labels = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class UnitRows:
    """Rows over their lengths. One of zeros has no direction: it weighs nothing, and what it weighed is kept aside."""

    def __call__(self, block: Block, /) -> Block:
        X, none = kernels.normalized(block.X)
        if not none.any():
            return replace(block, X=X)
        weight = np.ones(block.n) if block.weight is None else block.weight
        aside = replace(block, X=X, weight=np.where(none, 0.0, weight))
        return aside.with_extra(UNIT, {"none": none, "weight": weight})


def full_weight(block: Block) -> Floats | None:
    """What rows weigh, those of zeros too."""
    return block.extra.get(f"{UNIT}/weight", block.weight)


def nearest_by_cosine(block: Block, centers: kernels.Centers) -> tuple[Labels, Floats]:
    """Of rows of length one the nearest centre, and 1 - cosine; a row of zeros is at 1 from all: the first wins."""
    label, square, *_ = kernels.nearest_center(block.X, centers, squares=True)
    assert square is not None
    return by_cosine(block, label, square)


def by_cosine(block: Block, label: Labels, square: Floats) -> tuple[Labels, Floats]:
    """The same of labels and squared distances that are at hand."""
    apart = 0.5 * square
    none = block.extra.get(f"{UNIT}/none")
    if none is None:
        return label, apart
    return np.where(none, np.int32(0), label), np.where(none, 1.0, apart)


def cosine_distances(block: Block, centers: kernels.Centers) -> Floats:
    """(n, k): 1 - cosine of each row of length one with each centre."""
    apart = 0.5 * kernels.center_squares(block.X, centers)
    none = block.extra.get(f"{UNIT}/none")
    if none is not None:
        apart[none] = 1.0
    return apart
