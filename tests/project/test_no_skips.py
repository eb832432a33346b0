"""`make test-all` takes a skipped test for a failure, and `make test` shows its reason."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.project.sources import ROOT

TESTS = """
import pytest

def test_passes():
    pass

@pytest.mark.skip(reason="the moon is full")
def test_skips():
    pass
"""


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--no-skips"], 1)])
def test_no_skips(tmp_path, options: list[str], code: int) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "test_some.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", *options, str(tmp_path)]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert result.returncode == code, result.stdout + result.stderr
    assert "the moon is full" in result.stdout
    assert ("that is a failure" in result.stdout) is bool(options)
