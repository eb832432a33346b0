"""Second attempts: told in words, one by one while they are few, and counted by reason in the report."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from tests.engines.conformance import ScriptedBlocks
from tests.engines.fakes import FloatSum, random_blocks

from shardlearn.core import events as ev
from shardlearn.core.query import Query
from shardlearn.engines.pool import PoolEngine
from shardlearn.engines.room import Room
from shardlearn.engines.threads import ThreadPool
from shardlearn.observe import Recorder, watch
from shardlearn.observe.live import Live
from shardlearn.observe.memory import Peak
from shardlearn.observe.picture import Picture
from shardlearn.observe.progress import Lines, Progress, Screen, summary
from shardlearn.observe.retries import FEW, LONGEST, kind, reason

START = ev.FitStarted("Ridge", 1000, 42, 1_900_000_000, "ray", 4, None)
DIED = "attempt 1: worker 2 (process 4711 on node-b) died"


def retried(index: int, why: str = DIED) -> ev.PieceRetried:
    return ev.PieceRetried(index, index + 1, 2, why, (100 * index, 100 * index + 100))


def play(screen: Callable[[], Screen], retries: int) -> None:
    """All retries at once, then a second for each piece."""
    seconds = [1.0]
    progress = Progress(Picture("Ridge", 0.0), Peak(), screen, quiet=0.0, clock=lambda: seconds[0])
    progress(START)
    progress(ev.PassStarted(10, 1000, "train"))
    for index in range(retries):
        progress(retried(index))
    for index in range(10):
        seconds[0] += 1.0
        progress(ev.PieceFinished(index, index + 1, 100))
    progress.close()


def lines_of(retries: int) -> list[str]:
    out = io.StringIO()
    play(lambda: Lines(out), retries)
    return out.getvalue().splitlines()


def block_of(retries: int) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=70, color_system=None, legacy_windows=False)
    play(lambda: Live(console), retries)
    return out.getvalue()


def test_a_retry_is_a_line_below_the_header() -> None:
    lines = lines_of(1)
    assert lines[0] == "Ridge   1.9 GB   1,000 rows x 42   ray, 4 workers"
    assert [line for line in lines if "again" in line] == ["Ridge: rows 0 to 99 tried again: worker 2 died"]


@pytest.mark.parametrize("retries", [0, FEW, FEW + 1, 5_000])
def test_many_are_no_flood(retries: int) -> None:
    lines = lines_of(retries)
    told = [line for line in lines if "tried again: " in line]
    assert len(told) == min(retries, FEW)
    assert len(lines) <= FEW + 13
    assert any(f"{retries:,} tried again" in line for line in lines if line not in told) == (retries > FEW)


def test_the_live_block_shows_the_last_one_and_how_many() -> None:
    assert "tried again" not in block_of(0)
    assert "rows 0 to 99 tried again: worker 2 died" in block_of(1)
    assert "so far" not in block_of(1)
    assert "rows 400 to 499 tried again: worker 2 died   (5 so far)" in block_of(5)


def test_reasons_in_a_line_and_by_kind() -> None:
    whys = {
        DIED: ("worker 2 died", "a worker died"),
        "attempt 3: worker 12 (process 4 on n) died, as its machine ran low on memory": (
            "worker 12 died, as its machine ran low on memory",
            "a worker died, as its machine ran low on memory",
        ),
        "backup: no answer after 3.21 s": ("no answer after 3.21 s", "no answer in time"),
        "attempt 1: no answer within 1800 s": ("no answer within 1800 s", "no answer in time"),
        "attempt 1: OSError: no such\n disk": ("OSError: no such disk", "OSError"),
    }
    assert {why: (reason(why), kind(why)) for why in whys} == whys
    assert len(reason("attempt 1: OSError: " + "x" * 999)) == LONGEST


def test_the_report_counts_pieces_and_reasons() -> None:
    recorder = Recorder("Ridge")
    again = ev.PieceRetried(0, 1, 3, "attempt 2: worker 0 (process 7 on a) died", (0, 100))
    for event in (retried(0, "attempt 1: OSError: 1"), again, retried(1), ev.AnswerDropped(0, 1, 1)):
        recorder(event)
    report = recorder.report()
    assert (report.retries, report.retried_pieces) == (3, 2)
    assert report.retried_why == {"OSError": 1, "a worker died": 2}
    said = "2 pieces tried again (a worker died 2, OSError 1); 1 late answer dropped"
    assert ("trouble", said) in report.lines()
    assert said in summary(report)


def test_a_fold_names_its_rows_and_reasons(tmp_path: Path) -> None:
    """What engines say is what people are told."""
    blocks = ScriptedBlocks(random_blocks(at=(0, 8, 12), first=64), {12: ["raise"]}, str(tmp_path))
    room, seen = Room(), []
    engine = PoolEngine("threads", ThreadPool(2, room), room)
    with watch("Ridge", SimpleNamespace(name="threads", workers=2, memory=None)) as watched:

        def emit(event: ev.Event) -> None:
            seen.append(event)
            watched.emit(event)

        engine.fold({"train": engine.open(blocks)}, Query(FloatSum()), emit=emit)
    [event] = [event for event in seen if isinstance(event, ev.PieceRetried)]
    assert event.first <= 12 < event.stop
    assert event.rows == (64 * event.first, min(64 * event.stop, 1064))
    assert watched.report().retried_why == {"OSError": 1}
