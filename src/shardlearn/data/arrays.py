"""Matrices that the caller holds: NumPy arrays of any order and dtype, SciPy's sparse formats."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shardlearn import _native
from shardlearn.core.errors import InputError, InputTypeError
from shardlearn.core.matrix import Array, Csr, Matrix, slice_rows

from . import refusals
from .schema import Schema
from .source import Source
from .spec import Spec

EXACT = 2**53
_serial = itertools.count()


@dataclass(frozen=True, repr=False)
class MatrixSource(Source):
    """A matrix as it was given, dense or CSR; columns have positions, not names."""

    X: Any  # (n, p) ndarray of any order and numeric dtype, or Csr
    dtype: str  # of the blocks: "float32" or "float64"
    spec: Spec = field(default_factory=Spec)
    number: int = field(default_factory=lambda: next(_serial))

    @property
    def schema(self) -> Schema:
        return Schema(width=int(self.X.shape[1]), dtype=str(self.X.dtype))

    @property
    def in_memory(self) -> bool:
        return True

    @property
    def label(self) -> str:
        n, p = self.X.shape
        return f"{'CSR' if isinstance(self.X, Csr) else 'array'} {n:,} x {p:,} {self.X.dtype}"

    def count(self) -> int:
        return int(self.X.shape[0])

    def read(self, start: int, stop: int, columns: Sequence[str] | None = None, /) -> Iterator[Matrix]:
        yield packed(slice_rows(self.X, start, stop), np.dtype(self.dtype))

    def reader_bytes(self, columns: Sequence[str], rows: int, /) -> int:
        return 0

    @property
    def stamp_lasts(self) -> bool:
        return False

    def stamp(self) -> str:
        return f"array {self.number} {self.X.shape} {self.X.dtype}"

    @property
    def resident(self) -> bool:
        """Whether blocks are views of the caller's memory."""
        return isinstance(self.X, Csr) or fits(self.X, np.dtype(self.dtype))


def fits(X: Array, dtype: np.dtype[Any]) -> bool:
    """Whether rows can be used where they lie."""
    return bool(X.dtype == dtype and X.flags.c_contiguous and X.flags.aligned)


def packed(X: Matrix, dtype: np.dtype[Any]) -> Matrix:
    """These rows as blocks hold them: the same memory where it fits, else a row-major copy."""
    if isinstance(X, Csr) or fits(X, dtype):
        return X
    if X.dtype.kind in "iu" and X.dtype.itemsize == 8:
        _check_exact(X)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows becomes infinite, and is counted as such
        return np.require(X, dtype, ["C", "A"])


def _check_exact(X: Array) -> None:
    if X.size and (int(X.max()) > EXACT or (X.dtype.kind == "i" and int(X.min()) < -EXACT)):
        raise too_large(X)


def too_large(X: Array) -> InputError:
    """Only kind and dtype: counting is for `verify`, which sees the whole array."""
    return refusals.integer_too_large(
        "X", f"{X.dtype.name} values beyond 2**53", "scale the column, or leave it out: such numbers are mostly ids"
    )


def from_array(X: Any, spec: Spec) -> MatrixSource:
    """A source from an ndarray or whatever NumPy makes into one."""
    array = as_matrix(X)
    dtype = spec.dtype or ("float32" if array.dtype in (np.float32, np.float16) else "float64")
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8:
        _check_exact(array)  # of the whole: the same words wherever the value stands
    return MatrixSource(array, dtype, spec)


def as_matrix(X: Any) -> Array:
    """Two dimensions of real numbers, refused in scikit-learn's words otherwise."""
    if isinstance(X, np.matrix):
        raise InputTypeError(
            "np.matrix is not supported. Please convert to a numpy array with np.asarray.", code="SL2005"
        )
    if isinstance(X, np.ma.MaskedArray):
        X = np.ma.filled(np.ma.asarray(X, np.float64), np.nan)
    try:
        array = np.asarray(X)
    except ValueError:
        raise InputError(
            "setting an array element with a sequence.",
            code="SL2003",
            found="rows of different lengths",
            needed="a two-dimensional array",
        ) from None
    if array.ndim != 2:
        raise refusals.not_two_dimensional(array.ndim)
    kind = array.dtype.kind
    if kind == "c":
        raise refusals.is_complex()
    if kind in "USV" or kind == "T":
        raise refusals.not_numeric("X", "strings")
    if kind in "Mm":
        raise refusals.refused_kind(["X"], array.dtype.name, "", "turn dates and durations into numbers first")
    if kind == "O":
        array = _from_objects(array)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return array


