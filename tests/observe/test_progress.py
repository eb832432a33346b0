"""What a fit shows while it runs: nothing, lines, or one live block; a clock that the test turns."""

from __future__ import annotations

import io
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from operator import is_
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from shardlearn.core import events as ev
from shardlearn.core.block import Block
from shardlearn.core.solver import Status
from shardlearn.observe import progress as shown
from shardlearn.observe import watch, watching
from shardlearn.observe.live import Live
from shardlearn.observe.memory import Peak
from shardlearn.observe.picture import Picture
from shardlearn.observe.progress import Lines, Progress

ENGINE = SimpleNamespace(name="threads", workers=2, memory=2_000_000_000)
START = ev.FitStarted("Ridge", 1000, 42, 1_900_000_000, "threads", 2, 2 * 10**9, "Parquet")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def play(emit, clock, *, rounds=9, step=0.1, start=START):
    """A fit of one pass before the first round, then rounds whose gradient falls to a third each."""
    emit(start)
    for index in range(-1, rounds):
        emit(ev.PassStarted(10, 1000, "train"))
        for piece in range(10):
            clock.now += step
            emit(ev.PieceFinished(piece, piece + 1, 100))
        emit(ev.PassFinished("train"))
        if index < 0:
            emit(ev.SolverChosen("Lbfgs", None, 100))
        else:
            status = Status.CONVERGED if index == rounds - 1 else Status.RUNNING
            emit(ev.RoundFinished(index, status, {"loss": 0.5 - index / 100, "gradient": 3.0**-index, "goal": 3.0**-8}))
    emit(ev.FitFinished("Ridge"))


def lines_of(**how) -> list[str]:
    clock, out = Clock(), io.StringIO()
    every = how.pop("every_round", False)
    peak = Peak()
    peak.look(at_once=True)
    progress = Progress(Picture("Ridge", 0.0), peak, lambda: Lines(out, every), clock=clock)
    play(progress, clock, **how)
    progress.close()
    return out.getvalue().splitlines()


def test_short_fits_are_silent() -> None:
    assert lines_of(step=0.01) == []


def test_lines_every_tenth() -> None:
    lines = lines_of()
    assert lines[0] == "Ridge   1.9 GB   1,000 rows x 42   2 threads   limit 2.0 GB"
    shares = [int(line.split(" %")[0].split()[-1]) for line in lines[1:]]
    assert 7 <= len(shares) <= 10
    assert shares == sorted(shares)
    assert "rows/s" in lines[4]
    assert "eta" in lines[4]
    assert "loss 0.48" in lines[4]
    assert "/2.0 GB" in lines[4]
    assert "1.9 GB/s" in lines[4]
    assert "round 8/~9" in lines[-1]


def test_lines_every_half_minute_when_it_goes_slowly() -> None:
    lines = lines_of(step=10.0)
    assert len(lines) > 30


def test_lines_every_round_when_asked() -> None:
    assert len([line for line in lines_of(step=0.5, every_round=True) if "loss" in line]) >= 9


def test_the_share_never_goes_back_and_the_guess_gets_better() -> None:
    clock, seen, expected = Clock(), [], []
    picture = Picture("Ridge", 0.0)

    def emit(event):
        picture.take(event, clock.now)
        seen.append(picture.fraction())
        expected.append(picture.expected)

    assert picture.header() == "Ridge"
    assert picture.where() == "reading"
    assert picture.eta(1.0) is None
    play(emit, clock)
    assert seen == sorted(seen)
    assert seen[-1] == 0.99
    assert expected[0] == 10
    assert expected[60:] == [9] * len(expected[60:])


def test_a_solver_that_knows_its_rounds() -> None:
    picture = Picture("Ridge", 0.0)
    picture.take(ev.SolverChosen("Gram", None, 1, 1), 0.0)
    assert picture.expected == 1
    picture.take(ev.PassStarted(1, 0, "train"), 0.0)
    assert picture.fraction() == 0.0


def test_without_data_bytes_or_limit() -> None:
    start = ev.FitStarted("Ridge", 1000, 3, 0, "serial", 1, None)
    lines = lines_of(start=start)
    assert lines[0] == "Ridge   1,000 rows x 3   serial"
    assert "RAM" in lines[3]
    assert "/s" in lines[3]


@pytest.mark.parametrize("width", [60, 80, 160])
def test_a_live_block_fits_the_terminal_and_goes_away(width) -> None:
    out, clock = io.StringIO(), Clock()
    console = Console(file=out, force_terminal=True, width=width, color_system=None, legacy_windows=False)
    progress = Progress(Picture("Ridge", 0.0), Peak(), lambda: Live(console), clock=clock)
    play(progress, clock)
    progress.close()
    assert progress.shown
    text = out.getvalue()
    bars = [line for line in text.replace("\r", "\n").splitlines() if "━" in line]
    assert len(bars) > 50
    assert all(len(line.split("\x1b[2K")[-1]) <= width for line in bars)
    assert "round 9/~9" in text
    assert "…" not in "".join(bars)
    assert text.rindex("\x1b[?25h") > text.rindex("━")  # the cursor is back


