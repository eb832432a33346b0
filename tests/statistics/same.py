"""Answers of statistics as leaves, to compare them."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from shardlearn.statistics.double import Double


def leaves(answer: Any) -> Iterator[Any]:
    """Arrays and numbers of an answer, in a fixed order."""
    if dataclasses.is_dataclass(answer):
        for field in dataclasses.fields(answer):
            yield from leaves(getattr(answer, field.name))
    elif isinstance(answer, tuple):
        for part in answer:
            yield from leaves(part)
    else:
        yield np.asarray(answer)


def bits(answer: Any) -> list[tuple[str, tuple[int, ...], bytes]]:
    """Everything that two equal answers share."""
    return [(leaf.dtype.str, leaf.shape, leaf.tobytes()) for leaf in leaves(answer)]


def merged(statistic: Any, left: Any, right: Any) -> Any:
    """`merge` on copies: it may use up its left side."""
    return statistic.merge(copy.deepcopy(left), right)


def totals(answer: Any) -> list[Any]:
    """As leaves, but doubled precision rounded to one number."""

    def rounded(part: Any) -> Any:
        if isinstance(part, Double):
            return float(part)
        if dataclasses.is_dataclass(part):
            return tuple(rounded(getattr(part, field.name)) for field in dataclasses.fields(part))
        return tuple(rounded(one) for one in part) if isinstance(part, tuple) else part

    return list(leaves(rounded(answer)))
