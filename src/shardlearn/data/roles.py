"""Which columns of a table are features, target and weight, and whether they can be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shardlearn.core.errors import InputError

from . import kinds, refusals
from .schema import HUGE, Column, Kind, Schema
from .source import Source
from .spec import Spec

INDEX = re.compile(r"__index_level_\d+__")


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns that are read, by what they are for."""

    features: tuple[Column, ...]
    target: Column | None
    weight: Column | None
    keep: tuple[str, ...]
    ignored: tuple[str, ...]
    dtype: str  # of the features

    @property
    def read(self) -> tuple[str, ...]:
        """Names of the columns that are read, each once: the features first, in their order."""
        rest = [column.name for column in (self.target, self.weight) if column is not None]
        return tuple(dict.fromkeys([*(column.name for column in self.features), *rest, *self.keep]))

    @property
    def counted(self) -> tuple[str, ...]:
        """What `Block.dropped` counts."""
        named = [*self.features, *(column for column in (self.target, self.weight) if column is not None)]
        return tuple(column.name for column in named)


def assign(source: Source, y: Any, sample_weight: Any, spec: Spec) -> Roles:
    """The roles that the caller's arguments give to the columns, refused where one can't have its role."""
    schema, where = source.schema, source.label
    target = y if isinstance(y, str) else None
    weight = sample_weight if isinstance(sample_weight, str) else None
    aside = [name for name in (target, weight) if name is not None]
    _must_know(aside, schema, where, "column")
    _must_know(spec.keep, schema, where, "columns to keep")
    names = _feature_names(source, aside, spec)
    used = {*names, *aside, *spec.keep}
    _must_agree(source, used, spec)
    twice = [name for name in schema.duplicates() if name in used]
    if twice:
        raise refusals.duplicate_names(twice, where)
    if not names:
        raise refusals.no_columns((source.count(), 0), where)
    by_name = schema.by_name()
    features = tuple(by_name[name] for name in names)
    _must_be_numbers(source, features, "feature")
    if weight is not None:
        _must_be_numbers(source, [by_name[weight]], "weight")
    if target is not None:
        _must_be_labels(by_name[target], where)
    return Roles(
        features,
        None if target is None else by_name[target],
        None if weight is None else by_name[weight],
        tuple(spec.keep),
        tuple(name for name in schema.names if name not in used),
        spec.dtype or kinds.dtype_of(features),
    )


def must_hold(source: Source, names: Sequence[str], what: str) -> None:
    """Refuse names that no column of a table has; the columns of a matrix have none."""
    if not source.schema.is_matrix:
        _must_know(names, source.schema, source.label, what)


def hidden(name: str, source: Source) -> bool:
    """Whether a column of files is pandas' index without a name, which pandas itself shows as no column."""
    return INDEX.fullmatch(name) is not None and not source.in_memory


def _feature_names(source: Source, aside: Sequence[str], spec: Spec) -> list[str]:
    schema, where = source.schema, source.label
    out = {*aside, *spec.drop_columns}
    if spec.fitted is not None:
        _must_know(spec.fitted, schema, where, "features that the model was fitted on")
        return list(spec.fitted)
    if spec.columns is not None:
        _must_know(spec.columns, schema, where, "columns")
        twice = sorted({name for name in spec.columns if list(spec.columns).count(name) > 1})
        if twice:
            raise refusals.duplicate_names(twice, "columns=")
        return [name for name in spec.columns if name not in out]
    drifting = {drift.column for drift in schema.drifts}
    _must_know([name for name in spec.drop_columns if name not in drifting], schema, where, "columns to drop")
    return [name for name in schema.names if name not in out and not hidden(name, source)]


def _must_agree(source: Source, used: set[str], spec: Spec) -> None:
    """Columns that are used must be the same in all files; where all are, no file may have more of them."""
    schema = source.schema
    everything = spec.columns is None and spec.fitted is None
    for drift in schema.drifts:
        more = drift.column not in schema.names and drift.column not in spec.drop_columns
        if drift.column in used or (everything and more and not hidden(drift.column, source)):
            raise refusals.drifted(drift)


def _must_know(names: Sequence[str], schema: Schema, where: str, what: str) -> None:
    known = schema.names
    missing = [name for name in names if name not in set(known)]
    if missing:
        raise refusals.unknown_names(missing, known, where, what)


def _must_be_numbers(source: Source, columns: Sequence[Column], role: str) -> None:
    where = source.label
    for column in columns:
        if column.type == HUGE:
            fix = "leave it out (drop_columns=, --drop-columns): such numbers are mostly ids"
            raise refusals.integer_too_large("X", HUGE, fix, f'{where}, column "{column.name}"')
        if column.kind not in kinds.NUMERIC:
            alike = [other.name for other in columns if other.kind is column.kind]
            fix = kinds.BY_KIND[column.kind].fix
            late = next((text for name in alike[: refusals.SHOWN] if (text := source.late_text(name))), "")
            raise refusals.refused_kind(alike, _kind_word(column.kind), f"{where}, as a {role}", fix, late)


def _kind_word(kind: Kind) -> str:
    return "string" if kind is Kind.CATEGORY else kind.value


def _must_be_labels(column: Column, where: str) -> None:
    if column.kind is Kind.NULL:
        raise InputError(
            "Input y contains NaN.",
            code="SL2301",
            where=f'{where}, column "{column.name}"',
            found="no value in any row",
            needed="a value of y in every row",
        )
    if not kinds.BY_KIND[column.kind].label:
        row = kinds.BY_KIND[column.kind]
        raise InputError(
            f'Unknown label type: {row.kind.value} (column "{column.name}")',
            code="SL2306",
            where=where,
            needed="numbers, booleans or strings",
            fix=row.fix,
        )
