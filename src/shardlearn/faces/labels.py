"""Labels of a classifier: which there are, what they weigh, and their codes 0, 1, ... in every block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_class_weight

from shardlearn.core.block import Block
from shardlearn.core.errors import InputError, ParameterError
from shardlearn.core.matrix import Array, Floats, Ints
from shardlearn.data.target import as_array

from .session import Session

MOST = 65_536  # classes; more of them are no classes but numbers or ids
ClassWeight = Mapping[Any, float] | str | None


@dataclass(slots=True)
class LabelSet:
    """Labels that were seen, ascending; `spilled` once there are too many, or one is no whole number."""

    labels: Array  # (k,)
    spilled: bool


@dataclass(frozen=True, slots=True)
class DistinctLabels:
    """The set of labels. Exact: the same in any order."""

    exact: ClassVar[bool] = True

    def of(self, block: Block, /) -> LabelSet:
        labels = np.unique(target(block))
        whole = labels.dtype.kind != "f" or bool(np.all(labels == np.floor(labels)))
        return self._capped(labels, not whole)

    def add(self, into: LabelSet, block: Block, /) -> LabelSet:
        return self.merge(into, self.of(block))

    def merge(self, left: LabelSet, right: LabelSet, /) -> LabelSet:
        return self._capped(np.union1d(left.labels, right.labels), left.spilled or right.spilled)

    def bytes(self) -> int:
        return MOST * 64

    def _capped(self, labels: Array, spilled: bool) -> LabelSet:
        spilled = spilled or len(labels) > MOST
        return LabelSet(labels[:0] if spilled else labels, spilled)


def target(block: Block) -> Array:
    """y of a block that has one."""
    if block.y is None:
        raise TypeError("the block has no y")
    return block.y


def check_classes(found: LabelSet, kind: str | None) -> Array:
    """The classes, or the error of scikit-learn for a target that has none or one."""
    if found.spilled:
        raise InputError(
            "Unknown label type: continuous. Maybe you are trying to fit a classifier, which expects discrete "
            "classes on a regression target with continuous values.",
            code="SL2311",
            where="y",
            found="numbers that are not whole" if kind == "float64" else f"more than {MOST:,} distinct values",
            needed="labels: strings, booleans or whole numbers, a few of each",
            fix="a regressor for numbers, for example shardlearn.linear_model.Ridge",
        )
    if len(found.labels) < 2:
        raise InputError(
            "This solver needs samples of at least 2 classes in the data, but the data contains only one class",
            code="SL2312",
            where="y",
            found="one class in all rows",
            needed="at least 2 classes",
        )
    return found.labels


@dataclass(frozen=True, slots=True)
class ClassTotals:
    """(K,) sums of weights by code; a plain chain in the order of the rows inside a block."""

    n_classes: int
    exact: ClassVar[bool] = False

    def of(self, block: Block, /) -> Floats:
        codes = target(block).astype(np.int64)
        out: Floats = np.bincount(codes, weights=block.weight, minlength=self.n_classes).astype(np.float64)
        return out

    def merge(self, left: Floats, right: Floats, /) -> Floats:
        left += right
        return left

    def bytes(self) -> int:
        return 8 * self.n_classes


@dataclass(frozen=True, eq=False, slots=True)
class EncodeLabels:
    """y becomes its code, 0.0, 1.0, ..., and a row's weight is multiplied by its class's."""

    classes: Array  # (K,) ascending
    class_weight: Floats | None = None  # (K,)

    def __call__(self, block: Block, /) -> Block:
        codes = encoded(target(block), self.classes)
        weight = block.weight
        if self.class_weight is not None:
            factor = self.class_weight[codes]
            weight = factor if weight is None else weight * factor
        return replace(block, y=codes.astype(np.float64), weight=weight)


@dataclass(frozen=True, eq=False, slots=True)
class WeighClasses:
    """A row's weight is multiplied by its class's; y is encoded already."""

    class_weight: Floats  # (K,)

    def __call__(self, block: Block, /) -> Block:
        factor = self.class_weight[target(block).astype(np.int64)]
        return replace(block, weight=factor if block.weight is None else block.weight * factor)


def encoded(labels: Array, classes: Array) -> Ints:
    """Position of each label among the ascending classes; all labels are among them."""
    return np.searchsorted(classes, labels).astype(np.int64)


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


def one_column(y: Any) -> Any:
    """Labels as one column; a column vector is flattened, with scikit-learn's warning."""
    if y is None or isinstance(y, str) or as_array(y).ndim != 2:
        return y
    try:
        return column_or_1d(as_array(y), warn=True)
    except ValueError as error:
        raise InputError(str(error), code="SL2315", where="y", needed="one label a row") from None


def classify(session: Session, class_weight: ClassWeight) -> Array:
    """The classes; from here on the session's y are codes, and rows weigh as their class does."""
    (found,) = session.first
    classes = check_classes(found, session.laid.y_kind)
    factors = from_mapping(class_weight, classes) if isinstance(class_weight, Mapping) else None
    session.refine(EncodeLabels(classes, factors))
    if class_weight == "balanced":
        session.refine(WeighClasses(balanced(session.fold(ClassTotals(len(classes))))))
    return classes
