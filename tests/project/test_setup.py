"""What a machine lacks is said in one plain line that names the Debian package."""

from __future__ import annotations

import subprocess

import pytest
from tests.project.sources import ROOT

# A Python made of sh: it says what the machine of a test has.
PYTHON = """#!/bin/sh
case "$2" in
    *version_info\\ \\<*) exit {old} ;;
    *version_info*) echo 3.12 ;;
    *venv*) exit {no_venv} ;;
    *sysconfig*) echo "{include}" ;;
esac
"""


@pytest.fixture
def machine(tmp_path):
    """A PATH with nothing on it, and how to put things there."""
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "Python.h").touch()

    def put(name: str, text: str = "#!/bin/sh\n") -> None:
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    def python(name: str = "python3", **lacks) -> None:
        put(name, PYTHON.format(**{"old": 0, "no_venv": 0, "include": tmp_path / "include", **lacks}))

    def found(**environment) -> subprocess.CompletedProcess:
        command = ["/bin/sh", str(ROOT / "scripts" / "find-python.sh")]
        return subprocess.run(command, env={"PATH": str(tmp_path), **environment}, capture_output=True, text=True)

    found.put, found.python = put, python
    return found


def _lacks(result: subprocess.CompletedProcess, *words: str) -> None:
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("shardlearn needs ")
    for word in words:
        assert word in result.stderr


def test_all_there(machine) -> None:
    machine.python()
    machine.put("c++")
    assert machine().stdout == "python3\n"


def test_no_python(machine) -> None:
    machine.put("c++")
    _lacks(machine(), "Python 3.11 or newer", "apt install python3;")


def test_old_python(machine) -> None:
    machine.python(old=1)
    machine.put("c++")
    _lacks(machine(), "Python 3.11 or newer", "apt install python3;")


def test_a_newer_python_under_its_own_name(machine) -> None:
    machine.python(old=1)
    machine.python("python3.12")
    machine.put("g++")
    assert machine().stdout == "python3.12\n"


def test_named_python(machine) -> None:
    machine.python()
    machine.python("mine", old=1)
    machine.put("c++")
    _lacks(machine(PYTHON="mine"), "PYTHON=mine is not", "apt install python3")


def test_no_venv(machine) -> None:
    machine.python(no_venv=1)
    machine.put("c++")
    _lacks(machine(), "the venv module", "apt install python3.12-venv")


def test_no_headers(machine) -> None:
    machine.python(include="/nowhere")
    machine.put("c++")
    _lacks(machine(), "C headers", "/nowhere/Python.h", "apt install python3.12-dev")


def test_no_compiler(machine) -> None:
    machine.python()
    _lacks(machine(), "C++17 compiler", "apt install g++")


def test_named_compiler(machine) -> None:
    machine.python()
    machine.put("c++")
    _lacks(machine(CXX="icpx"), "CXX=icpx is not", "apt install g++")


def test_make_says_it_and_stops(machine, tmp_path) -> None:
    """The line comes through make as it is, before anything is installed."""
    for name in ("Makefile", "pyproject.toml", "CMakeLists.txt"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    (tmp_path / "native").mkdir()
    command = ["make", "build", "PYTHON=/nowhere/python3"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    lines = [line for line in result.stderr.splitlines() if not line.startswith("make")]
    assert result.returncode == 2
    assert len(lines) == 1
    assert "PYTHON=/nowhere/python3 is not" in lines[0]
    assert not (tmp_path / ".venv").exists()
