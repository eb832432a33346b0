"""A block's feature matrix, dense or CSR: the only code that asks which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Csr:
    """Compressed sparse rows without explicit zeros; a slice shares its parent's arrays.

    Row i holds `data[indptr[i]:indptr[i + 1]]` in the columns `indices[...]`, ascending.
    """

    data: Array  # (nnz,) float32 or float64
    indices: NDArray[np.int32]  # (nnz,)
    indptr: Ints  # (n + 1,); indptr[0] need not be 0
    n_columns: int

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.indptr) - 1, self.n_columns

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype


Matrix: TypeAlias = Array | Csr  # (n, p) C-contiguous float32/float64, or CSR


@dataclass(frozen=True, slots=True)
class Raw:
    """The arrays of a matrix as native code takes them; `indices` and `indptr` are None for a dense one."""

    data: Array
    indices: NDArray[np.int32] | None
    indptr: Ints | None
    n_columns: int


def raw(X: Matrix) -> Raw:
    """The arrays behind a matrix."""
    if isinstance(X, Csr):
        return Raw(X.data, X.indices, X.indptr, X.n_columns)
    return Raw(X, None, None, X.shape[1])


def slice_rows(X: Matrix, start: int, stop: int) -> Matrix:
    """Rows `start` to `stop` (excluded), sharing memory."""
    if isinstance(X, Csr):
        return Csr(X.data, X.indices, X.indptr[start : stop + 1], X.n_columns)
    return X[start:stop]


def own_rows(X: Matrix, start: int, stop: int) -> Matrix:
    """Rows `start` to `stop` (excluded), row-major, in arrays that hold nothing else; shares memory where it can."""
    if not isinstance(X, Csr):
        return np.ascontiguousarray(X[start:stop])
    inside = slice(X.indptr[start], X.indptr[stop])
    return Csr(X.data[inside], X.indices[inside], X.indptr[start : stop + 1] - X.indptr[start], X.n_columns)


def take_rows(X: Matrix, where: Ints) -> Matrix:
    """The rows at the given positions, copied, in that order."""
    if not isinstance(X, Csr):
        return np.take(X, where, axis=0)  # whole rows at a time, several times faster than X[where]
    starts, lengths = X.indptr[where], X.indptr[where + 1] - X.indptr[where]
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    at = np.repeat(starts - indptr[:-1], lengths) + np.arange(indptr[-1])
    return Csr(X.data[at], X.indices[at], indptr, X.n_columns)


def concat_rows(parts: Sequence[Matrix]) -> Matrix:
    """The rows of all parts, one after the other; parts are of one kind, dtype and width."""
    sparse = [X for X in parts if isinstance(X, Csr)]
    if not sparse:
        return np.concatenate([X for X in parts if not isinstance(X, Csr)])
    lengths = np.concatenate([np.diff(X.indptr) for X in sparse])
    return Csr(
        np.concatenate([X.data[X.indptr[0] : X.indptr[-1]] for X in sparse]),
        np.concatenate([X.indices[X.indptr[0] : X.indptr[-1]] for X in sparse]),
        np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]),
        sparse[0].n_columns,
    )


def to_dense(X: Matrix) -> Array:
    """The same values as a dense array (for references and probes)."""
    if not isinstance(X, Csr):
        return X
    out = np.zeros(X.shape, X.dtype)
    rows = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    inside = slice(X.indptr[0], X.indptr[-1])
    out[rows, X.indices[inside]] = X.data[inside]
    return out


def doubles(X: Matrix) -> Matrix:
    """The same values in float64."""
    if isinstance(X, Csr):
        return replace(X, data=X.data.astype(np.float64, copy=False))
    return X.astype(np.float64, copy=False)


def nbytes(X: Matrix) -> int:
    """Bytes that the rows of this matrix take."""
    if isinstance(X, Csr):
        stored = int(X.indptr[-1] - X.indptr[0])
        return stored * (X.data.itemsize + 4) + 8 * len(X.indptr)
    return X.nbytes
