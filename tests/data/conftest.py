"""Fixtures of the data tests: a disk cache of their own, which must be empty afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def disk_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """`SHARDLEARN_CACHE` for one test; nothing may be left in it."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("SHARDLEARN_CACHE", str(folder))
    yield folder
    if list(folder.iterdir()):
        gc.collect()
    assert not list(folder.iterdir())
