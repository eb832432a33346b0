"""Ctrl-C and SIGTERM: once, the round ends and the model is saved; twice, exit at once; real signals, no sleeps."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import shardlearn

from .conftest import COMMAND, ENV

ENDLESS = (  # rounds of about a millisecond, far from their end
    *("fit", "LogisticRegression", "--data", "data", "--target", "late", "--columns", "a,b,c", "--out", "m"),
    *("--set", "solver=gradient-descent", "--set", "tol=0", "--set", "max_iter=1000000000", "--set", "verbose=1"),
)
DEAF = "from shardlearn.observe import stop; stop.requested = lambda: False; from shardlearn.cli import main; main()"


class Running:
    """A program whose stderr is read line by line."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.process = subprocess.Popen(
            command, cwd=folder, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def until(self, words: str) -> None:
        for line in self.process.stderr:
            if words in line:
                return
        raise AssertionError(f"{words!r} never came")

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.fixture
def start(tmp_path):
    running = []

    def run(*command: str) -> Running:
        running.append(Running(list(command), tmp_path))
        return running[-1]

    yield run
    for one in running:
        one.process.kill()
        one.process.communicate()


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.name.startswith(".") or ".tmp" in path.name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_once_saves_the_model_of_the_last_whole_round(start, data, tmp_path, number) -> None:
    fit = start(*COMMAND, *ENDLESS, "--json")
    fit.until("round 6/")
    fit.process.send_signal(number)
    code, out, err = fit.end()
    assert code == 130, err
    assert "stopping at the end of this round" in err
    assert "Traceback" not in err
    answer = json.loads(out)
    assert answer["exit"] == 130
    assert answer["report"]["status"] == "interrupted"
    assert answer["report"]["rounds"] >= 5
    assert shardlearn.fingerprint(shardlearn.load(tmp_path / "m")) == answer["fingerprint"]
    assert not left_over(tmp_path)


def test_twice_exits_at_once_and_writes_nothing(start, data, tmp_path) -> None:
    fit = start(sys.executable, "-c", DEAF, *ENDLESS)
    fit.until("round 3/")
    fit.process.send_signal(signal.SIGINT)
    fit.until("stopping at the end of this round")
    fit.process.send_signal(signal.SIGINT)
    code, out, err = fit.end()
    assert code == 130, err
    assert "Traceback" not in err
    assert out == ""
    assert not (tmp_path / "m").exists()
    assert not left_over(tmp_path)


SLOW = """
import sys
from shardlearn.linear_model import LogisticRegression
from shardlearn.faces import tables
whole = tables._row_groups
def slow(batches):
    for table in whole(batches):
        yield table
        print("one was written", file=sys.stderr, flush=True)
        sys.stdin.read()
tables._row_groups = slow
from shardlearn.cli import main
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_prediction_that_is_interrupted_leaves_nothing(call, data, tmp_path, number) -> None:
    fit = ("fit", "LogisticRegression", "--data", "data", "--target", "late", "--columns", "a,b,c", "--out", "m")
    assert call(*fit).code == 0
    command = [sys.executable, "-c", SLOW, "predict", "m", "--data", "data", "--out", "scores"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=ENV, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr:
            if "one was written" in line:
                break
        process.send_signal(number)
        err = process.stderr.read()
        assert process.wait(60) == 130, err
    assert "interrupted: nothing was written" in err
    assert not (tmp_path / "scores").exists()
    assert not left_over(tmp_path)


def test_handlers_are_as_before(call, data) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert call("fit", "Ridge", "--data", "data", "--target", "delay", "--columns", "a", "--out", "m").code == 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
