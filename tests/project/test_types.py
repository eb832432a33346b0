"""Escapes from the type checker and from coverage are few, coded and reasoned."""

from __future__ import annotations

import re
import tomllib

from tests.project.sources import PACKAGE, ROOT, python_files, short

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
MOST = 10


def test_type_ignores_are_few_and_reasoned() -> None:
    lines = [
        (f"{short(path)}:{number}", line)
        for path in python_files("src")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if "type: ignore" in line
    ]
    bare = [where for where, line in lines if not re.search(r"# type: ignore\[[\w,-]+\]  # \S+", line)]
    assert not bare, f"without a code, or a reason behind it: {bare}"
    assert len(lines) <= MOST, [where for where, _ in lines]


def test_only_these_are_untyped() -> None:
    untyped, stub = SETTINGS["mypy"]["overrides"]
    assert set(untyped["module"]) == {"sklearn.*", "scipy.*", "pyarrow.*", "ray.*", "matplotlib.*"}
    assert stub["module"] == ["shardlearn._native"]
    assert SETTINGS["mypy"]["strict"] is True


def test_covered_rooms_have_no_pragmas() -> None:
    rooms = [PACKAGE / "core", PACKAGE / "solvers", PACKAGE / "run.py", PACKAGE / "engines" / "rounds.py"]
    paths = [path for room in rooms for path in ([room] if room.suffix else room.rglob("*.py"))]
    assert not [short(path) for path in paths if "pragma" in path.read_text()]
    assert SETTINGS["coverage"]["run"]["branch"] is True
    assert "report" not in SETTINGS["coverage"], "nothing is excluded from coverage"
