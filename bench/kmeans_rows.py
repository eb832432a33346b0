"""What the table of k-means says of a contender: beside ours, beside scikit-learn's labels, beside the machine.

Labels are those that a library gives after the fit, or, where it gives none, of the nearest of its centres in float64.
They are compared with those of scikit-learn's lloyd from the same start after as many iterations: on the same rows, and
on the same rows in float64, so that what scikit-learn's sums in float32 change shows by itself.

"Equivalent" flops are those of all scores, and "equivalent" bytes those of all rows in each pass, where bounds spare
some of them. Of seeding by k-means||: scores of 10 k candidates, and of the iteration.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from shardlearn.solvers.seeding import OVER, ROUNDS

from . import limits, turns
from .kmeans_field import (
    ARRAY,
    BATCHES,
    CACHED,
    DOUBLE,
    FIT,
    HELD,
    LLOYD,
    OWN_START,
    PASS,
    READ,
    SEEDING,
    STREAMED,
    Contender,
)
from .peers import US
from .settings import REPEATS, THREADS

HEAD = (
    "k-means",
    "task",
    "who",
    "seconds",
    "x ours",
    "inertia over ours - 1",
    "iterations",
    "scikit-learn's labels",
    "",
)
SCORED = (FIT, SEEDING, PASS)  # of dense rows


def row(name: str, task: str, one: Contender, field: Sequence[Contender]) -> tuple[str, ...]:
    """Of one contender; ours is the first of the field."""
    if one.error or not one.answers:
        return (name, task, one.name, "-", "-", "-", "", "", one.error)
    ours, took = field[0], seconds(one)
    apart = median(one.inertia) / median(ours.inertia or [np.nan]) - 1
    return (
        name,
        task,
        one.name,
        f"{took:.3f}",
        f"{took / seconds(ours):.2f}",
        "" if one.algorithm == READ else f"{apart:.1e}",
        str(_iterations(one) or ""),
        agreement(one, field) if task == FIT else "",
        "; ".join(note for note in _notes(task, one, field) if note),
    )


def seconds(one: Contender) -> float:
    """Without the first time, which warms up."""
    return median(one.seconds[1:] or [np.nan])


def agreement(one: Contender, field: Sequence[Contender]) -> str:
    """Share of rows that have scikit-learn's label; who starts elsewhere numbers clusters otherwise."""
    labels = None if one.library in OWN_START else one.labels
    if labels is None:
        return "-"
    peers = {c.algorithm: c.labels for c in field if c.algorithm in {LLOYD, DOUBLE}}
    shares = {way: f"{100 * np.mean(labels == peer):.3f} %" for way, peer in peers.items() if peer is not None}
    said = shares.get(LLOYD, "-")
    return f"{said}, float64 {shares[DOUBLE]}" if DOUBLE in shares else said


def _iterations(one: Contender) -> int | None:
    """As the library tells."""
    return one.answers[-1].get("iterations") if one.answers else None


def _notes(task: str, one: Contender, field: Sequence[Contender]) -> list[str]:
    """What sets its row apart, and what ours makes of the machine."""
    done, wanted = _iterations(one), _iterations(field[0])
    others = task == FIT and done is not None and wanted is not None and done != wanted
    return [
        "starts from rows of its own" if task == FIT and one.library in OWN_START else "",
        f"{done} iterations, ours {wanted}" if others else "",
        f"inertia after iteration {wanted}" if task == SEEDING and one is field[0] else "",
        turns.told(len(one.answers) - 1, REPEATS),
        _held(one, field) if task == HELD else "",
        machine(task, one) if one.library == US or one.algorithm == READ else "",
    ]


def machine(task: str, one: Contender) -> str:
    """Share of the multipliers where dense rows are compared, else of reading."""
    answer, took = one.answers[-1], seconds(one)
    flops, size, passes = answer["flops"], answer["bytes"], answer.get("passes") or 1
    if flops and task in SCORED:
        times = {FIT: answer.get("iterations") or 0, SEEDING: OVER * ROUNDS + 1, PASS: 1}[task]
        said = limits.share(flops * times, took, THREADS)
        return said if task == PASS else f"equivalent {said}"
    whole = task in {PASS, BATCHES} or one.algorithm in {STREAMED, READ}
    passes += task == BATCHES  # a pass in batches, after one for the start and before one for the inertia
    said = limits.reading(size * passes, took, THREADS)
    return said if whole else f"equivalent {said}"


def _held(one: Contender, field: Sequence[Contender]) -> str:
    """Passes a second beside those of the array where rows are kept, else beside those of reading alone."""
    beside = {CACHED: ARRAY, STREAMED: READ}.get(one.algorithm or "")
    peer = next((c for c in field if c.algorithm == beside and c.answers), None)
    if peer is None:
        return ""
    rate, other = (c.answers[-1]["passes"] / seconds(c) for c in (one, peer))
    if beside == READ:
        return f"{rate / other:.0%} of the rate of {READ}"
    kept = np.divide(*(median([answer["later"] for answer in c.answers[1:]] or [np.nan]) for c in (peer, one)))
    return f"{rate / other:.0%} of the rate of the array, {kept:.0%} once rows are kept"
