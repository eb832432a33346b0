"""The weight of each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shardlearn.core.block import Block
from shardlearn.core.matrix import Array, Floats


@dataclass(frozen=True, slots=True)
class ClassWeights:
    """(c,) sums of the weights of rows with each label, for labels as they stand in y."""

    classes: Array  # (c,) ascending
    exact: ClassVar[bool] = False

    def of(self, block: Block, /) -> Floats:
        if block.y is None:
            raise ValueError("this statistic needs a target")
        codes = np.searchsorted(self.classes, block.y)  # labels outside of the classes have been refused before
        weight = np.ones(block.n) if block.weight is None else block.weight
        sums = np.bincount(codes, weights=weight, minlength=len(self.classes))  # adds in the order of rows
        return sums.astype(np.float64)

    def merge(self, left: Floats, right: Floats, /) -> Floats:
        left += right
        return left

    def bytes(self) -> int:
        return 8 * len(self.classes)
