"""What the pages show of the source is the source, their links lead somewhere, and their code runs."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from tests.project.sources import ROOT, short

DOCS = runpy.run_path(str(ROOT / "scripts" / "docs.py"))
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", DOCS["pages"](), ids=short)
def test_shown_source_is_current(page) -> None:
    assert page.read_text() == DOCS["current"](page.read_text()), "run `make docs`"


@pytest.mark.parametrize("page", DOCS["pages"](), ids=short)
def test_links(page) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert not [target for target in targets if not (page.parent / target).exists()]


def test_make_targets_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in DOCS["pages"]():
        for target in re.findall(r"`make ([a-z-]+)`|^\$ make ([a-z-]+)", page.read_text(), re.MULTILINE):
            assert f"\n{''.join(target)}:" in makefile


def test_readme_code_runs(tmp_path) -> None:
    """The Python, then the commands, in one folder."""
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    commands = re.findall(r"^\$ shardlearn (.+)$", README, re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        program = Path(sys.executable).with_name("shardlearn")
        run = subprocess.run([program, *command.split()], cwd=tmp_path, capture_output=True, text=True)
        assert run.returncode == 0, f"$ shardlearn {command}\n{run.stdout}{run.stderr}"


EXAMPLES = [path for path in sorted((ROOT / "examples").glob("*.py")) if "SHARDLEARN_DATA" not in path.read_text()]


@pytest.mark.parametrize("example", EXAMPLES, ids=short)  # those on data sets: tests/cluster/test_real.py
def test_examples_run(example, tmp_path) -> None:
    run = subprocess.run([sys.executable, "-W", "error", example], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout
    assert not list(tmp_path.iterdir())
