"""What a fit would meet: files, columns, every reason to refuse, and how long one pass takes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from shardlearn.core.errors import InputError, ShardlearnError
from shardlearn.core.events import ignore
from shardlearn.core.matrix import Ints
from shardlearn.statistics.survey import Bad, Survey

from . import kinds, refusals, scan
from .layout import Laid, lay_out, merged
from .roles import hidden
from .schema import HUGE, Column, Kind
from .source import Source
from .spec import Spec

SHARE = 0.01  # of the blocks, that a measurement reads
WHOLE_BYTES = 2 * 1024**3  # tables up to this size, unpacked, are looked through from end to end


@dataclass(frozen=True, slots=True)
class FileFacts:
    path: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    name: str
    kind: str
    type: str  # as Arrow spells it
    role: str  # "feature", "target", "weight" or "not used"
    taken_as: str  # in words; empty where it is refused
    missing: int | None  # None: not counted
    infinite: int | None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a fit would be refused, and the flag that mends it."""

    code: str
    text: str
    where: str
    flag: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What `shardlearn inspect` tells."""

    label: str
    rows: int
    files: tuple[FileFacts, ...]
    columns: tuple[ColumnFacts, ...]
    reasons: tuple[Reason, ...]
    n_features: int
    dtype: str
    decoded_bytes: int  # of the features, as blocks hold them
    block_rows: int
    block_bytes: int
    reader_bytes: int
    whole: bool  # whether every row was looked at; else missing and infinite values are those of the rows read
    rows_read: int
    seconds: float  # of reading `rows_read` rows with one reader
    pass_seconds: float  # estimated, of one pass over all rows with one reader


def inspect(
    source: Source, target: str | None = None, weight: str | None = None, whole: bool | None = None
) -> Inspection:
    """Look at the columns, then at the rows: all of them where the table is small or `whole` says so, else 1 %."""
    spec = merged(Spec(), source.spec)
    reasons, laid = _layable(source, target, weight, spec)
    read = _Read()
    if laid is not None:
        size = laid.rows * laid.n_features * np.dtype(laid.dtype).itemsize
        whole = size <= WHOLE_BYTES if whole is None else whole
        laid, read = _look(laid, target, weight, whole, reasons)
        reasons += _of_rows(laid, read, spec)
    rows = source.count()
    footprint = None if laid is None else laid.blocks.footprint()
    itemsize = 0 if laid is None else np.dtype(laid.dtype).itemsize
    features = 0 if laid is None else laid.n_features
    return Inspection(
        label=source.label,
        rows=rows,
        files=_files(source),
        columns=_columns(source, laid, (target, weight), read),
        reasons=tuple(reasons),
        n_features=features,
        dtype="" if laid is None else laid.dtype,
        decoded_bytes=rows * features * itemsize,
        block_rows=0 if laid is None else laid.grid.rows,
        block_bytes=0 if footprint is None else footprint.block,
        reader_bytes=0 if footprint is None else footprint.reader,
        whole=bool(whole),
        rows_read=read.rows,
        seconds=read.seconds,
        pass_seconds=read.seconds * rows / max(read.rows, 1),
    )


@dataclass(slots=True)
class _Read:
    """What reading told, by column name."""

    rows: int = 0
    seconds: float = 0.0
    missing: Mapping[str, int] | None = None
    infinite: Mapping[str, int] | None = None
    places: Mapping[str, str] | None = None


def _files(source: Source) -> tuple[FileFacts, ...]:
    files = source.files()
    rows = np.diff([*files.starts.tolist(), source.count()])
    return tuple(FileFacts(*facts) for facts in zip(files.paths, rows.tolist(), files.sizes, strict=True))


def _layable(source: Source, target: str | None, weight: str | None, spec: Spec) -> tuple[list[Reason], Laid | None]:
    """Refused columns are noted and left out, until what is left can be laid out."""
    reasons: list[Reason] = []
    if not source.schema.is_matrix:
        found, out = _refused(source, (target, weight), spec)
        reasons += found
        kept = None if spec.columns is None else [name for name in spec.columns if name not in out]
        spec = replace(spec, columns=kept, drop_columns=(*spec.drop_columns, *out))
        known = {*source.schema.names, *(drift.column for drift in source.schema.drifts)}
        spec = replace(spec, drop_columns=tuple(name for name in spec.drop_columns if name in known))
        twice = set(source.schema.duplicates())
        if twice:
            names = spec.columns or [name for name in source.schema.names if name not in spec.drop_columns]
            spec = replace(spec, columns=[name for name in names if name not in twice])
    try:
        return reasons, lay_out(source, target, weight, spec)
    except ShardlearnError as error:
        reasons.append(Reason(error.code, error.first, error.where, error.fix))
        return reasons, None


def _refused(source: Source, aside: tuple[str | None, str | None], spec: Spec) -> tuple[list[Reason], list[str]]:
    """Columns that can't be features, by kind; and their names."""
    schema = source.schema
    asked = set(schema.names if spec.columns is None else spec.columns)
    if spec.columns is None:
        asked = {name for name in asked if not hidden(name, source)}
    features = [c for c in schema.columns if c.name in asked - {*aside, *spec.drop_columns}]
    groups: dict[str, list[Column]] = {}
    for column in features:
        if column.type == HUGE:
            groups.setdefault(HUGE, []).append(column)
        elif column.kind not in kinds.NUMERIC:
            groups.setdefault(column.kind.value, []).append(column)
    reasons = []
    for kind, columns in groups.items():
        text = f"{refusals.several(len(columns), 'column')} of kind {kind}: a feature must be a number"
        code = "SL2108" if kind == HUGE else "SL2105" if kind in ("string", "category") else "SL2106"
        names = [column.name for column in columns]
        late = filter(None, (source.late_text(name) for name in names[: refusals.SHOWN]))
        reasons.append(Reason(code, text, "\n".join([_listed(names), *late]), _drop(names)))
    out = [column.name for columns in groups.values() for column in columns]
    for drift in schema.drifts:
        more = spec.columns is None and drift.column not in schema.names and not hidden(drift.column, source)
        if drift.column in asked or more:
            if drift.column in spec.drop_columns:
                continue
            error = refusals.drifted(drift)
            reasons.append(Reason(error.code, error.first, f"{error.where}: {error.found}", _drop([drift.column])))
            out.append(drift.column)
    twice = [name for name in schema.duplicates() if name in asked]
    if twice:
        reasons.append(Reason("SL2102", "Column names are not unique", _listed(twice), _drop(twice)))
    return reasons, out


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20:,} more" if len(names) > 20 else "")


