"""The extension's stub says what the extension has."""

from __future__ import annotations

import subprocess
import sys

from tests.project.sources import PACKAGE, ROOT


def test_stub_is_current(tmp_path) -> None:
    fresh = tmp_path / "_native.pyi"
    command = [sys.executable, "-m", "nanobind.stubgen", "-q", "-m", "shardlearn._native", "-o", str(fresh)]
    subprocess.run(command, check=True, timeout=60)
    style = [sys.executable, "-m", "ruff", "format", "--quiet", "--config", str(ROOT / "pyproject.toml"), str(fresh)]
    subprocess.run(style, check=True, timeout=60)
    assert (PACKAGE / "_native.pyi").read_text() == fresh.read_text(), "run `make stub`"
