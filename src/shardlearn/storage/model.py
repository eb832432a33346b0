"""Fitted estimators as folders: model.json, model.safetensors, data.json, a manifest, and run.json beside them.

Model files of equal fingerprint are byte-equal. How the training data was called (feature names, whether labels came as
objects) stands in data.json, and what varies from run to run in run.json: neither is part of the fingerprint.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from shardlearn.core import fingerprint as core_fingerprint
from shardlearn.core.errors import StorageError
from shardlearn.core.matrix import Array

from . import state, tensors
from .atomic import check_format, read_folder, write_folder
from .canonical import Json, damaged, dumps, loads
from .checks import check

FORMAT = 1
NAMES = "feature_names_in_"
FILES = {"model.json", "model.safetensors", "data.json"}

# The only classes that a file may name.
ESTIMATORS = {
    "BisectingKMeans": "shardlearn.cluster:BisectingKMeans",
    "KMeans": "shardlearn.cluster:KMeans",
    "KNeighborsClassifier": "shardlearn.neighbors:KNeighborsClassifier",
    "KNeighborsRegressor": "shardlearn.neighbors:KNeighborsRegressor",
    "LinearRegression": "shardlearn.linear_model:LinearRegression",
    "LogisticRegression": "shardlearn.linear_model:LogisticRegression",
    "MiniBatchKMeans": "shardlearn.cluster:MiniBatchKMeans",
    "NearestNeighbors": "shardlearn.neighbors:NearestNeighbors",
    "RadiusNeighborsClassifier": "shardlearn.neighbors:RadiusNeighborsClassifier",
    "RadiusNeighborsRegressor": "shardlearn.neighbors:RadiusNeighborsRegressor",
    "Ridge": "shardlearn.linear_model:Ridge",
}


class Estimator(Protocol):
    """What storage needs of an estimator."""

    def get_params(self, deep: bool = True) -> dict[str, Any]: ...
    def _fitted(self) -> Mapping[str, object]:
        """Fitted attributes by name: arrays, numbers, strings or None."""
        ...

    def _restore(self, fitted: Mapping[str, Any], /) -> None: ...


def save(estimator: Estimator, folder: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Save a fitted estimator: safetensors and JSON with a manifest, no pickle.

    The folder is whole, or what it was before, whatever happens meanwhile. Models are sums and weights; one of
    neighbours is its training rows, or a reference to them: "holds" in model.json says which.

    Parameters
    ----------
    estimator : fitted estimator of shardlearn
    folder : path
        A new or empty folder.
    overwrite : bool, default=False
        Replace the model that is saved there.
    """
    name = _name(estimator)
    fitted = _fitted(estimator)
    bare, held = _split(fitted)
    parameters, arrays = _encoded(parameters_of(estimator), "parameters")
    values, more = _encoded(bare, "fitted")
    head: dict[str, Json] = {
        "format": FORMAT,
        "class": name,
        "numerics": core_fingerprint.NUMERICS,
        "parameters": parameters,
        "fitted": values,
    }
    holds: str | None = getattr(estimator, "_holds", None)
    if holds is not None:
        head["holds"] = holds
    files = {"model.json": dumps(head), "model.safetensors": tensors.pack(arrays | more), "data.json": dumps(held)}
    report: Any = getattr(estimator, "report_", None)
    beside = dumps({"report": None if report is None else _plain(report.to_dict())})
    write_folder(folder, "model", files, overwrite=overwrite, beside=beside)


def load(folder: str | os.PathLike[str]) -> Any:
    """Load an estimator that `save` wrote.

    Nothing in the folder is run or imported: the class is looked up in a table, every file is checked against the
    manifest, and every fitted attribute for its kind, shape and finiteness.

    Returns
    -------
    estimator
        Equal in every bit to the one that was saved; its report stays behind in run.json.
    """
    where = os.fspath(folder)
    files = read_folder(folder, "model")
    if set(files) != FILES:
        raise damaged(where, "other files than a model's", "SL5108")
    head = loads(files["model.json"], where)
    if not isinstance(head, dict) or set(head) - {"holds"} != {"format", "class", "numerics", "parameters", "fitted"}:
        raise damaged(where, "no model", "SL5108")
    check_format(head["format"], FORMAT, where)
    kind = estimator_class(head["class"], where)
    arrays = tensors.unpack(files["model.safetensors"], where)
    parameters, bare = _decoded([head["parameters"], head["fitted"]], arrays, where)
    fitted = _joined(bare, loads(files["data.json"], where), where)
    check(str(head["class"]), fitted, where)
    estimator = kind(**known_parameters(parameters, kind, where))
    estimator._restore(fitted)
    return estimator


def fingerprint(estimator: Estimator) -> str:
    """SHA-256 of a fitted estimator: class, parameters, seed and every fitted bit.

    Equal for equal models, whatever engine, workers, files or machine computed them. Feature names and the container
    that labels came in are left out: the same rows give the same fingerprint as an array, a frame or a file.
    """
    name = _name(estimator)
    identity = getattr(estimator, "_identity", None)
    bare, _ = _split(_fitted(estimator) if identity is None else identity())
    parameters, arrays = _encoded(parameters_of(estimator), "parameters")
    arrays |= {name: _as_array(value) for name, value in bare.items() if value is not None}
    seed = getattr(estimator, "seed_", None)
    return core_fingerprint.fingerprint(name, parameters, seed, arrays)


