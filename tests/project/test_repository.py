"""What is in the repository."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from tests.project.sources import ROOT

LARGEST = 100_000  # bytes; the largest file of ours has 36,000


def test_no_file_is_large() -> None:
    """Data and builds don't belong here: what was committed once stays in every clone."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is no clone")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in names.split("\0") if name]
    assert len(files) > 100
    large = [path.relative_to(ROOT) for path in files if path.is_file() and path.stat().st_size > LARGEST]
    assert not large
