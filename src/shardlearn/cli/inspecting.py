"""`shardlearn inspect`: what a table holds, every reason why a fit would be refused, and how long one would take."""

from __future__ import annotations

import os
from dataclasses import asdict

from shardlearn.core.engine import Engine
from shardlearn.data import Inspection
from shardlearn.data import inspect as look
from shardlearn.observe.words import count, duration, percent, plural, size

from .flags import Data, Output, Run
from .opening import running, source_of
from .output import Answer, answering

FILES, COLUMNS = 20, 200  # shown to people; JSON has all
PASSES = 6  # of a usual fit of many rows


def inspect(where: Data, whole: bool, run: Run, output: Output) -> int:
    """The verb; returns the exit code."""
    with answering(output) as answer, running(run) as engine:
        source = source_of(where)
        try:
            found = look(source, where.target, where.weight, whole or None)
        finally:
            source.close()
        answer.put(**asdict(found), pass_seconds_here=found.pass_seconds / engine.workers)
        _files(found, answer)
        _columns(found, answer)
        _reasons(found, where, answer)
        _cost(found, engine, answer)
        return answer.finish(0)


def _files(found: Inspection, answer: Answer) -> None:
    held = sum(file.bytes for file in found.files)
    parts = [
        plural(len(found.files), "file") if found.files else "",
        f"{count(found.rows)} {'row' if found.rows == 1 else 'rows'}",
        plural(len(found.columns), "column") if len(found.columns) > 1 else plural(found.n_features, "feature"),
        f"{size(held)} on disk" if held else "",
    ]
    answer.say(f"{found.label}: " + ", ".join(part for part in parts if part))
    if len(found.files) > 1:
        answer.say("files, in the order of their rows")
        shown = found.files if len(found.files) <= FILES else found.files[: FILES - 1]
        top = os.path.commonpath([os.path.dirname(file.path) for file in found.files])
        names = [os.path.relpath(file.path, top) if top else file.path for file in shown]
        facts = [f"{file.rows:>11,} {'row ' if file.rows == 1 else 'rows'}  {size(file.bytes):>8}" for file in shown]
        answer.table(list(zip(names, facts, strict=True)))
        if len(shown) < len(found.files):
            answer.say(f"  and {len(found.files) - len(shown):,} more")


def _columns(found: Inspection, answer: Answer) -> None:
    if not found.columns:
        return
    answer.say("columns")
    shown = found.columns[:COLUMNS]
    kind, role = (max(len(getattr(column, what)) for column in shown) for what in ("kind", "role"))
    rows = []
    for column in shown:
        counts = ((column.missing, "missing"), (column.infinite, "infinite"))
        bad = [f"{n:,} {word} ({_share(n, found.rows_read)})" for n, word in counts if n]
        rows.append((column.name, f"{column.kind:<{kind}}  {column.role:<{role}}  {', '.join(bad)}"))
    answer.table(rows)
    if len(shown) < len(found.columns):
        answer.say(f"  and {len(found.columns) - len(shown):,} more")


def _share(n: int, rows: int) -> str:
    return percent(n / rows) if n >= rows * 0.01 else "under 1 %"


def _reasons(found: Inspection, where: Data, answer: Answer) -> None:
    looked = "all rows" if found.whole else f"{count(found.rows_read)} of the rows: --whole looks at all"
    looked = looked if found.rows_read else "the columns alone"
    aim = f" of target {where.target}" if where.target else ""
    if not found.reasons:
        answer.say(f"nothing stands in the way of a fit{aim} (looked at {looked})")
    else:
        answer.say(f"a fit{aim} would be refused (looked at {looked})")
    for reason in found.reasons:
        answer.say(f"  {reason.code}  {reason.text}")
        places = [("" if i else "where", place.strip()) for i, place in enumerate(reason.where.splitlines())]
        answer.table([*places, *([("mend", reason.flag)] if reason.flag else [])], indent="          ")


def _cost(found: Inspection, engine: Engine, answer: Answer) -> None:
    if not found.rows_read:
        return
    one = max(found.pass_seconds / engine.workers, 1e-3)
    rows = "1 row" if found.rows_read == 1 else f"{count(found.rows_read)} rows"
    all_ = f"about {duration(PASSES * one)} for {PASSES} passes, as a logistic regression of many rows takes"
    answer.say("what a fit would take")
    answer.table(
        [
            ("unpacked", f"{size(found.decoded_bytes)} of {found.dtype}, {plural(found.n_features, 'feature')}"),
            ("time", f"about {duration(one)} a pass on {plural(engine.workers, 'worker')} (measured on {rows})"),
            ("", all_),
            ("memory", f"{size((found.block_bytes + found.reader_bytes) * engine.workers)} for blocks in work"),
        ]
    )
