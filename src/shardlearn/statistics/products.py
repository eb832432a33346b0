"""Products with the Gram matrix that is never formed: X' S X V."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.matrix import Floats

from .gradient import column_sums, weight_of
from .parts import parts_of, stretch, together


@dataclass(frozen=True, slots=True)
class ProductSums:
    """Sums over rows with z_i = V (x_i - pivot) + shift, weighted by s_i."""

    weight: float
    products: Floats  # (k, p) sum_i s_i z_i (x_i - pivot)
    sum_z: Floats  # (k,) sum_i s_i z_i


@dataclass(frozen=True, slots=True)
class Products:
    """Along k directions V."""

    V: Floats  # (k, p)
    shift: Floats  # (k,)
    pivot: Floats | None = None  # (p,); dense data only
    exact: ClassVar[bool] = False

    def of(self, block: Block, /) -> ProductSums:
        z = kernels.row_products(block.X, self.V, self.shift, self.pivot)
        if block.weight is not None:
            z *= block.weight[:, None]
        return ProductSums(weight_of(block), kernels.weighted_rows_sum(block.X, z, self.pivot), column_sums(z))

    def merge(self, left: ProductSums, right: ProductSums, /) -> ProductSums:
        np.add(left.products, right.products, out=left.products)
        np.add(left.sum_z, right.sum_z, out=left.sum_z)
        return ProductSums(left.weight + right.weight, left.products, left.sum_z)

    def bytes(self) -> int:
        return 8 * (self.V.size + self.shift.size + 1)

    @property
    def parts(self) -> int:
        return parts_of(self.bytes())

    def part(self, answer: ProductSums, i: int, /) -> ProductSums:
        n = self.parts
        return ProductSums(answer.weight, stretch(answer.products, i, n), stretch(answer.sum_z, i, n))

    def join(self, results: Sequence[ProductSums], /) -> ProductSums:
        products = together([part.products for part in results], self.V.shape)
        return ProductSums(results[0].weight, products, np.concatenate([part.sum_z for part in results]))
