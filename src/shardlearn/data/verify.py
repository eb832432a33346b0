"""What a survey found, in words: the first thing wrong with the data as an exact error."""

from __future__ import annotations

import numpy as np

from shardlearn.core.errors import InputError
from shardlearn.statistics.survey import Bad, Findings

from . import refusals, scan
from .layout import Laid

DROP = scan.DROP_ROWS


def check(laid: Laid, found: Findings) -> None:
    """Raise the error of the first thing that is wrong: X, then y, then the weights."""
    if found.rows == 0 and found.dropped:
        raise refusals.all_dropped(found.dropped)
    if found.missing.count.any():
        fix = f"{DROP}, or fill them, or leave out the columns (drop_columns=, --drop-columns)"
        raise _bad(laid, found.missing, "SL2103", "Input X contains NaN.", "missing", fix)
    if found.infinite.count.any():
        first = f"Input X contains infinity or a value too large for dtype('{laid.dtype}')."
        raise _bad(laid, found.infinite, "SL2104", first, "infinite", "replace them, or leave out the rows or columns")
    target, weight = names(laid)
    _check_one(laid, found.y_missing, target, ("SL2301", "Input y contains NaN.", "missing", DROP))
    infinite = "contains infinity or a value too large for dtype('float64')."
    _check_one(laid, found.y_infinite, target, ("SL2302", f"Input y {infinite}", "infinite", "leave out such rows"))
    _check_one(laid, found.weight_missing, weight, ("SL2304", "Input sample_weight contains NaN.", "missing", DROP))
    words = ("SL2304", f"Input sample_weight {infinite}", "infinite", "give finite weights")
    _check_one(laid, found.weight_infinite, weight, words)
    words = ("SL2303", "Negative values in data passed to `sample_weight`.", "negative", "give weights of 0 or more")
    _check_one(laid, found.weight_negative, weight, words)
    if found.weight_positive == 0 and found.rows:
        raise InputError(
            "Sample weights must contain at least one non-zero number.",
            code="SL2305",
            where=weight,
            found=f"{found.rows:,} weights, all of them zero",
            needed="at least one weight above zero",
        )


def names(laid: Laid) -> tuple[str, ...]:
    """What y and the weight are called."""
    rest = list(laid.columns[laid.n_features :])
    target = rest.pop(0) if laid.y_kind is not None and rest else "y"
    weight = rest[0] if rest else "sample_weight"
    named = laid.source.schema.names
    return tuple(f'column "{name}"' if name in named else name for name in (target, weight))


def _check_one(laid: Laid, bad: Bad, name: str, words: tuple[str, str, str, str]) -> None:
    if bad.count[0]:
        code, first, kind, fix = words
        raise InputError(
            first,
            code=code,
            where=scan.lines([_place(laid, bad, 0, name)]),
            found=refusals.several(int(bad.count[0]), f"{kind} value"),
            needed="finite numbers" if kind != "negative" else "weights of 0 or more",
            fix=fix,
        )


def _bad(laid: Laid, bad: Bad, code: str, first: str, kind: str, fix: str) -> InputError:
    columns = [int(j) for j in bad.count.nonzero()[0]]
    shown = columns[: refusals.SHOWN]
    named = [f'column "{laid.columns[j]}"' if laid.names else laid.columns[j] for j in shown]
    places = [_place(laid, bad, j, name) for j, name in zip(shown, named, strict=True)]
    of = f" in {len(columns):,} columns" if len(columns) > 1 else ""
    return InputError(
        first,
        code=code,
        where=scan.lines(places, len(columns)),
        found=refusals.several(int(bad.count.sum(dtype=np.int64)), f"{kind} value") + of,
        needed="finite numbers in all columns",
        fix=fix,
    )


def _place(laid: Laid, bad: Bad, column: int, name: str) -> str:
    files = int(np.count_nonzero(bad.files[column]))
    row = int(bad.first[column]) - laid.grid.first
    return scan.place(laid.source.files(), name, row, int(bad.count[column]), files)
