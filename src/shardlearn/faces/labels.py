"""Labels of a classifier: which there are, what they weigh, and their codes 0, 1, ... in every block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from shardlearn import kernels
from shardlearn.core.block import Block
from shardlearn.core.errors import InputError, ParameterError
from shardlearn.core.matrix import Array, Floats
from shardlearn.data.target import as_array
from shardlearn.statistics.class_weights import ClassWeights
from shardlearn.statistics.labels import LabelCounts, Labels

if TYPE_CHECKING:
    from .session import Session

MOST = 10_000  # classes; more of them are no classes but numbers or ids
LABELS = Labels(MOST)
ClassWeight = Mapping[Any, float] | str | None


def one_column(y: Any) -> Any:
    """Labels as one column; a column vector is flattened, with scikit-learn's warning."""
    if y is None or isinstance(y, str) or as_array(y).ndim != 2:
        return y
    from sklearn.utils import column_or_1d  # workers load this module, and do without scikit-learn

    try:
        return column_or_1d(as_array(y), warn=True)
    except ValueError as error:
        raise InputError(str(error), code="SL2315", where="y", needed="one label a row") from None


def classify(session: Session, class_weight: ClassWeight) -> Array:
    """The classes, which `LABELS` found on the first pass; from here on y are codes, and rows weigh as their class."""
    (found,) = session.first
    classes = check_classes(found)
    factors: Floats | None = None
    if isinstance(class_weight, Mapping):
        factors = from_mapping(class_weight, classes)
    elif class_weight == "balanced":
        weighted = session.laid.empty().weight is not None
        factors = balanced(session.fold(ClassWeights(classes)) if weighted else found.counts.astype(np.float64))
    session.refine(EncodeLabels(classes, factors))
    return classes


def whole_labels(found: LabelCounts) -> Array:
    """The labels, or the error of scikit-learn for a target whose values are no classes."""
    values = found.values
    if found.too_many or (values.dtype.kind == "f" and not bool((values == np.floor(values)).all())):
        raise InputError(
            "Unknown label type: continuous. Maybe you are trying to fit a classifier, which expects discrete "
            "classes on a regression target with continuous values.",
            code="SL2311",
            where="y",
            found=f"more than {MOST:,} distinct values" if found.too_many else "numbers that are not whole",
            needed="labels: strings, booleans or whole numbers, a few of each",
            fix="a regressor for numbers, for example shardlearn.linear_model.Ridge",
        )
    return values


def check_classes(found: LabelCounts) -> Array:
    """The classes, or the error of scikit-learn for a target that has none or one."""
    values = whole_labels(found)
    if len(values) < 2:
        raise InputError(
            "This solver needs samples of at least 2 classes in the data, but the data contains only one class",
            code="SL2312",
            where="y",
            found="one class in all rows",
            needed="at least 2 classes",
        )
    return values


def balanced(totals: Floats) -> Floats:
    """n / (K n_k) with weighted counts; a class without weight gets factor 0, for its rows count nothing anyway."""
    all_ = 0.0
    for total in totals.tolist():
        all_ += total
    out = np.zeros(len(totals))
    np.divide(all_, len(totals) * totals, out=out, where=totals > 0)
    return out


def from_mapping(class_weight: Mapping[Any, float], classes: Array) -> Floats:
    """The weight of each class, 1 where the mapping has none; scikit-learn's words where it names no class."""
    from sklearn.utils.class_weight import compute_class_weight

    try:
        weight = compute_class_weight(dict(class_weight), classes=classes, y=classes)
    except (ValueError, TypeError) as error:
        raise ParameterError(
            str(error),
            code="SL1004",
            where="class_weight",
            found=f"{len(classes):,} classes in y",
            needed="their labels",
        ) from None
    return np.asarray(weight, np.float64)


@dataclass(frozen=True, eq=False, slots=True)
class EncodeLabels:
    """y becomes its code, 0.0, 1.0, ..., and a row's weight is multiplied by its class's."""

    classes: Array  # (K,) ascending
    class_weight: Floats | None = None  # (K,)

    def __call__(self, block: Block, /) -> Block:
        codes = encoded(target(block), self.classes)
        weight = block.weight
        if self.class_weight is not None:
            factor = self.class_weight[codes.astype(np.int64)]
            weight = factor if weight is None else weight * factor
        return replace(block, y=codes, weight=weight)


def encoded(labels: Array, classes: Array) -> Floats:
    """(n,) position of each label among the ascending classes; all labels are among them."""
    if len(classes) == 2:
        return np.asarray(labels == classes[1], np.float64)
    if labels.dtype == np.int64:
        return kernels.encode_i64(np.ascontiguousarray(labels), classes)
    return np.searchsorted(classes, labels).astype(np.float64)


def target(block: Block) -> Array:
    """y of a block that has one."""
    if block.y is None:
        raise TypeError("the block has no y")
    return block.y
