"""`shardlearn.read`: from whatever people hold to a source."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from shardlearn.core.errors import InputError, InputTypeError

from . import files, refusals
from .source import Source
from .spec import Missing, Spec

DTYPES = (None, "float32", "float64")


def open_source(
    data: Any,
    *,
    columns: Sequence[str] | None = None,
    drop_columns: Sequence[str] = (),
    format: Literal["parquet", "csv", "svmlight"] | None = None,
    dtype: Literal["float32", "float64"] | None = None,
    missing: Missing | None = None,
    n_features: int | None = None,
    zero_based: bool = False,
    cache: Literal["disk"] | None = None,
) -> Source:
    """Open data that a fit, a predict or `shardlearn inspect` reads.

    Parameters
    ----------
    data : object
        An array, a SciPy sparse matrix, a pandas or Polars frame, an Arrow table or any object with
        ``__arrow_c_stream__``, a pyarrow dataset, or a path, glob, folder, list of paths or URI of Parquet, CSV
        (also ``.gz``) or svmlight files.
    columns : sequence of str, optional
        The features, by name and in this order. Not given: all columns but the target and the weight.
    drop_columns : sequence of str
        Columns that are not features.
    format : {"parquet", "csv", "svmlight"}, optional
        Not given: by the file's ending.
    dtype : {"float32", "float64"}, optional
        Of the features. Not given: float32 when every feature column is float32 or float16, else float64.
    missing : {"error", "drop"}, optional
        What to do with rows that have a missing value. Not given: "error".
    n_features : int, optional
        Of svmlight files, where the largest index does not say it (a test set without the last features).
    zero_based : bool
        Of svmlight files: whether the first feature has index 0, not 1.
    cache : {"disk"}, optional
        "disk" writes what can be read only once (an Arrow stream) to the disk cache first, and reads it from there.

    Returns
    -------
    Source
        Rows that can be read again and again, with a schema, a count and a stamp.
    """
    _check("dtype", dtype, DTYPES)
    _check("missing", missing, (None, "error", "drop"))
    _check("cache", cache, (None, "disk"))
    _check("format", format, (None, "parquet", "csv", "svmlight"))
    if isinstance(columns, str):
        raise InputTypeError("columns= takes a list of names, not one string", code="SL1001")
    spec = Spec(columns, tuple(drop_columns), None, dtype, missing, n_features, zero_based)
    if isinstance(data, Source):
        return data
    if files.is_path(data):
        return _open_files(data, format, replace(spec, asked=files.texts(data), format=format))
    if cache is not None and hasattr(data, "__arrow_c_stream__"):
        from .streams import from_stream

        return from_stream(data, spec)
    return _adapter(data)(data, spec)


def _open_files(data: Any, format: str | None, spec: Spec) -> Source:
    found = files.find(data)
    kind = files.format_of(found, format)
    name = found[0].shown
    if len(found) > 1:
        name += f" and {refusals.several(len(found) - 1, 'more file')}"
    if kind == "parquet":
        from .parquet import open_parquet

        return open_parquet(found, name, spec)
    if kind == "csv":
        from .csv import open_csv

        return open_csv(found, name, spec)
    from .svmlight import open_svmlight

    return open_svmlight(found, name, spec)


def _check(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise InputError(
            f"{name}={value!r} is not one of {', '.join(repr(a) for a in allowed if a is not None)}", code="SL1001"
        )


def _adapter(data: Any) -> Callable[[Any, Spec], Source]:
    """What opens it. Other libraries are asked only when they are imported already, so none is ever imported here."""
    from . import arrays

    if isinstance(data, np.ndarray):
        return arrays.from_array
    if _is(data, "scipy.sparse", "issparse"):
        return arrays.from_sparse
    frame = _frame(data)
    if frame is not None:
        return frame
    if hasattr(data, "__array__") or isinstance(data, list | tuple) or hasattr(data, "__array_interface__"):
        return arrays.from_array
    raise refusals.unknown_kind(_name(data))


def _frame(data: Any) -> Callable[[Any, Spec], Source] | None:
    """Tables of other libraries, and what can be read only once."""
    if _one_of(data, "pandas", "DataFrame"):
        return _table("from_pandas")
    if _one_of(data, "polars", "DataFrame"):
        return _table("from_polars")
    if _one_of(data, "pyarrow", "Table", "RecordBatch"):
        return _table("from_arrow")
    for module in ("pandas", "polars"):
        if _one_of(data, module, "Series"):
            raise refusals.series_as_table(str(type(data)))
    if _one_of(data, "polars", "LazyFrame"):
        raise refusals.lazy_frame()
    if _one_of(data, "narwhals", "DataFrame") or _one_of(data, "narwhals.stable.v1", "DataFrame"):
        native = data.to_native()
        opener = _frame(native)
        return None if opener is None else lambda _, spec: opener(native, spec)
    if _one_of(data, "pyarrow.dataset", "Dataset"):
        from .streams import from_dataset

        return from_dataset
    if hasattr(data, "__arrow_c_stream__"):
        raise refusals.read_once(_name(data))
    return None


def _table(opener: str) -> Callable[[Any, Spec], Source]:
    from . import tables

    found: Callable[[Any, Spec], Source] = getattr(tables, opener)
    return found


def _one_of(data: Any, module: str, *names: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and any(isinstance(data, getattr(loaded, name, ())) for name in names)


def _name(data: Any) -> str:
    return f"{type(data).__module__}.{type(data).__qualname__}"


def _is(data: Any, module: str, test: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and bool(getattr(loaded, test)(data))
