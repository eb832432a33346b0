"""Features by name: what a fit remembers, and what later data must hold."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from narwhals.dependencies import is_into_dataframe
from sklearn.utils.validation import _get_feature_names

from shardlearn.core.errors import InputError, InputTypeError
from shardlearn.core.matrix import Array
from shardlearn.data import Laid, Source

SHOWN = 5


def fitted_names(X: Any, laid: Laid) -> Array | None:
    """`feature_names_in_`: names of the features where all of them are strings, else None."""
    if laid.names is None or column_names(X, laid.source) is None:
        return None
    return np.array(laid.names, dtype=object)


def column_names(X: Any, source: Source) -> list[str] | None:
    """Names of the columns of data; None for arrays, and for frames whose columns are numbered."""
    if source.schema.is_matrix:
        return None
    if not is_into_dataframe(X):
        return list(source.schema.names)
    try:
        names = _get_feature_names(X)
    except TypeError as error:
        raise InputTypeError(str(error), code="SL2111", where="X") from None
    return None if names is None else list(names)


def check_names(title: str, fitted: Sequence[str] | None, found: Sequence[str] | None) -> None:
    """A frame holds the fitted features in the fitted order, or it is refused in scikit-learn's words."""
    if fitted is None and found is not None:
        warnings.warn(f"X has feature names, but {title} was fitted without feature names", stacklevel=5)
    if fitted is not None and found is None:
        warnings.warn(f"X does not have valid feature names, but {title} was fitted with feature names", stacklevel=5)
    if fitted is None or found is None or list(fitted) == list(found):
        return
    unseen, missing = sorted(set(found) - set(fitted)), sorted(set(fitted) - set(found))
    text = "The feature names should match those that were passed during fit.\n"
    text += _listed("Feature names unseen at fit time:", unseen)
    text += _listed("Feature names seen at fit time, yet now missing:", missing)
    if not unseen and not missing:
        text += "Feature names must be in the same order as they were in fit.\n"
    fix = "" if missing else "pass X[list(model.feature_names_in_)]"
    raise InputError(text, code="SL2110", fix=fix)


def check_count(title: str, fitted: int, found: int) -> None:
    """As many features as in fit."""
    if fitted != found:
        raise InputError(
            f"X has {found} features, but {title} is expecting {fitted} features as input.", code="SL2112", where="X"
        )


def _listed(head: str, names: Iterable[str]) -> str:
    names = list(names)
    if not names:
        return ""
    more = ["- ..."] if len(names) > SHOWN else []
    return "\n".join([head, *(f"- {name}" for name in names[:SHOWN]), *more, ""])