def _from_objects(array: Array) -> Array:
    flat = array.ravel()
    if any(isinstance(value, complex) for value in flat.tolist()):
        raise refusals.is_complex()
    if any(type(value) is int and abs(value) > EXACT for value in flat.tolist()):
        raise too_large(array)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise refusals.not_castable("X", error) from None


def _check_places(X: Any) -> None:
    """SciPy looks at no single index of CSR and CSC, and one that leads outside would be read and written there."""
    if X.format not in ("csr", "csc"):
        return
    starts, (lines, across) = X.indptr, X.shape if X.format == "csr" else X.shape[::-1]
    stored = min(len(X.indices), len(X.data))
    if len(starts) != lines + 1 or starts[0] != 0 or starts[-1] > stored or not np.all(starts[1:] >= starts[:-1]):
        raise refusals.torn_sparse()
    indices = X.indices[: starts[-1]]
    if len(indices) and not (indices.min() >= 0 and indices.max() < across):
        wrong = int(np.flatnonzero((indices < 0) | (indices >= across))[0])
        line = int(np.searchsorted(starts, wrong, side="right")) - 1
        raise refusals.outside_sparse("row" if X.format == "csr" else "column", line, int(indices[wrong]), across)


def _canonical(csr: Any, dtype: np.dtype[Any]) -> Any:
    """Indices sorted and duplicates summed: `TfidfVectorizer(max_features=...)` leaves them as they come."""
    if csr.has_canonical_format:
        return csr
    indptr = csr.indptr.astype(np.int64, copy=False)
    inside = slice(0, int(indptr[-1]))
    data = np.require(csr.data[inside], dtype, ["C", "A"])
    indices = np.require(csr.indices[inside], np.int32, ["C", "A"])
    to_indices, to_data = np.empty_like(indices), np.empty_like(data)
    if _native.sort_rows(indices, data, indptr, int(csr.shape[1]), to_indices, to_data):
        return type(csr)((to_data, to_indices, csr.indptr), shape=csr.shape)
    csr = csr.copy()  # some column is twice in a row
    csr.sum_duplicates()
    return csr


def from_sparse(X: Any, spec: Spec) -> MatrixSource:
    """A source from any SciPy sparse matrix or array: CSR without explicit zeros, duplicates summed, indices sorted."""
    if X.ndim != 2:
        raise refusals.not_two_dimensional(X.ndim)
    if X.dtype.kind == "c":
        raise refusals.is_complex()
    if X.dtype.kind not in "biuf":
        raise refusals.not_numeric("X", str(X.dtype))
    if X.shape[1] > np.iinfo(np.int32).max:
        raise InputError("Found array with too many features: at most 2**31 - 1", code="SL2003")
    dtype = np.dtype(spec.dtype or ("float32" if X.dtype in (np.float32, np.float16) else "float64"))
    _check_places(X)
    csr = X.tocsr()
    if X.dtype.kind in "iu" and X.dtype.itemsize == 8:
        _check_exact(csr.data)
    with np.errstate(over="ignore", invalid="ignore"):
        csr = _canonical(csr, dtype)
        data = np.require(csr.data, dtype, ["C", "A"])
    if not np.all(data != 0):
        csr = type(csr)((data.copy(), csr.indices.copy(), csr.indptr.copy()), shape=csr.shape)
        csr.eliminate_zeros()
        data = csr.data
    indices, indptr = csr.indices.astype(np.int32, copy=False), csr.indptr.astype(np.int64, copy=False)
    return MatrixSource(Csr(data, indices, indptr, int(X.shape[1])), dtype.name, spec)
