"""What a caller asks of the data beside the data itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Missing = Literal["error", "drop"]


@dataclass(frozen=True, slots=True)
class Spec:
    """How rows become blocks. What is None is left to the source, and then to the data."""

    columns: Sequence[str] | None = None  # the features, by name, in this order
    drop_columns: Sequence[str] = ()  # never features
    fitted: Sequence[str] | None = None  # at predict: the features that the model was fitted on, in their order
    dtype: str | None = None  # "float32" or "float64" for X, whatever the columns are
    missing: Missing | None = None
    n_features: int | None = None  # of svmlight, where the file's largest index does not say it
    zero_based: bool = False  # of svmlight: the first feature has index 0
    first: int = 0  # id of the first row: the rows seen so far, for partial_fit
    keep: Sequence[str] = ()  # columns carried along as they are, under extra["keep/..."]
    asked: tuple[str, ...] = ()  # the paths, globs or URIs that were opened
    format: str | None = None  # of the files, where it was said
    reader_bytes: int | None = None  # what one reader may hold before wide tables are unpacked by groups of columns
