"""Whether a value that was read from a file is of the kind that its dataclass names."""

from __future__ import annotations

import collections.abc
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

PLAIN: dict[Any, tuple[type, ...]] = {
    bool: (bool, np.bool_),
    int: (int, np.integer),
    float: (float, int, np.floating, np.integer),
}


@cache
def kinds_of(of: type) -> dict[str, Any]:
    """The kind of each field, where it can be looked up."""
    try:
        return get_type_hints(of)
    except NameError:  # a class inside a function, or names for type checkers only
        return {}


def fits(value: Any, kind: Any) -> bool:
    """Type variables, protocols and the like take anything: there is nothing to look at."""
    origin, inner = get_origin(kind) or kind, get_args(kind)
    if origin in (Union, UnionType):
        return any(fits(value, one) for one in inner)
    if origin in PLAIN:
        return isinstance(value, PLAIN[origin]) and (origin is bool or not isinstance(value, PLAIN[bool]))
    if origin is Any or not isinstance(origin, type) or getattr(origin, "_is_protocol", False):
        return True
    return isinstance(value, origin) and _fits_inside(value, origin, inner)


def _fits_inside(value: Any, origin: type, inner: tuple[Any, ...]) -> bool:
    """What arrays, tuples and mappings hold."""
    if origin is np.ndarray:
        scalar = get_args(inner[1])[0] if len(inner) > 1 and get_args(inner[1]) else Any
        return scalar is Any or bool(value.dtype == scalar)
    if origin is tuple and inner:
        kinds = inner[:1] * len(value) if inner[-1] is Ellipsis else inner
        return len(kinds) == len(value) and all(fits(*pair) for pair in zip(value, kinds, strict=True))
    if origin is collections.abc.Mapping and inner:
        return all(fits(key, inner[0]) and fits(one, inner[1]) for key, one in value.items())
    return True
