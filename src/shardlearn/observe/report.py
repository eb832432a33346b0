"""The report of one fit: what it read, how long each part took, and what decided that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from html import escape
from typing import Any

from .words import count, duration, percent, plural, size

FORMATS = {"parquet": "Parquet", "csv": "CSV", "svm": "svmlight"}  # what a source's label says
PHASES = ("read", "decode", "pack", "compute", "merge", "waiting")


@dataclass(frozen=True, repr=False)
class Report:
    """What a fit did: counts, times and where they went, never a value of the data.

    Attributes
    ----------
    estimator : str
        Name of the class.
    status : str
        Where the solver stopped: "converged", "out of rounds", "stalled", "interrupted" or "failed".
    rounds, passes : int
        Questions of the solver; visits to the data, those before the first question too.
    rows, features, bytes : int
        Of the data.
    rows_visited, bytes_read : int
        Over all passes.
    dropped_rows : int
        Rows left out.
    dropped : dict of str to int
        How many rows each column was the reason for; a row may count in several.
    dropped_why : str
        Why rows were left out.
    ignored_columns : tuple of str
        Columns that the model does not use.
    seconds : float
        Wall-clock time.
    phases : dict of str to float
        Seconds of all workers together by phase: read, decode, pack, compute, merge, waiting.
    engine, workers, threads : str, int, str
        What ran it, on how many workers at most, and who said how many.
    fewest_workers : int
        Differs from `workers` where some joined or left during the fit.
    memory_limit, memory_from, memory_peak : int or None, str, int or None
        Bytes: the limit, who set it, and the most that was seen added to the process during the fit.
    planned : dict of str to int
        Of the pass that needed most, worked out before it: readers, workers; bytes for reading, blocks, answers; and,
        where there is a limit, room, which is left to keep blocks in.
    tight : int
        Passes in which the limit let fewer readers in than there are workers.
    solver, seed : str, int or None
        What ran, and the seed of its draws.
    resumed : str
        The checkpoint that the fit went on from; rounds, passes and times are those since.
    bytes_down, bytes_up : int
        That went to workers in other processes, and that came back, over all passes; data in memory not counted.
    retries, late_answers : int
        Attempts that were started again; answers that came when their piece was answered already.
    retried_pieces : int
        Pieces of work that were tried again, each counted once a pass.
    retried_why : dict of str to int
        Attempts that were started again, by reason.
    figures : dict of str to float
        What the solver said last, for example its loss.
    versions : dict of str to str
        Of the libraries.
    started, finished : str
        UTC.
    """

    estimator: str
    status: str = ""
    rounds: int = 0
    passes: int = 0
    rows: int = 0
    features: int = 0
    bytes: int = 0
    source: str = ""
    rows_visited: int = 0
    bytes_read: int = 0
    dropped_rows: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    dropped_why: str = ""
    ignored_columns: tuple[str, ...] = ()
    seconds: float = 0.0
    phases: Mapping[str, float] = field(default_factory=dict)
    engine: str = ""
    workers: int = 1
    fewest_workers: int = 0  # 0: not known
    threads: str = ""
    memory_limit: int | None = None
    memory_from: str = ""
    memory_peak: int | None = None
    planned: Mapping[str, int] = field(default_factory=dict)
    tight: int = 0
    solver: str = ""
    seed: int | None = None
    resumed: str = ""
    bytes_down: int = 0
    bytes_up: int = 0
    retries: int = 0
    retried_pieces: int = 0
    retried_why: Mapping[str, int] = field(default_factory=dict)
    late_answers: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    started: str = ""
    finished: str = ""

    @property
    def rows_per_second(self) -> float:
        """Rows visited, over all passes, by wall-clock second."""
        return self.rows_visited / self.seconds if self.seconds > 0 else 0.0

    @property
    def bottleneck(self) -> str:
        """One sentence on where the time went; empty when nothing was timed."""
        total = sum(self.phases.values())
        if total <= 0:
            return ""
        name = max(PHASES, key=lambda phase: self.phases.get(phase, 0.0))
        return f"{percent(self.phases[name] / total)} of the time was {self._doing(name)}"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values for JSON."""
        out = asdict(self)
        out["ignored_columns"] = list(self.ignored_columns)
        return out | {"rows_per_second": self.rows_per_second, "bottleneck": self.bottleneck}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Report:
        """The report that `to_dict` wrote; names that this version does not know are left out."""
        known = {f.name for f in fields(cls)}
        kept = {name: value for name, value in values.items() if name in known}
        return cls(**kept | {"ignored_columns": tuple(kept.get("ignored_columns", ()))})

    def lines(self) -> list[tuple[str, str]]:
        """Label and text of each line that has something to say."""
        both = [
            ("status", self._status()),
            ("data", self._data()),
            ("dropped", self._dropped()),
            ("ignored", ", ".join(self.ignored_columns)),
            ("time", self._time()),
            ("where", self._phases()),
            ("", self.bottleneck),
            ("engine", self._engine()),
            ("sent", self._sent()),
            ("memory", self._memory()),
            ("", self._planned()),
            ("trouble", self._trouble()),
            ("seed", "" if self.seed is None else str(self.seed)),
            ("versions", ", ".join(f"{name} {version}" for name, version in self.versions.items())),
            ("started", self.started),
        ]
        return [(label, text) for label, text in both if text]

    def __repr__(self) -> str:
        body = [f"  {label:<9}{text}" for label, text in self.lines()]
        return "\n".join([f"Report of {self.estimator}", *body])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(label)}</th><td style='text-align:left'>{escape(text)}</td></tr>"
            for label, text in self.lines()
        )
        return f"<table><caption>Report of {escape(self.estimator)}</caption><tbody>{rows}</tbody></table>"

    def _doing(self, phase: str) -> str:
        source = next((word for ending, word in FORMATS.items() if ending in self.source.lower()), "the data")
        words = {
            "read": f"reading {source}",
            "decode": f"decoding {source}",
            "pack": "packing columns into rows",
            "compute": "computing",
            "merge": "merging answers",
            "waiting": "waiting for the driver or for other workers",
        }
        if phase == "waiting" and 2 * self.tight > self.passes:
            return "waiting, as the memory limit lets fewer than all workers read at once"
        return words[phase]

    def _status(self) -> str:
        after = f" after {plural(self.rounds, 'round')}" if self.rounds else ""
        by = f" by {self.solver}" if self.solver else ""
        since = f", going on from {self.resumed}" if self.resumed else ""
        return f"{self.status}{after}{by}{since}".strip()

    def _data(self) -> str:
        if not self.rows:
            return ""
        held = f", {size(self.bytes)}" if self.bytes else ""
        return f"{count(self.rows)} rows x {self.features:,}{held}{', ' + self.source if self.source else ''}"

    def _dropped(self) -> str:
        if not self.dropped_rows:
            return ""
        columns = ", ".join(f"{name} {n:,}" for name, n in self.dropped.items() if n)
        why = f" for {self.dropped_why}" if self.dropped_why else ""
        return f"{plural(self.dropped_rows, 'row')}{why}{': ' + columns if columns else ''}"

    def _time(self) -> str:
        if not self.seconds:
            return ""
        rate = f", {count(self.rows_per_second)} rows/s" if self.rows_visited else ""
        return f"{duration(self.seconds)}, {plural(self.passes, 'pass', 'passes')} over the data{rate}"

    def _phases(self) -> str:
        total = sum(self.phases.values())
        if total <= 0:
            return ""
        shares = [f"{name} {percent(self.phases[name] / total)}" for name in PHASES if self.phases.get(name, 0) > 0]
        return ", ".join(shares)

    def _engine(self) -> str:
        if not self.engine:
            return ""
        who = f" ({self.threads})" if self.threads else ""
        fewer = f"{self.fewest_workers} to " if 0 < self.fewest_workers < self.workers else ""
        return f"{self.engine}, {fewer}{plural(self.workers, 'worker')}{who}"

    def _sent(self) -> str:
        if not (self.bytes_down or self.bytes_up) or not self.passes:
            return ""
        down, up = (size(n // self.passes) for n in (self.bytes_down, self.bytes_up))
        return f"{down} to the workers and {up} back by pass, {size(self.bytes_down + self.bytes_up)} in all"

    def _memory(self) -> str:
        peak = "" if self.memory_peak is None else f"at most {size(self.memory_peak)} added"
        if self.memory_limit is None:
            return f"{peak}, no limit" if peak else ""
        origin = f" ({self.memory_from})" if self.memory_from else ""
        return f"{peak + ', ' if peak else ''}limit {size(self.memory_limit)}{origin}"

    def _planned(self) -> str:
        plan = self.planned
        readers = plural(plan.get("readers", 0), "reader")
        parts = [(readers, plan.get("reading")), ("blocks", plan.get("blocks")), ("answers", plan.get("answers"))]
        taken = [f"{name} {size(n)}" for name, n in parts if n]
        room = f"; {size(plan['room'])} left to keep blocks in" if "room" in plan else ""
        return f"a pass takes at most {size(sum(n for _, n in parts if n))}: {', '.join(taken)}{room}" if taken else ""

    def _trouble(self) -> str:
        parts = []
        if self.retries:
            reasons = ", ".join(f"{why} {n:,}" for why, n in sorted(self.retried_why.items(), key=lambda of: -of[1]))
            parts.append(f"{plural(self.retried_pieces, 'piece')} tried again ({reasons})")
        if self.late_answers:
            parts.append(f"{plural(self.late_answers, 'late answer')} dropped")
        return "; ".join(parts)