def test_only_the_outermost_fit_may_show_something() -> None:
    with watch("Outer", ENGINE):
        assert not shown.take_slot()
        with watch("Inner", ENGINE):
            assert not shown.take_slot()
        with ThreadPoolExecutor(1) as pool:
            assert not pool.submit(shown.take_slot).result()
    assert shown.take_slot()
    shown.free_slot()


def test_not_in_a_worker_process(monkeypatch) -> None:
    monkeypatch.setattr(multiprocessing.current_process(), "_name", "LokyProcess-1")
    assert not shown.take_slot()
    monkeypatch.undo()
    monkeypatch.setattr(shown, "_MAIN", os.getpid() + 1)
    assert not shown.take_slot()


def test_an_error_takes_the_block_away_and_frees_the_place(capsys) -> None:
    def fit() -> None:
        with watch("Ridge", ENGINE, verbose=1) as watched:
            watched.emit(START)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fit()
    assert "converged" not in capsys.readouterr().err
    assert shown.take_slot()
    shown.free_slot()


SCRIPT = """
import sys
from types import SimpleNamespace
from shardlearn.core import events as ev
from shardlearn.core.solver import Status
from shardlearn.observe import watch, watching
with watch("Ridge", SimpleNamespace(name="serial", workers=1, memory=None), verbose=int(sys.argv[1])) as watched:
    watched.emit(ev.FitStarted("Ridge", 1000, 3, 0, "serial", 1, None, "Parquet"))
    watched.emit(ev.PassStarted(1, 1000, "train"))
    watched.emit(ev.Timed("read", 1.0))
    watched.emit(ev.PieceFinished(0, 1, 1000))
    watched.emit(ev.PassFinished("train"))
    watched.emit(ev.RoundFinished(0, Status.CONVERGED, {"loss": 1.0}))
assert ("rich" in sys.modules) is False
"""


def said(verbose, **env) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(verbose)],
        capture_output=True,
        text=True,
        env=os.environ | env,
        check=True,
        timeout=60,
    )
    assert done.stdout == ""
    return done.stderr


def test_verbose_speaks_at_once_and_sums_up() -> None:
    lines = said(1).splitlines()
    assert lines[0].startswith("Ridge   1,000 rows x 3   serial")
    assert lines[-1].startswith("Ridge: converged after 1 round; ")
    assert lines[-1].endswith("of the time was reading Parquet.")


def test_a_short_fit_says_nothing_and_loads_no_rich() -> None:
    assert said(0) == ""


def test_progress_can_be_silenced() -> None:
    assert said(1, SHARDLEARN_PROGRESS="0") == ""


@pytest.mark.parametrize("live", [False, True])
def test_a_notice_is_shown_at_once_and_stays(live) -> None:
    out, clock = io.StringIO(), Clock()
    console = Console(file=out, force_terminal=True, width=100, color_system=None, legacy_windows=False)
    screen = (lambda: Live(console)) if live else (lambda: Lines(out))
    progress = Progress(Picture("Ridge", 0.0), Peak(), screen, clock=clock)
    progress(ev.Notice("unpacked [all] to a folder"))
    assert "unpacked [all] to a folder\n" in out.getvalue()
    assert not progress.shown
    progress.close()


def test_a_pass_that_is_no_fit_is_counted(monkeypatch, capsys) -> None:
    monkeypatch.setattr(watching, "QUIET", -1.0)
    monkeypatch.setattr(shown, "FRAME", -1.0)
    blocks = [Block(np.zeros((250, 1)), None, None, start) for start in range(0, 1000, 250)]
    with watching.counting("Ridge, predicting", ENGINE, 1000, "a.parquet") as through:
        assert all(map(is_, through(iter(blocks)), blocks))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Ridge, predicting   1,000 rows   2 threads   limit 2.0 GB"
    assert [part for line in lines for part in (" 25 %", " 50 %", " 75 %", " 99 %") if part in line]
    assert lines[-1].startswith("Ridge, predicting: done; ")


def test_a_solver_without_a_limit_of_rounds_takes_few() -> None:
    picture = Picture("Ridge", 0.0)
    picture.take(ev.SolverChosen("GramLeastSquares"), 0.0)
    assert picture.expected == 2
    picture.stopping = True
    picture.take(ev.PassFinished("train"), 0.0)
    assert picture.where() == "stopping after round 1"


def test_a_broken_stderr_does_not_stop_a_fit(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with watch("Ridge", ENGINE, verbose=1) as watched:
        watched.emit(START)
        watched.emit(ev.RoundFinished(0, Status.CONVERGED))
    assert watched.report().rounds == 1
    assert shown.take_slot()
    shown.free_slot()