# -- estimators to plain values ------------------------------------------------------------------------------------


def _name(estimator: Estimator) -> str:
    kind = type(estimator)
    where = ESTIMATORS.get(kind.__name__, ":").split(":")[0]
    if not where or not kind.__module__.startswith(where):
        raise StorageError(
            f"A {kind.__name__} can't be saved.",
            code="SL5107",
            found=f"a class of {kind.__module__}",
            needed="an estimator of shardlearn itself: " + ", ".join(sorted(ESTIMATORS)),
        )
    return kind.__name__


def _fitted(estimator: Estimator) -> dict[str, object]:
    fitted = estimator._fitted()
    if not fitted:
        from sklearn.exceptions import NotFittedError

        raise NotFittedError(f"This {type(estimator).__name__} instance is not fitted yet: call 'fit' first.")
    return dict(sorted(fitted.items()))


def parameters_of(estimator: Estimator) -> dict[str, object]:
    """What decides the fit: NumPy's scalars as Python's; a generator has no value."""
    return {name: _constant(value) for name, value in sorted(estimator.get_params(deep=False).items())}


def _constant(value: object) -> object:
    """NumPy's scalars as Python's, so that C=np.float64(1) is C=1.0; a generator, which has no value, as None."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {_constant(k): _constant(v) for k, v in value.items()}
    if type(value).__module__.startswith("numpy.random"):
        return None
    return value


def _encoded(values: Mapping[str, object], path: str) -> tuple[dict[str, Json], dict[str, Array]]:
    """Each value as JSON by name, and the arrays of all."""
    out: dict[str, Json] = {}
    arrays: dict[str, Array] = {}
    for name, value in values.items():
        out[name], more = state.encode(value, f"{path}/{name}")
        arrays |= more
    return out, arrays


def _split(fitted: Mapping[str, object]) -> tuple[dict[str, object], Json]:
    """Fitted attributes without names and containers, and those by themselves."""
    bare, dtypes = dict(fitted), dict[str, Json]()
    names = bare.pop(NAMES, None)
    for name, value in bare.items():
        if isinstance(value, np.ndarray) and _is_text(value):
            dtypes[name] = value.dtype.str
            bare[name] = np.array([str(item) for item in value.flat], object).reshape(value.shape)
    listed: Json = [str(name) for name in names] if isinstance(names, np.ndarray) else None
    return bare, {"feature_names": listed, "dtypes": dtypes}


def _is_text(array: Array) -> bool:
    return array.dtype.kind == "U" or (array.dtype == object and all(isinstance(item, str) for item in array.flat))


def _as_array(value: object) -> Array:
    """Strings as the bytes of their JSON; numbers as arrays without dimensions."""
    array = np.asarray(value)
    if array.dtype == object or array.dtype.kind == "U":
        text, _ = state.encode(value)
        return np.frombuffer(dumps(text), np.uint8)
    return array


def _plain(value: Any) -> Json:
    """A report's values as JSON takes them."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, bool | int | float | str | None) else str(value)


# -- plain values to estimators ------------------------------------------------------------------------------------


def estimator_class(name: Json, where: str) -> Any:
    """The class of a name that may stand in a file."""
    address = ESTIMATORS.get(name) if isinstance(name, str) else None
    if address is None or not address.startswith("shardlearn."):
        raise StorageError(
            "The saved file holds an estimator that this release doesn't know.",
            code="SL5107",
            where=where,
            found=repr(name)[:80] if isinstance(name, str) else "no name",
            needed="one of " + ", ".join(sorted(ESTIMATORS)),
            fix="load it with the release that saved it, or a later one",
        )
    module, _, attribute = address.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _decoded(groups: list[Json], arrays: Mapping[str, Array], where: str) -> list[dict[str, Any]]:
    """What `_encoded` was given, several times."""
    named = [group for group in groups if isinstance(group, dict)]
    if len(named) < len(groups):
        raise damaged(where, "no model", "SL5108")
    values = state.decode([list(group.values()) for group in named], arrays, where)
    return [dict(zip(group, group_values, strict=True)) for group, group_values in zip(named, values, strict=True)]


def known_parameters(parameters: Mapping[str, Any], kind: Any, where: str) -> dict[str, Any]:
    """Parameters by the names that the class has."""
    if not set(parameters) <= set(kind._get_param_names()):
        raise damaged(where, "parameters that the estimator doesn't have", "SL5108")
    return dict(parameters)


def _joined(bare: dict[str, Any], held: Json, where: str) -> dict[str, Any]:
    """Fitted attributes with the names and containers of the training data."""
    match held:
        case {"feature_names": names, "dtypes": dict(dtypes), **rest} if not rest:
            fitted = {name: _recast(value, dtypes.get(name), where) for name, value in bare.items()}
            if isinstance(names, list) and all(isinstance(name, str) for name in names):
                return fitted | {NAMES: np.array(names, object)}
            if names is None:
                return fitted
    raise damaged(where, "no description of the training data", "SL5108")


def _recast(value: Any, dtype: Json, where: str) -> Any:
    if dtype is None or dtype == "|O":
        return value
    if isinstance(value, np.ndarray) and value.dtype == object and all(isinstance(item, str) for item in value.flat):
        recast = value.astype(np.str_)
        if recast.dtype.str == dtype or (not value.size and isinstance(dtype, str) and dtype.startswith("<U")):
            return recast
    raise damaged(where, "an attribute in an unknown container", "SL5108")
