"""The one table."""

from __future__ import annotations

from collections.abc import Sequence

from .race import Contender

HEAD = ("data", "task", "who", "seconds", "x ours", "tol", "(F - F*)/F*", "passes", "")


def race_rows(contenders: Sequence[Contender]) -> list[tuple[str, ...]]:
    """One row each, the fastest first; `x ours` is its time over shardlearn's."""
    ours = contenders[0].seconds
    rows = []
    for c in sorted(contenders, key=lambda c: c.seconds):
        there = c.solved and bool(c.times)
        rows.append(
            (
                c.table.name,
                c.task,
                c.peer.name,
                f"{c.seconds:.3f}" if there else "-",
                f"{c.seconds / ours:.2f}" if there else "-",
                f"{c.tol:.0e}" if c.tol else "",
                f"{c.gap:.0e}" if c.gap < float("inf") else "-",
                str(c.passes) if c.passes else "",
                c.note,
            )
        )
    return rows


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [head, ["-" * max(width, 3) for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) + " |" for row in lines
    )
