"""One schema from those of several files, with the columns on which they do not agree."""

from __future__ import annotations

from collections.abc import Sequence

from . import kinds
from .schema import Drift, Schema

NOWHERE = "no such column"


def one_schema(schemas: Sequence[Schema], names: Sequence[str]) -> Schema:
    """The columns of the first file, each of the kind that all files hold together.

    Files are read by the names of columns, in whatever order each has them. A column on which files do not agree, or
    that only some have, is a drift: an error where it is used, and none where it is not.
    """
    whole = {column.name: column for column in schemas[0].columns}
    holder = dict.fromkeys(whole, names[0])  # the first file that holds a column's kind
    drifts: dict[str, Drift] = {}
    for schema, name in zip(schemas[1:], names[1:], strict=True):
        if schema == schemas[0]:
            continue
        here = schema.by_name()
        for column in list(whole.values()):
            first, other = (holder[column.name], column.kind.value), here.get(column.name)
            both = None if other is None else kinds.together(column, other)
            if both is None:
                kind = NOWHERE if other is None else other.kind.value
                drifts.setdefault(column.name, Drift(column.name, first, (name, kind)))
            elif both is not column:
                whole[column.name], holder[column.name] = both, name
        for column in here.values():
            if column.name not in whole:
                there = (name, column.kind.value)
                drifts.setdefault(column.name, Drift(column.name, (names[0], NOWHERE), there))
    return Schema(tuple(whole[column.name] for column in schemas[0].columns), drifts=tuple(drifts.values()))
