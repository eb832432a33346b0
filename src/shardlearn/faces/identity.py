"""What must not change between a fit and the fit that goes on, in words; and how to call the same fit again."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from shardlearn import __version__, storage
from shardlearn.core.errors import StorageError
from shardlearn.core.fingerprint import NUMERICS
from shardlearn.data import Laid, Source, Spec
from shardlearn.data.contents import contents
from shardlearn.data.files import REMOTE, is_path, texts
from shardlearn.storage import state
from shardlearn.storage.model import parameters_of

from .journal import Recipe

SECRET = re.compile("key|secret|token|sas|sig")
FEW_NAMES, FEW_VALUES = 20, 16
READING = ("columns", "drop_columns", "format", "dtype", "missing", "n_features", "zero_based")


@dataclass(frozen=True, eq=False, slots=True)
class Given:
    """What a fit was called with, and what was made of it."""

    estimator: Any  # a face
    X: Any
    y: Any
    weight: Any
    laid: Laid
    goes_on: bool = False  # from what the estimator has learned before


def identity(given: Given) -> dict[str, str]:
    """Equal for fits that compute the same bits. Names, counts, parameters and hashes; no values of the data."""
    laid, estimator = given.laid, given.estimator
    names = laid.names or ()
    hashed = hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest()
    shown = ": " + ", ".join(names) if len(names) <= FEW_NAMES else f", {hashed}"
    found = {
        "class": type(estimator).__name__,
        "release of shardlearn": f"{__version__}, numerics {NUMERICS}",
        "data": contents(laid),
        "rows": f"{laid.rows:,}",
        "features": f"{laid.n_features:,} {laid.dtype}{shown if names else ''}",
        "rows with missing values": laid.missing,
        "target": _role(given.y),
        "sample_weight": _role(given.weight),
    }
    parameters = estimator.get_params(deep=False)
    if given.goes_on or (parameters.get("warm_start") and hasattr(estimator, "coef_")):
        found["start"] = storage.fingerprint(estimator)
    return found | {f"parameter {name}": _words(value) for name, value in sorted(parameters.items())}


def recipe(given: Given) -> Recipe:
    """How `shardlearn.resume` calls the same fit."""
    X, named, lacks = given.X, [given.y, given.weight], ""
    spec = X.spec if isinstance(X, Source) else Spec(asked=texts(X) if is_path(X) else ())
    if not spec.asked:
        lacks = "the data were no paths"
    elif not all(one is None or isinstance(one, str) for one in named):
        lacks = "y or sample_weight was an array"
    elif any(_is_secret(path) for path in spec.asked):
        lacks = "the data's URI holds a secret, which is not stored"
    elif given.goes_on:
        lacks = "partial_fit goes on from earlier batches"
    elif getattr(given.estimator, "warm_start", False):
        lacks = "warm_start begins at an earlier fit"
    elif any(_is_generator(value) for value in given.estimator.get_params(deep=False).values()):
        lacks = "a random generator has no name"
    try:
        parameters = parameters_of(given.estimator)
        state.encode(parameters)
    except StorageError:
        lacks, parameters = "a parameter can't be stored", {}
    if lacks:
        return Recipe(type(given.estimator).__name__, {}, (), None, None, {}, lacks)
    reading = {name: _plain(getattr(spec, name)) for name in READING}
    where = tuple(path if REMOTE.match(path) else os.path.abspath(os.path.expanduser(path)) for path in spec.asked)
    return Recipe(type(given.estimator).__name__, parameters, where, given.y, given.weight, reading)


def _role(value: Any) -> str:
    if value is None:
        return "none"
    return f"column {value}" if isinstance(value, str) else "an array"


def _words(value: Any) -> str:
    """A parameter's value; large arrays by their hash, a generator by its kind alone."""
    if isinstance(value, np.generic):
        return repr(value.item())
    if hasattr(value, "__array__"):  # of pandas too, whose words may leave values out
        value = np.asarray(value)
        if value.size <= FEW_VALUES:
            return f"{value.tolist()!r}"
        digest = hashlib.sha256(f"{value.dtype.str}{value.tolist()!r}".encode()).hexdigest()
        return f"array of shape {value.shape}, {digest}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(sorted(f"{_words(k)}: {_words(v)}" for k, v in value.items())) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_words(one) for one in value) + "]"
    return type(value).__name__ if _is_generator(value) else repr(value)


def _is_secret(path: str) -> bool:
    parts = urlsplit(path)
    return bool(REMOTE.match(path)) and ("@" in parts.netloc or bool(SECRET.search(parts.query)))


def _is_generator(value: Any) -> bool:
    return type(value).__module__.startswith("numpy.random")


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
