"""What k-means is asked for, and the whole numbers that its sums are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shardlearn import kernels
from shardlearn.core import fixed
from shardlearn.core.matrix import Csr, Floats, Ints, Matrix, to_dense
from shardlearn.statistics.clusters import Later
from shardlearn.statistics.seeding import Spans

from .overflow import finite
from .problem import Shape

WEIGHT_BITS = {True: 24, False: 32}  # of a layer of whole weights, at most, where the features are float32, or float64
DIGITS = {True: 24, False: 53}  # of a feature
KEPT = {True: 72, False: 96}  # bits of all layers together, at most, if there is more
LIKELY = 2.0**-40, -93  # lightest weight beside the heaviest one, and its last bit
LEAST_ROOM = 8  # bits that a limb is left with, whatever the number of rows


@dataclass(frozen=True, slots=True)
class Clusters:
    """k centres c with the least sum_i s_i min_j |x_i - c_j|^2 that can be found from where the search begins.

    `unit`: of centres and rows of length one (`UnitRows`), where that is twice 1 - cosine.
    """

    shape: Shape
    k: int
    single: bool = False  # the features are float32, and so are the centres at last
    weighted: bool = False
    seed: int = 0
    start: Floats | None = None  # (k, p) centres to begin from; None: chosen
    unit: bool = False
    counted: int = 0  # sums have room for so many rows at least: those of several problems are then cut alike

    def compared(self, centers: Matrix) -> kernels.Centers:
        """Centres as rows are compared with them."""
        return kernels.centers_of(centers, self.shape.sparse, self.unit)

    def later(self, centers: Matrix) -> Later:
        """The same, where only blocks whose columns were lost need it."""
        return Later(centers, self.shape.sparse, self.unit)

    def published(self, centers: Floats) -> Floats:
        """Centres as whoever reads them compares them: of length one again after they were rounded."""
        return directions(centers) if self.unit else centers


@dataclass(frozen=True, slots=True)
class Units:
    """How values and weights become whole numbers; functions of exact counts and ranges."""

    scale: fixed.Scale
    weights: fixed.Weights | None  # None: all are one
    middle: Floats | None  # (p,) the middle of each column's range; None for sparse rows
    unit: bool = False  # means are taken to length one

    def weighing(self, whole: Ints) -> Floats:
        """(layers, ...) sums of whole weights as (...) float64."""
        return whole[0].astype(np.float64) if self.weights is None else self.weights.total(whole)


def units(problem: Clusters, spans: Spans) -> Units:
    """For sums over all rows, one at least. Raises where their squared distances could leave the range of float64."""
    rows = max(spans.rows, problem.counted)
    weights = _weights(problem, spans, rows) if problem.weighted else None
    largest = np.maximum(np.abs(spans.low), np.abs(spans.high))
    _must_square(problem, spans, largest)
    count = rows if weights is None else rows << weights.bits
    scale = fixed.scale(largest, count, itemsize=4 if problem.single else 8)
    middle = None if problem.shape.sparse else spans.low + 0.5 * (spans.high - spans.low)
    return Units(scale, weights, middle, problem.unit)


def _must_square(problem: Clusters, spans: Spans, largest: Floats) -> None:
    far = largest
    if problem.start is not None and not problem.unit:
        far = np.maximum(largest, np.abs(to_dense(problem.start)).max(axis=0))
    with np.errstate(over="ignore"):
        finite(np.array(4.0 * kernels.dot(far, far) * spans.rows * spans.heaviest))


def most_units(problem: Clusters) -> Units:
    """Of as many limbs and layers as are likely, before anything is known of the rows."""
    p, (light, fine) = problem.shape.features, LIKELY
    return units(problem, Spans(max(problem.shape.rows, 1), np.ones(p), np.ones(p), 1.0, light, fine))


def _weights(problem: Clusters, spans: Spans, rows: int) -> fixed.Weights:
    """As many bits as all weights have, or as many as the features have below the lightest one."""
    _, (top, low) = np.frexp([spans.heaviest, spans.lightest])
    most = min(WEIGHT_BITS[problem.single], 62 - LEAST_ROOM - rows.bit_length())
    wanted = min(int(top) - spans.finest, int(top - low) + DIGITS[problem.single])
    bits = min(most, wanted)
    return fixed.Weights(bits - int(top), bits, -(-min(wanted, KEPT[problem.single]) // bits))


def directions(centers: Floats) -> Floats:
    """(k, p) centres over their lengths."""
    found, _ = kernels.normalized(np.ascontiguousarray(centers))
    assert not isinstance(found, Csr)
    return found
