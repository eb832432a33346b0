"""Canonical JSON: one text for one value, and nothing but that text is read back."""

from __future__ import annotations

import json
from typing import TypeAlias

from shardlearn.core.errors import StorageError

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

LARGEST = 64 * 1024 * 1024  # bytes of a JSON file: parsed values take about ten times as much


def damaged(where: str, found: str, code: str = "SL5104") -> StorageError:
    """The error for a file whose contents can't be what was saved."""
    return StorageError(
        "The saved file is damaged.",
        code=code,
        where=where,
        found=found,
        needed="the file as it was saved",
        fix="restore it from a copy, or fit and save again",
    )


def dumps(value: Json) -> bytes:
    """Sorted keys, ASCII, one fixed layout: equal values give equal bytes."""
    return (json.dumps(value, sort_keys=True, indent=1, allow_nan=False) + "\n").encode("ascii")


def loads(data: bytes, where: str) -> Json:
    """The value of a canonical text; `StorageError` for any other text."""
    if len(data) > LARGEST:
        raise damaged(where, f"{len(data)} bytes of JSON, more than {LARGEST}", "SL5108")
    try:
        value: Json = json.loads(data.decode("ascii"), parse_constant=_refuse)
        same = dumps(value) == data
    except (ValueError, RecursionError, MemoryError) as error:
        raise damaged(where, f"text that can't be read as JSON ({type(error).__name__})") from None
    if not same:
        raise damaged(where, "JSON in another layout than the one that is written")
    return value


def _refuse(name: str) -> Json:
    raise ValueError(name)
