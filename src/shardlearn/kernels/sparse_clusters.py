"""What k-means asks of sparse rows: the nearest centre, and sums of clusters as lists of cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shardlearn import _native
from shardlearn.core.fixed import Scale
from shardlearn.core.matrix import Array, Csr, Floats, Ints, Matrix

from .moves import Moves

GROUP, WIDE = 8, 64  # a line of points is a multiple of the one; beyond the other, lines lie apart by odd numbers of it


@dataclass(frozen=True, slots=True)
class Across:
    """Points as sparse rows are compared with them.

    score = 1/2 |c|^2 - x . c is one FMA chain in float64 over the stored values in their order; the squared distance is
    |x|^2 + 2 score, or zero where rounding has it below.
    """

    values: Floats  # (p, line), the first k of each line
    half: Floats  # (line,)
    k: int

    @classmethod
    def of(cls, values: Matrix, unit: bool = False) -> Across:
        """(k, p) points; those that lie across already stay where they are. `unit`: all of length one, to the bit."""
        lines, k = lines_of(values), values.shape[0]
        half = np.full(lines.shape[1], np.inf)
        half[:k] = 0.5
        if not unit:
            _native.halves(lines, k, half)
        return cls(lines, half, k)


def no_lines(p: int, k: int) -> Floats:
    """(p, line) with room for k points in a line, which begins where memory does; not filled."""
    line = _line(k)
    raw = np.empty(p * line + GROUP)
    first = -_address(raw) // raw.itemsize % GROUP
    return raw[first : first + p * line].reshape(p, line)


def _line(k: int) -> int:
    """Places in a line of k points."""
    line = -(-k // GROUP) * GROUP
    return line + GROUP if line > WIDE and line % (2 * GROUP) == 0 else line  # lest lines share few places of the cache


def lines_of(values: Matrix) -> Floats:
    """(k, p) points, a line for each feature."""
    k, p = values.shape
    if not isinstance(values, Csr) and (there := _lines_behind(values)) is not None:
        return there
    lines = no_lines(p, k)
    if isinstance(values, Csr):
        lines.fill(0.0)
        inside = slice(values.indptr[0], values.indptr[-1])
        lines[values.indices[inside], np.repeat(np.arange(k), np.diff(values.indptr))] = values.data[inside]
    else:
        _native.pack_across(np.ascontiguousarray(values, np.float64), lines)
    return lines


def points_across(lines: Floats, k: int) -> Floats:
    """(k, p) points that lie across: the same memory."""
    return lines[:, :k].T


def _lines_behind(values: Array) -> Floats | None:
    """The lines of which `values` is `points_across`; None where it is none."""
    base, (k, p) = values.base, values.shape
    line = values.strides[1] // values.itemsize
    whole = isinstance(base, np.ndarray) and base.ndim == 1 and base.dtype == values.dtype == np.float64
    if not whole or values.strides[0] != values.itemsize or line < k or line % GROUP or _address(values) % 64:
        return None
    assert isinstance(base, np.ndarray)
    first = (_address(values) - _address(base)) // base.itemsize
    if not base.flags.c_contiguous or first + p * line > len(base):
        return None
    lines: Floats = base[first : first + p * line].reshape(p, line)
    return lines


def _address(values: Array) -> int:
    address: int = values.__array_interface__["data"][0]
    return address


# -- sums --------------------------------------------------------------------------------------------------------------


def moved_cells(X: Csr, moves: Moves, scale: Scale, weights: Ints) -> list[tuple[Ints, Ints, int]]:
    """As `cluster_sums`, for each layer a list: cells feature * k + cluster, (m, limbs) sums, what rows weigh."""
    label, before, lengths = moves.label, moves.before, np.diff(X.indptr)
    moved = lengths if before is None else lengths[label != before]
    twice = 1 if before is None or (len(before) and before.max() < 0) else 2
    room = twice * int(moved.sum(dtype=np.int64))
    rows, factor, out = (X.data, X.indices, X.indptr, X.n_columns, label, before), np.ldexp(1.0, scale.exponent), []
    for weight, of in zip(moves.layers, weights, strict=True):
        at, limbs = np.empty(room, np.int64), np.empty((room, scale.limbs), np.int64)
        count, changed = _native.moved_cells(*rows, weight, factor, scale.room, of, at, limbs)
        out.append((at[:count], limbs[:count], changed))
    return out


def join_cells(at: Ints, limbs: Ints, other_at: Ints, other_limbs: Ints) -> tuple[Ints, Ints]:
    """The sums of two lists."""
    room = len(at) + len(other_at)
    out_at, out_limbs = np.empty(room, np.int64), np.empty((room, limbs.shape[1]), np.int64)
    count = _native.join_cells(at, limbs, other_at, other_limbs, out_at, out_limbs)
    return out_at[:count], out_limbs[:count]


def no_line_sums(p: int, k: int, limbs: int, layers: int = 1) -> Ints:
    """(layers, limbs, p, line) sums of k clusters, as their centres lie: zeros."""
    return np.zeros((layers, limbs, p, _line(k)), np.int64)


def add_cells(at: Ints, limbs: Ints, k: int, sums: Ints) -> None:
    """Adds a list to a table of k clusters."""
    _native.add_cells(at, limbs, k, sums)


def line_means(sums: Ints, weights: Ints, before: Floats, scale: Scale, bits: int = 1) -> tuple[Floats, Floats]:
    """(k, p) a table's sums over weights as `cluster_means` has them, and how far each point went, squared.

    `sums` are (layers, limbs, p, line). Points without weight stay where they were `before`.
    """
    old, k = lines_of(before), weights.shape[1]
    lines, squares = no_lines(len(old), k), np.empty(k)
    _native.line_means(sums, weights, old, np.ldexp(1.0, scale.exponent), scale.room, bits, lines, squares)
    return points_across(lines, k), squares


def unit_lines(points: Floats, weights: Ints, before: Floats) -> tuple[Floats, Floats]:
    """(k, p) points over their lengths, in place, and how far each is from `before`, squared.

    Points without weight or length are as they were before.
    """
    k = weights.shape[1]
    lines, squares = lines_of(points), np.empty(k)
    heavy: Ints = np.max(weights, axis=0)
    _native.unit_lines(heavy, lines_of(before), lines, squares)
    return points_across(lines, k), squares
