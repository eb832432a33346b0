"""Exit codes, words and JSON for what can't be done; what a start loads."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import shardlearn
from shardlearn.cli.flags import Run
from shardlearn.cli.measuring import codes
from shardlearn.cli.opening import running
from shardlearn.cli.output import Usage, plain
from shardlearn.cli.values import estimator_place, parameters
from shardlearn.linear_model import LinearRegression, LogisticRegression, Ridge

FIT = ("fit", "Ridge", "--data", "data", "--target", "delay", "--columns", "a,b,c", "--out", "m")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("fit", "Ridgee", *FIT[2:]), "Did you mean linear_model.Ridge"),
        (("fit", "nothing.alike", *FIT[2:]), "There are: "),
        ((*FIT, "--set", "alhpa=1"), "Did you mean alpha?"),
        ((*FIT, "--set", "qqqq=1"), "There are: alpha, "),
        ((*FIT, "--set", "alpha"), "name=value"),
        ((*FIT, "--holdout", "1.5"), "--holdout takes a share"),
        ((*FIT[:4], *FIT[6:]), "--target is missing"),
        ((*FIT, "--nosuch", "1"), "--nosuch"),
        (("fly",), "fly"),
        (("fit",), "--help"),
        (("inspect",), "PATHS are missing"),
        ((*FIT[:2], *FIT[4:]), "PATHS are missing"),
        ((*FIT[:-1], ""), "--out takes the name of a folder"),
        ((*FIT, "--set", "alpha=-1"), "[SL1001]"),
        ((*FIT, "--memory", "many"), "where : --engine, --workers or --memory"),
        ((*FIT, "--workers", "many"), "where : --engine, --workers or --memory"),
        ((*FIT, "--workers", "2-8"), "Only on Ray do workers join and leave"),
        ((*FIT, "--drop-columns", '"w'), "a name with a comma in double quotes: '\"a,b\",c'"),
        ((*FIT, "--engine", "spark"), "needed: one of 'threads', 'serial', 'ray'"),
    ],
)
def test_wrong_usage_is_exit_code_2(call, data, arguments, words) -> None:
    done = call(*arguments)
    assert done.code == 2
    assert words in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_no_verb_prints_the_help_and_is_wrong_usage(call) -> None:
    done = call()
    assert done.code == 2
    assert "inspect" in done.out
    assert call("--help").code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((*FIT[:2], "--data", "elsewhere", *FIT[4:]), "SL2201"),
        ((*FIT[:2], "elsewhere", *FIT[4:]), "SL2201"),
        (("evaluate", "nowhere", "--data", "data", "--target", "late"), "SL"),
        (("report", "nowhere"), "SL5110"),
    ],
)
def test_our_errors_are_exit_code_1_without_a_traceback(call, data, arguments, code) -> None:
    done = call(*arguments)
    assert done.code == 1
    assert done.err.startswith("shardlearn.")
    assert f"[{code}" in done.err
    assert "Traceback" not in done.err
    in_json = call(*arguments, "--json")
    assert in_json.json["error"]["code"].startswith(code)
    assert in_json.code == in_json.json["exit"] == 1


def test_debug_shows_the_traceback_and_the_log(call, data) -> None:
    assert "Traceback" in call(*FIT, "--set", "alpha=-1", "--debug").err
    done = call(*FIT, "--debug")
    assert done.code == 0
    assert "FitStarted" in done.err


def test_a_folder_in_use_is_refused_before_the_fit(call, data, tmp_path) -> None:
    assert call(*FIT).code == 0
    again = call(*FIT)
    assert again.code == 1
    assert "[SL5102]" in again.err
    assert "--overwrite" in again.err
    assert call(*FIT, "--overwrite").code == 0
    (tmp_path / "file").write_text("x")
    assert "a file" in call(*FIT[:-1], "file", "--overwrite").err
    assert "a file" in call(*FIT[:-1], "file/below").err
    assert "holds other things" in call(*FIT[:-1], "data", "--overwrite").err
    (tmp_path / "empty").mkdir()
    assert call(*FIT[:-1], "empty").code == 0


def test_foreign_errors_do_not_show_their_words(call, data, monkeypatch) -> None:
    def fit(*_, **__):
        raise RuntimeError("the value 123.456 of a cell")

    monkeypatch.setattr(Ridge, "fit", fit)
    done = call(*FIT)
    assert done.code == 1
    assert "unexpected RuntimeError" in done.err
    assert "123.456" not in done.err
    assert call(*FIT, "--json").json["error"]["code"] == "unexpected"


def test_a_foreign_os_error_names_the_file(call, data, monkeypatch) -> None:
    def fit(*_, **__):
        raise PermissionError(13, "Permission denied", "secret.parquet")

    monkeypatch.setattr(Ridge, "fit", fit)
    assert call(*FIT).err == "Permission denied: secret.parquet\n"


def test_warnings_are_notes(call, data) -> None:
    logistic = ("fit", "LogisticRegression", "--data", "data", "--target", "late", "--columns", "a,b,c", "--out", "m")
    done = call(*logistic, "--set", "max_iter=1", "--json")
    assert done.code == 0
    assert "failed to converge" in done.json["warnings"][0]
    assert "failed to converge" in done.err
    assert ".py:" not in done.err


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Ridge, "alpha=2", 2),
        (Ridge, "alpha=0.5", 0.5),
        (Ridge, "solver=auto", "auto"),
        (Ridge, "fit_intercept=false", False),
        (Ridge, "max_iter=none", None),
        (Ridge, "random_state=3", 3),
        (LinearRegression, "positive=True", True),
        (LogisticRegression, "C=inf", float("inf")),
        (LogisticRegression, "class_weight=balanced", "balanced"),
        (LogisticRegression, 'class_weight={"0": 1, "late": 2.5, "true": 3}', {0: 1, "late": 2.5, True: 3}),
        (LogisticRegression, "class_weight=None", None),
        (LogisticRegression, "solver= newton-cholesky ", "newton-cholesky"),
        (LogisticRegression, "verbose=1", 1),
        (LogisticRegression, "C=much", "much"),
        (LogisticRegression, "max_iter=2.5", 2.5),
        (LogisticRegression, "class_weight=[1]", "[1]"),
    ],
)
def test_set_reads_the_type_that_a_parameter_takes(kind, text, value) -> None:
    found = parameters(kind, [text])
    assert found == {text.split("=")[0]: value}
    assert type(next(iter(found.values()))) is type(value)


def test_the_program_gives_freed_pages_back_at_once() -> None:
    code = (
        "import shardlearn.cli, shardlearn.cli.running as running\n"
        "def run(arguments):\n    import pyarrow\n    print(pyarrow.default_memory_pool().backend_name)\n    return 0\n"
        "running.run = run\nshardlearn.cli.main()\n"
    )
    clean = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    for environment, expected in ((clean, "system"), ({**clean, "ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}, "mimalloc")):
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == expected


def test_names_of_estimators() -> None:
    for name in ("Ridge", "linear_model.Ridge", "shardlearn.linear_model.Ridge"):
        assert estimator_place(name).load() is Ridge
    with pytest.raises(Usage):
        estimator_place("cluster.Ridge")


def test_json_has_no_nan() -> None:
    assert plain({"a": [float("nan"), (1.0, float("-inf"))], 2: None}) == {"a": [None, [1.0, None]], "2": None}


HEAVY = ("numpy", "scipy", "sklearn", "pyarrow", "pandas", "polars", "narwhals", "safetensors")


@pytest.mark.parametrize(
    "start",
    [
        "import shardlearn",
        "from shardlearn.cli.running import run; run(['--help'])",
        "from shardlearn.cli.running import run; run(['fit', '--help'])",
        "from shardlearn.cli.running import run; run(['--version'])",
        "from shardlearn.cli.running import run; assert run(['fly']) == 2",
        "from shardlearn.cli.running import run; assert run(['config']) == 0",
        "import shardlearn.linear_model; assert 'Ridge' in dir(shardlearn.linear_model)",
    ],
)
def test_a_start_loads_nothing_heavy(start, tmp_path) -> None:
    code = f"import sys\n{start}\nloaded = [m for m in {HEAVY} if m in sys.modules]\nassert not loaded, loaded"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("fit", "Ridgee", *FIT[2:]),
        (*FIT[:4], "--out", "m"),
        (*FIT[:2], "elsewhere", *FIT[4:]),
        (*FIT[:2], "t.csv", *FIT[4:]),
        (*FIT, "--holdout", "2"),
        (*FIT[:-1], "data"),
        ("evaluate", "m", "elsewhere", "--target", "delay"),
        ("predict", "m", "elsewhere", "--out", "p"),
        ("evaluate", "known", "t.csv", "--target", "delay"),
        ("predict", "known", "t.csv", "--keep", "id", "--out", "p"),
        ("report", "nowhere"),
        ("inspect", "elsewhere"),
    ],
)
def test_what_is_plainly_wrong_is_said_before_scikit_learn_is_loaded(arguments, tmp_path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "other").touch()
    (tmp_path / "t.csv").write_text("a,b,c\n1,2,3\n")
    shardlearn.save(Ridge().fit([[1.0], [2.0]], [1.0, 2.0]), tmp_path / "known")
    code = (
        f"import sys\nfrom shardlearn.cli.running import run\nassert run({arguments!r}) in (1, 2)\n"
        "assert 'sklearn' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_importing_shardlearn_takes_less_than_100_ms_of_work() -> None:
    code = "import time; t = time.process_time(); import shardlearn; print(time.process_time() - t)"
    times = [float(subprocess.run([sys.executable, "-c", code], capture_output=True).stdout) for _ in range(3)]
    assert min(times) < 0.1


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        (np.array([2, 5, 3]), np.array([2, 3]), [0, -1, 1]),
        (np.array([2.0, 2.5, np.inf]), np.array([2, 3]), [0, -1, -1]),
        (np.array([True, False]), np.array([0, 1]), [1, 0]),
        (np.array([1, 0]), np.array([False, True]), [1, 0]),
        (np.array([2**62 + 1]), np.array([2**62, 2**62 + 1]), [1]),
        (np.array(["b", "a", "zz"]), np.array(["a", "b"], object), [1, 0, -1]),
        (np.array(["1"]), np.array([1, 2]), [-1]),
        (np.array([1]), np.array(["1", "2"]), [-1]),
    ],
)
def test_labels_as_positions_among_the_classes(labels, classes, expected) -> None:
    assert codes(labels, classes).tolist() == expected


def test_no_progress_is_for_this_run_alone(monkeypatch) -> None:
    for before in (None, "1"):
        monkeypatch.delenv("SHARDLEARN_PROGRESS", raising=False)
        if before is not None:
            monkeypatch.setenv("SHARDLEARN_PROGRESS", before)
        with running(Run(progress=False)):
            assert os.environ["SHARDLEARN_PROGRESS"] == "0"
        assert os.environ.get("SHARDLEARN_PROGRESS") == before


def test_a_pipe_that_closes_early(data, tmp_path) -> None:
    command = f"{sys.executable} -m shardlearn.cli inspect --data data | head -1 >/dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() in ("0", "1")
    assert done.stderr == ""


def test_a_full_disk_behind_stdout_is_no_traceback(data, tmp_path) -> None:
    command = f"{sys.executable} -m shardlearn.cli inspect data --json > /dev/full"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "No space left on device\n"
