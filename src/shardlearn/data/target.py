"""y and sample_weight given as arrays: one-dimensional NumPy arrays of the few kinds that blocks hold."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from shardlearn.core.errors import InputError, InputTypeError
from shardlearn.core.matrix import Array, Floats

from . import refusals

Y_KINDS = ("int64", "bool", "float64", "str")


def as_array(values: Any) -> Array:
    """Whatever array-like, as NumPy sees it."""
    if hasattr(values, "tocsr") and hasattr(values, "nnz"):
        raise InputTypeError(
            "Sparse data was passed for y, but dense data is required. Use '.toarray()' to convert to a dense array.",
            code="SL2005",
        )
    if hasattr(values, "to_numpy"):  # pandas, Polars and Arrow columns
        return np.asarray(values.to_numpy())
    return np.asarray(values)


def as_target(y: Any) -> Array:
    """y as int64, bool, float64 or str; (n,) or (n, k)."""
    array = as_array(y)
    if array.ndim not in (1, 2):
        raise InputError(
            f"y should be a 1d array, got an array of shape {array.shape} instead.",
            code="SL2003",
            needed="one entry for each row of X, or the name of a column, which is text",
        )
    return target_of(array)


def target_of(array: Array, what: str = "y") -> Array:
    """The same values in the kind that blocks hold."""
    kind = array.dtype.kind
    if kind == "O":
        return _of_objects(array, what)
    if kind in "bU":
        return array
    if kind == "f":
        return array.astype(np.float64, copy=False)
    if kind == "i" or (kind == "u" and array.dtype.itemsize < 8):
        return array.astype(np.int64, copy=False)
    if kind == "u":
        if array.size and int(array.max()) > np.iinfo(np.int64).max:
            raise refusals.integer_too_large(what, "unsigned integers beyond int64", "encode the labels first")
        return array.astype(np.int64)
    if kind == "S":
        return array.astype(np.str_)
    if kind == "c":
        raise refusals.is_complex(what)
    raise refusals.refused_kind([what], array.dtype.name, "", "give y as numbers, booleans or strings")


def _of_objects(array: Array, what: str) -> Array:
    kinds = {type(value) for value in array.ravel().tolist()}
    if kinds <= {str}:
        return array.astype(np.str_)
    if kinds <= {bool}:
        return array.astype(np.bool_)
    if kinds <= {int}:
        try:
            return array.astype(np.int64)
        except OverflowError:
            raise refusals.integer_too_large(what, "integers beyond int64", "encode the labels first") from None
    if str in kinds:
        raise InputTypeError(
            f"Input {what} holds strings and other objects: {sorted(kind.__name__ for kind in kinds)}",
            code="SL2005",
            needed="labels of one kind: strings, integers, booleans or floats",
            fix="drop the rows without a label, and convert the others to one kind",
        )
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise refusals.not_castable(what, error) from None


def kind_of(y: Array | None) -> str | None:
    """ "int64", "bool", "float64" or "str"."""
    if y is None:
        return None
    return {"i": "int64", "b": "bool", "f": "float64", "U": "str"}[y.dtype.kind]


def as_weight(weight: Any, rows: int) -> Floats:
    """Weights as float64, one for each row; a number stands for all of them."""
    if isinstance(weight, numbers.Real):
        return np.full(rows, float(weight))
    array = as_array(weight)
    if array.ndim != 1:
        raise refusals.weight_dimension(array.ndim)
    if array.shape != (rows,):
        raise refusals.weight_length(array.shape, rows)
    if array.dtype.kind == "c":
        raise refusals.is_complex("sample_weight")
    if array.dtype.kind in "US":
        raise refusals.not_numeric("sample_weight", "strings")
    try:
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise refusals.not_castable("sample_weight", error) from None
