"""Ctrl-C and SIGTERM: once, the round ends and the model is saved; twice, exit at once; real signals, no sleeps."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import shardlearn

from .conftest import ENV

FIT = (
    *("fit", "LogisticRegression", "--data", "data", "--target", "late", "--columns", "a,b,c", "--out", "m"),
    *("--set", "solver=gradient-descent", "--set", "tol=0", "--set", "max_iter=1000000"),
)
# The program, whose fits wait for a line on stdin after the sixth round, and show themselves from the start.
HELD = """
import os, sys
from shardlearn.observe import watching
plain = watching.Watch.after
def after(self, state=None):
    if self.report().rounds == 6:
        os.write(2, b"held\\n")
        sys.stdin.readline()
    return plain(self, state)
watching.Watch.after, watching.QUIET = after, 0.0
from shardlearn.cli import main
main()
"""
# The program, whose predictions wait after the first rows are written.
SLOW = """
import sys
from shardlearn.linear_model import LogisticRegression
from shardlearn.faces import tables
whole = tables._row_groups
def slow(batches):
    for table in whole(batches):
        yield table
        print("held", file=sys.stderr, flush=True)
        sys.stdin.readline()
tables._row_groups = slow
from shardlearn.cli import main
main()
"""


class Running:
    """A program that waits for us, and what it said on stderr so far."""

    def __init__(self, script: str, arguments: tuple[str, ...], folder: Path, stderr: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            cwd=folder,
            env=ENV | {"TERM": "xterm", "COLUMNS": "100"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        self.err = b""

    def until(self, words: bytes, source: int | None = None) -> None:
        source = self.process.stderr.fileno() if source is None else source
        while words not in self.err:
            part = os.read(source, 65536)
            assert part, self.err
            self.err += part

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(b"\n", timeout=60)
        return self.process.returncode, out.decode(), (self.err + (err or b"")).decode()


@pytest.fixture
def start(tmp_path) -> Iterator[object]:
    running = []

    def run(script: str, *arguments: str, stderr: int = subprocess.PIPE) -> Running:
        running.append(Running(script, arguments, tmp_path, stderr))
        return running[-1]

    yield run
    for one in running:
        with contextlib.suppress(ProcessLookupError, ValueError):
            one.process.kill()
            one.process.communicate()


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.name.startswith(".") or ".tmp" in path.name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_once_saves_the_model_of_the_last_whole_round(start, data, tmp_path, number) -> None:
    fit = start(HELD, *FIT, "--json", "--holdout", "0.1")
    fit.until(b"held\n")
    fit.process.send_signal(number)
    fit.until(b"stopping at the end of this round")
    code, out, err = fit.end()
    assert code == 130, err
    assert "Traceback" not in err
    answer = json.loads(out)
    assert answer["exit"] == 130
    assert (answer["report"]["status"], answer["report"]["rounds"]) == ("interrupted", 6)
    assert "holdout" not in answer
    assert shardlearn.fingerprint(shardlearn.load(tmp_path / "m")) == answer["fingerprint"]
    assert not left_over(tmp_path)


def test_twice_exits_at_once_and_writes_nothing(start, data, tmp_path) -> None:
    fit = start(HELD, *FIT)
    fit.until(b"held\n")
    fit.process.send_signal(signal.SIGINT)
    fit.until(b"stopping at the end of this round")
    fit.process.send_signal(signal.SIGINT)
    code, out, err = fit.end()
    assert code == 130, err
    assert "Traceback" not in err
    assert out == ""
    assert not (tmp_path / "m").exists()
    assert not left_over(tmp_path)


CLUSTERS = ("fit", "KMeans", "data", "--columns", "a,b,c", "--set", "random_state=0", "--out", "m")


def test_clusters_once_there_are_centres(start, data, tmp_path) -> None:
    """Seeding takes eight rounds here."""
    fit = start(HELD.replace("== 6", "== 12"), *CLUSTERS, "--set", "tol=0", "--set", "n_clusters=40", "--json")
    fit.until(b"held\n")
    fit.process.send_signal(signal.SIGINT)
    fit.until(b"stopping at the end of this round")
    code, out, err = fit.end()
    assert code == 130, err
    assert "Traceback" not in err
    model = shardlearn.load(tmp_path / "m")
    assert shardlearn.fingerprint(model) == json.loads(out)["fingerprint"]
    assert model.cluster_centers_.shape == (40, 3)
    assert not hasattr(model, "inertia_")
    assert not left_over(tmp_path)


def test_clusters_before_there_are_centres(start, data, tmp_path) -> None:
    fit = start(HELD.replace("== 6", "== 3"), *CLUSTERS)
    fit.until(b"held\n")
    fit.process.send_signal(signal.SIGINT)
    fit.until(b"stopping at the end of this round")
    code, out, err = fit.end()
    assert (code, out) == (130, ""), err
    assert "Traceback" not in err
    assert "interrupted: nothing was written" in err
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("kind", ["LogisticRegression", "KNeighborsClassifier"])
def test_a_prediction_that_is_interrupted_leaves_nothing(call, start, data, tmp_path, kind) -> None:
    fit = ("fit", kind, "--data", "data", "--target", "late", "--columns", "a,b,c", "--out", "m")
    assert call(*fit).code == 0
    predict = start(SLOW, "predict", "m", "--data", "data", "--out", "scores")
    predict.until(b"held\n")
    predict.process.send_signal(signal.SIGTERM)
    code, out, err = predict.end()
    assert code == 130, err
    assert out == ""
    assert "interrupted: nothing was written" in err
    assert not (tmp_path / "scores").exists()
    assert not left_over(tmp_path)


def test_on_a_terminal_one_block_is_drawn_and_taken_away(start, data, tmp_path) -> None:
    ours, theirs = os.openpty()
    fit = start(HELD, *FIT, stderr=theirs)
    os.close(theirs)
    fit.until(b"held\r\n", ours)
    fit.process.send_signal(signal.SIGINT)
    fit.process.stdin.write(b"\n")
    fit.process.stdin.flush()
    with contextlib.suppress(OSError):  # a terminal that nobody holds any more ends with an error
        while part := os.read(ours, 65536):
            fit.err += part
    os.close(ours)
    code, out, seen = fit.end()
    assert code == 130, seen
    assert "LogisticRegression saved in m" in out
    assert "3,000 rows x 3" in seen
    assert "again to exit at once" not in seen
    last = seen.rindex("━")
    assert "\x1b[2K" in seen[last:]  # the block is wiped
    assert "\x1b[?25h" in seen[last:]  # the cursor is back
    assert "LogisticRegression: interrupted after 6 rounds" in seen[last:]


def test_handlers_are_as_before(call, data) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert call("fit", "Ridge", "--data", "data", "--target", "delay", "--columns", "a", "--out", "m").code == 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
