"""`shardlearn fit --checkpoint`, `shardlearn resume`: stopped, killed, started again; one model, whatever happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import shardlearn
from shardlearn.cli import command

from .conftest import ENV

FIT = (
    *(
        "fit",
        "LogisticRegression",
        "data",
        "--target",
        "late",
        "--columns",
        "a,b,c",
        "--set",
        "solver=gradient-descent",
    ),
    *("--out", "m"),
)
KEPT = (*FIT, "--checkpoint", "runs/x", "--checkpoint-every", "0")
# The program; after the third round something happens to it.
STRUCK = """
import os, signal, sys
from shardlearn.observe import watching
number = getattr(signal, sys.argv.pop(1))
plain = watching.Watch.after
def after(self, state=None):
    if self.report().rounds == 3:
        os.kill(os.getpid(), number)
    return plain(self, state)
watching.Watch.after = after
from shardlearn.cli import main
main()
"""


def struck(folder: Path, number: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", STRUCK, number, *arguments]
    return subprocess.run(command, cwd=folder, env=ENV, capture_output=True, text=True, timeout=120)


def model(folder: Path, name: str = "m") -> str:
    return shardlearn.fingerprint(shardlearn.load(folder / name))


@pytest.fixture
def whole(call, data, tmp_path) -> str:
    """The model of a fit that nothing happened to."""
    assert call(*FIT[:-1], "whole").code == 0
    return model(tmp_path, "whole")


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_stopped_and_resumed(call, whole, tmp_path, number) -> None:
    done = struck(tmp_path, number, *KEPT, "--json")
    assert done.returncode == 130, done.stderr
    assert json.loads(done.stdout)["report"]["rounds"] == 3
    assert "interrupted: what was learned until then is saved; shardlearn resume runs/x goes on" in done.stderr
    assert model(tmp_path) != whole
    resumed = call("resume", "runs/x", "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.json["fingerprint"] == model(tmp_path) == whole
    assert resumed.json["report"]["resumed"] == str(tmp_path / "runs/x/fit-0000")


def test_killed_and_the_same_command_again(call, whole, tmp_path) -> None:
    """As a scheduler does that starts a job again."""
    assert struck(tmp_path, "SIGKILL", *KEPT).returncode == -signal.SIGKILL
    assert not (tmp_path / "m").exists()
    assert struck(tmp_path, "SIGKILL", *KEPT).returncode == -signal.SIGKILL
    assert struck(tmp_path, "SIGTERM", *KEPT).returncode == 130
    done = call(*KEPT, "--json")
    assert done.code == 0, done.err
    assert model(tmp_path) == whole
    assert done.json["report"]["rounds"] > 0
    again = call("resume", "runs/x", "--json")
    assert (again.code, again.json["report"]["rounds"], again.json["fingerprint"]) == (0, 0, whole)


def test_killed_in_another_folder_with_rows_kept_aside(call, data, tmp_path, monkeypatch) -> None:
    assert call(*FIT[:-1], "whole", "--holdout", "0.2", "--json").code == 0
    assert struck(tmp_path, "SIGKILL", *KEPT, "--holdout", "0.2").returncode == -signal.SIGKILL
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    done = call("resume", "../runs/x", "--engine", "serial", "--json")
    assert done.code == 0, done.err
    assert done.json["report"]["engine"] == "serial"
    assert model(tmp_path) == model(tmp_path, "whole")
    scores = [json.loads((tmp_path / name / "run.json").read_text())["holdout"] for name in ("m", "whole")]
    assert scores[0] == scores[1]
    with pytest.raises(shardlearn.StorageError, match="fix   : shardlearn resume, on the command line"):
        shardlearn.resume("../runs/x")


def test_twice_leaves_the_last_whole_round(call, whole, tmp_path) -> None:
    held = STRUCK.replace("os.kill(", "os.kill(os.getpid(), number); os.kill(")
    command = [sys.executable, "-c", held, "SIGINT", *FIT, "--checkpoint", "runs/x", "--checkpoint-every", "2h"]
    done = subprocess.run(command, cwd=tmp_path, env=ENV, capture_output=True, text=True, timeout=120)
    assert done.returncode == 130, done.stderr
    assert not (tmp_path / "m").exists()
    resumed = call("resume", "runs/x", "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.json["fingerprint"] == whole
    assert resumed.json["report"]["resumed"]


OTHERS = {
    "estimator": (("fit", "Ridge", *FIT[2:]), "ESTIMATOR: LogisticRegression then, Ridge now"),
    "target": ((*FIT[:4], "w", *FIT[5:]), "--target: late then, w now"),
    "set": ((*FIT, "--set", "C=0.5"), "--set: solver=gradient-descent then, solver=gradient-descent, C=0.5 now"),
    "holdout": ((*FIT, "--holdout", "0.5"), "--holdout: 0.0 then, 0.5 now"),
    "weight": ((*FIT, "--weight", "w"), "--weight: nothing then, w now"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_another_command_is_refused_and_the_difference_named(call, data, tmp_path, other) -> None:
    assert call(*KEPT).code == 0
    arguments, words = OTHERS[other]
    done = call(*arguments, "--overwrite", "--checkpoint", "runs/x")
    assert done.code == 1
    assert done.err == (
        "shardlearn.StorageError [SL5111]: The checkpoint belongs to another command.\n"
        f"  where : {tmp_path}/runs/x\n"
        f"  found : {words}\n"
        "  needed: the same estimator, data, target and parameters\n"
        "  fix   : undo the change, or name another folder to start anew\n"
    )
    assert call("resume", "runs/x").code == 0  # whose command is what it was


def test_other_data_are_refused(call, data, tmp_path) -> None:
    assert struck(tmp_path, "SIGKILL", *KEPT).returncode == -signal.SIGKILL
    os.utime(tmp_path / "data" / "part-1.parquet", ns=(0, 0))
    done = call("resume", "runs/x")
    assert done.code == 1
    assert "SL5111" in done.err
    assert "found : data: " in done.err
    assert not (tmp_path / "m").exists()


def test_what_can_not_be_resumed(call, data, tmp_path) -> None:
    done = call("resume", "nothing")
    assert (done.code, done.err) == (
        1,
        f"shardlearn.StorageError [SL5114]: {tmp_path}/nothing can't be resumed.\n"
        "  found : no command.json\n"
        "  needed: a folder that `shardlearn fit ... --checkpoint FOLDER` has written\n"
        "  fix   : shardlearn.resume(...) in Python, or the same program again, where a program made it\n",
    )
    for inside in ("m", "m/c", "./m/"):
        done = call(*FIT, "--checkpoint", inside)
        assert done.code == 2
        assert "outside of --out" in done.err
    done = call(*FIT, "--checkpoint", "c", "--checkpoint-every", "soon")
    assert done.code == 2
    assert "is not a duration" in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_a_model_of_something_else_is_not_replaced(call, data, tmp_path) -> None:
    assert struck(tmp_path, "SIGKILL", *KEPT).returncode == -signal.SIGKILL
    assert call("fit", "Ridge", "data", "--target", "delay", "--columns", "a", "--out", "m").code == 0
    before = model(tmp_path)
    done = call("resume", "runs/x")
    assert done.code == 1
    assert "SL5102" in done.err
    assert model(tmp_path) == before


def changed(path: Path, change: Any) -> None:
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found, sort_keys=True, indent=1) + "\n")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda c: c.update(more=1), "SL5108"),
        (lambda c: c["where"].update(more="1"), "SL5108"),
        (lambda c: c["run"].update(workers=[1]), "SL5108"),
        (lambda c: c.update(training=[]), "SL5108"),
        (lambda c: c.update(format=2), "SL5106"),
    ],
)
def test_a_damaged_command(call, data, tmp_path, change, code) -> None:
    assert call(*KEPT).code == 0
    changed(tmp_path / "runs/x/command.json", change)
    done = call("resume", "runs/x")
    assert done.code == 1
    assert code in done.err


def test_a_difference_is_named_without_secrets() -> None:
    assert command._words(["s3://key:hidden@bucket/x?token=hidden", "a@b.csv"]) == "s3://bucket/x, a@b.csv"
