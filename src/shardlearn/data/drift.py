"""One schema from those of several files, or the two files that do not go together."""

from __future__ import annotations

from collections.abc import Container, Sequence

from . import kinds, refusals
from .schema import Column, Schema

NOWHERE = "no such column"


def one_schema(schemas: Sequence[Schema], names: Sequence[str], needed: Container[str] | None) -> Schema:
    """The columns of the first file, each of the kind that all files hold together.

    `needed` are the columns that matter; None: all of them, and then a later file must not have others either.
    """
    whole = {column.name: column for column in schemas[0].columns}
    holder = dict.fromkeys(whole, names[0])  # the first file that holds a column's kind
    for schema, name in zip(schemas[1:], names[1:], strict=True):
        if schema == schemas[0]:
            continue
        here = schema.by_name()
        for column in list(whole.values()):
            if needed is not None and column.name not in needed:
                continue
            other = here.get(column.name)
            if other is None:
                raise refusals.drifted(column.name, (names[0], column.kind.value), (name, NOWHERE))
            both = kinds.together(column, other)
            if both is None:
                raise refusals.drifted(column.name, (holder[column.name], column.kind.value), (name, other.kind.value))
            if both is not column:
                whole[column.name], holder[column.name] = both, name
        if needed is None:
            _no_others(here, whole, names[0], name)
    return Schema(tuple(whole[column.name] for column in schemas[0].columns))


def _no_others(here: dict[str, Column], whole: dict[str, Column], first: str, name: str) -> None:
    for column in here.values():
        if column.name not in whole:
            raise refusals.drifted(column.name, (first, NOWHERE), (name, column.kind.value))