def _drop(names: Sequence[str]) -> str:
    return "--drop-columns " + refusals.as_flag(names)


def _look(laid: Laid, target: str | None, weight: str | None, whole: bool, reasons: list[Reason]) -> tuple[Laid, _Read]:
    """Read the rows; integers beyond 2**53 and rows without a label are noted, and then left out."""
    blocks = laid.grid.blocks if whole else _sample(laid)
    while True:
        try:
            return laid, _survey(laid, blocks)
        except InputError as error:
            spec = Spec(columns=list(laid.names or ()), missing="error")
            if error.code == "SL2108":
                integers = {column.name for column in laid.source.schema.columns if column.kind is Kind.INTEGER}
                large = scan.find_large(laid.source, [name for name in laid.names or () if name in integers])
                names = [name for name, _ in large]
                reasons.append(Reason(error.code, error.first, scan.lines([at for _, at in large]), _drop(names)))
                spec = replace(spec, columns=[name for name in laid.names or () if name not in names])
            elif error.code == "SL2301":
                reasons.append(Reason(error.code, error.first, error.where, "--missing drop"))
                target = None
            else:
                raise
            if not spec.columns:
                return laid, _Read()
            laid = lay_out(laid.source, target, weight, spec)


def _sample(laid: Laid) -> range:
    """About 1 % of the blocks, from a place in the middle where a reader may start."""
    cuts = list(laid.blocks.cuts())
    first = cuts[len(cuts) // 2]
    return range(first, min(first + max(round(len(laid.grid.blocks) * SHARE), 1), laid.grid.stop_block))


def _survey(laid: Laid, numbers: Sequence[int]) -> _Read:
    survey = Survey(laid)
    found, seconds = survey.of(laid.empty()), 0.0
    for _, block in laid.blocks.read(numbers[:1], emit=ignore):  # what the first block alone takes is not counted
        survey.of(block)
    blocks = laid.blocks.read(numbers, emit=ignore)
    while True:
        began = time.perf_counter()
        one = next(blocks, None)
        seconds += time.perf_counter() - began
        if one is None:
            break
        found = survey.merge(found, survey.of(one[1]))
    names = list(laid.columns)
    missing = _by_name(names, [found.missing.count, found.y_missing.count, found.weight_missing.count], laid)
    infinite = _by_name(names, [found.infinite.count, found.y_infinite.count, found.weight_infinite.count], laid)
    if found.dropped:
        missing = dict(zip(names, found.dropped_by.tolist(), strict=True))
    places = _places(laid, found.missing) | _places(laid, found.infinite)
    return _Read(found.rows + found.dropped, seconds, missing, infinite, places)


def _by_name(names: list[str], counts: list[Ints], laid: Laid) -> dict[str, int]:
    features, y, weight = counts
    rest = [*(y.tolist() if laid.y_kind is not None else []), *weight.tolist()]
    return dict(zip(names, [*features.tolist(), *rest], strict=False))


def _places(laid: Laid, bad: Bad) -> dict[str, str]:
    found = {}
    for j in np.flatnonzero(bad.count).tolist():
        name, row = laid.columns[j], int(bad.first[j]) - laid.grid.first
        files, words = int(np.count_nonzero(bad.files[j])), f'column "{laid.columns[j]}"'
        found[name] = scan.place(laid.source.files(), words, row, int(bad.count[j]), files)
    return found


def _of_rows(laid: Laid, read: _Read, spec: Spec) -> list[Reason]:
    """Reasons that only the rows tell."""
    reasons = []
    places = read.places or {}
    for counts, code, text, flag in (
        (read.missing, "SL2103", "missing value", "--missing drop"),
        (read.infinite, "SL2104", "infinite value", ""),
    ):
        names = [name for name, count in (counts or {}).items() if count]
        if names and not (code == "SL2103" and spec.missing == "drop"):
            where = scan.lines([places.get(name, f'column "{name}"') for name in names])
            total = sum((counts or {})[name] for name in names)
            what = f"{refusals.several(total, text)} in {refusals.several(len(names), 'column')}"
            features = [name for name in names if name in (laid.names or ())]
            flags = [flag, _drop(features) if features else ""]
            reasons.append(Reason(code, what, where, " or ".join(one for one in flags if one)))
    return reasons


def _columns(
    source: Source, laid: Laid | None, aside: tuple[str | None, str | None], read: _Read
) -> tuple[ColumnFacts, ...]:
    used = set(laid.names or ()) if laid is not None else set()
    out = []
    for column in source.schema.columns:
        row = kinds.BY_KIND[column.kind]
        target, weight = (column.name == name for name in aside)
        role = "target" if target else "weight" if weight else "feature" if column.name in used else "not used"
        taken = row.label if target else row.feature
        missing = (read.missing or {}).get(column.name)
        infinite = (read.infinite or {}).get(column.name)
        out.append(ColumnFacts(column.name, column.kind.value, column.type, role, taken, missing, infinite))
    return tuple(out)


def measure(laid: Laid) -> tuple[int, float]:
    """Rows read and the seconds that it took, of about 1 % of the blocks with one reader."""
    read = _survey(laid, _sample(laid))
    return read.rows, read.seconds
