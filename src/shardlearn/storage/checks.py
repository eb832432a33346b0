"""What a loaded model's attributes must be before anything computes with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

import numpy as np

from shardlearn.core.matrix import Array, Csr
from shardlearn.statistics.distances import METRICS

from .canonical import damaged

Fitted = Mapping[str, Any]


def check(name: str, fitted: Fitted, where: str) -> None:
    """Refuse attributes of the wrong kind or shape, or that are not finite."""
    wrong = next((attribute for attribute, value in fitted.items() if not _sound(attribute, value)), None)
    wrong = wrong or CHECKS[name](fitted)
    if wrong:
        raise damaged(where, f"{wrong} is no attribute of a fitted {name}", "SL5108")


def _sound(name: Any, value: Any) -> bool:
    """Numbers are finite; arrays hold numbers, or strings as labels."""
    if not isinstance(name, str) or not name.isidentifier() or not name.endswith("_") or name.startswith("_"):
        return False
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f":
            return value.dtype.itemsize in (4, 8) and bool(np.isfinite(value).all())
        return value.dtype.kind in "biuU" or (value.dtype == object and all(isinstance(v, str) for v in value.flat))
    if isinstance(value, Csr):
        return name == "rows_" and bool(np.isfinite(value.data).all())
    if isinstance(value, float | np.floating):
        return bool(np.isfinite(value))
    return value is None or isinstance(value, int | str | np.integer)


def _linear(fitted: Fitted) -> str | None:
    """coef_ (p,) or (k, p), intercept_ a number or (k,)."""
    p = fitted.get("n_features_in_")
    if not isinstance(p, int) or isinstance(p, bool) or p < 1:
        return "n_features_in_"
    coef, intercept = fitted.get("coef_"), fitted.get("intercept_")
    if not _floats(coef) or coef.ndim not in (1, 2) or coef.shape[-1] != p:
        return "coef_"
    if isinstance(intercept, np.ndarray):
        sides = {(), coef.shape[:-1]} | ({(1,)} if coef.ndim == 1 else set())
        if not _floats(intercept) or intercept.shape not in sides:
            return "intercept_"
    elif not isinstance(intercept, float | np.floating):
        return "intercept_"
    names = fitted.get("feature_names_in_")
    return "feature_names_in_" if names is not None and names.shape != (p,) else None


def _classifier(fitted: Fitted) -> str | None:
    """A linear model with a row for each class, or one for the second of two."""
    classes = fitted.get("classes_")
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or len(classes) < 2 or _repeats(classes):
        return "classes_"
    wrong = _linear(fitted)
    rows = 1 if len(classes) == 2 else len(classes)
    return wrong or ("coef_" if fitted["coef_"].shape[:-1] != (rows,) else None)


def _neighbors(fitted: Fitted) -> str | None:
    """rows_ (n, p) and what belongs to them, or base_, which says where they are."""
    p, n, rows = (fitted.get(name) for name in ("n_features_in_", "n_samples_fit_", "rows_"))
    if type(p) is not int or p < 1:
        return "n_features_in_"
    if type(n) is not int or n < 1:
        return "n_samples_fit_"
    if fitted.get("effective_metric_") not in METRICS:
        return "effective_metric_"
    names = fitted.get("feature_names_in_")
    if names is not None and names.shape != (p,):
        return "feature_names_in_"
    if rows is None:
        return _reference(fitted)
    if not (_floats(rows) or isinstance(rows, Csr)) or rows.shape != (n, p) or "base_" in fitted:
        return "rows_"
    ids, targets = fitted.get("row_ids_"), fitted.get("targets_")
    if ids is not None and not (_integers(ids) and ids.shape == (n,) and ids[0] >= 0 and not _repeats(ids)):
        return "row_ids_"
    return "targets_" if targets is not None and targets.shape[:1] != (n,) else None


def _reference(fitted: Fitted) -> str | None:
    """What is read again: all rows, or where some were left out, no fewer than were taken."""
    try:
        told = json.loads(fitted.get("base_", ""))
    except (TypeError, ValueError):
        return "base_"
    match told:
        case {"paths": [_, *_] as paths, "reading": dict(reading), "rows": rows, "stamp": str(), "y": y, **rest}:
            good = not rest and _texts(paths) and type(rows) is int and (y is None or isinstance(y, str))
            if (
                not good
                or not set(reading) <= set(READING)
                or not all(READING[name](reading[name]) for name in reading)
            ):
                return "base_"
        case _:
            return "base_"
    n, targets = fitted["n_samples_fit_"], fitted.get("targets_")
    if rows < n or (rows > n and reading.get("missing") != "drop"):
        return "n_samples_fit_"
    if targets is None:
        return "targets_" if y is None and fitted.keys() & {"classes_", "n_targets_"} else None
    return None if isinstance(targets, np.ndarray) and targets.shape[:1] == (rows,) else "targets_"


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


READING: Mapping[str, Callable[[Any], bool]] = {  # of a reference
    "columns": lambda value: value is None or _texts(value),
    "drop_columns": _texts,
    "format": lambda value: value in (None, "parquet", "csv", "svmlight"),
    "dtype": lambda value: value in (None, "float32", "float64"),
    "missing": lambda value: value in (None, "error", "drop"),
    "n_features": lambda value: value is None or (type(value) is int and value >= 1),
    "zero_based": lambda value: isinstance(value, bool),
}


def _neighbors_of_classes(fitted: Fitted) -> str | None:
    """Where rows are kept, targets are codes of the classes."""
    classes, targets = fitted.get("classes_"), fitted.get("targets_")
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or len(classes) < 1 or _repeats(classes):
        return "classes_"
    codes = _integers(targets) and targets.ndim == 1 and bool(((targets >= 0) & (targets < len(classes))).all())
    if fitted.get("rows_") is not None and not codes:
        return "targets_"
    return _neighbors(fitted)


def _neighbors_in_a_radius(fitted: Fitted) -> str | None:
    """outlier_label_ is of the kind of the classes."""
    wrong = _neighbors_of_classes(fitted)
    label, kind = fitted.get("outlier_label_"), "" if wrong else fitted["classes_"].dtype.kind
    if wrong or label is None:
        return wrong
    kinds = {"b": (bool,), "U": (str,), "O": (str,)}.get(kind, (int, float))
    return None if type(label) in kinds else "outlier_label_"


def _neighbors_of_numbers(fitted: Fitted) -> str | None:
    """Where rows are kept, so are targets, (n,) or (n, t)."""
    t, targets = fitted.get("n_targets_"), fitted.get("targets_")
    if type(t) is not int or t < 0:
        return "n_targets_"
    if fitted.get("rows_") is not None and (not _floats(targets) or targets.shape[1:] != ((t,) if t else ())):
        return "targets_"
    return _neighbors(fitted)


def _integers(value: object) -> TypeGuard[Array]:
    return isinstance(value, np.ndarray) and value.dtype == np.int64


def _repeats(classes: Any) -> bool:
    """Whether labels are not strictly ascending."""
    return bool((classes[1:] <= classes[:-1]).any())


def _floats(value: object) -> TypeGuard[Array]:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _clusters(fitted: Fitted) -> str | None:
    """cluster_centers_ (k, p), inertia_ a number or nothing."""
    p, centers = fitted.get("n_features_in_"), fitted.get("cluster_centers_")
    if not isinstance(p, int) or isinstance(p, bool) or p < 1:
        return "n_features_in_"
    if not _floats(centers) or centers.ndim != 2 or centers.shape[0] < 1 or centers.shape[1] != p:
        return "cluster_centers_"
    if not isinstance(fitted.get("inertia_", 0.0), float | np.floating):
        return "inertia_"
    names = fitted.get("feature_names_in_")
    return "feature_names_in_" if names is not None and names.shape != (p,) else None


def _clusters_of_batches(fitted: Fitted) -> str | None:
    """counts_ (k,) and sums_ (2, k, p) of the rows that centres are the means of."""
    wrong = _clusters(fitted)
    if wrong is not None:
        return wrong
    k, p = fitted["cluster_centers_"].shape
    for name, shape in (("counts_", (k,)), ("sums_", (2, k, p))):
        value = fitted.get(name)
        if not _floats(value) or value.shape != shape:
            return name
    if bool((fitted["counts_"] < 0).any()):
        return "counts_"
    for name in ("n_steps_", "waiting_", "seed_"):
        if type(fitted.get(name)) is not int or fitted[name] < 0:
            return name
    return None


def _clusters_in_a_tree(fitted: Fitted) -> str | None:
    """left_ (2k - 1,): each node but the root is one child of a node before it; node_centers_ (2k - 1, p)."""
    wrong = _clusters(fitted)
    if wrong is not None:
        return wrong
    k, p = fitted["cluster_centers_"].shape
    left, centers = fitted.get("left_"), fitted.get("node_centers_")
    if not _integers(left) or left.shape != (2 * k - 1,):
        return "left_"
    inner = np.flatnonzero(left >= 0)
    if bool((left < -1).any()) or sorted(left[inner].tolist()) != list(range(1, 2 * k - 1, 2)):
        return "left_"
    if bool((left[inner] <= inner).any()):
        return "left_"
    return None if _floats(centers) and centers.shape == (2 * k - 1, p) else "node_centers_"


CHECKS: Mapping[str, Callable[[Fitted], str | None]] = {
    "BisectingKMeans": _clusters_in_a_tree,
    "KMeans": _clusters,
    "KNeighborsClassifier": _neighbors_of_classes,
    "KNeighborsRegressor": _neighbors_of_numbers,
    "LinearRegression": _linear,
    "LogisticRegression": _classifier,
    "MiniBatchKMeans": _clusters_of_batches,
    "NearestNeighbors": _neighbors,
    "RadiusNeighborsClassifier": _neighbors_in_a_radius,
    "RadiusNeighborsRegressor": _neighbors_of_numbers,
    "Ridge": _linear,
}
