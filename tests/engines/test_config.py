"""Settings: where each comes from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardlearn import config
from shardlearn.core.errors import ParameterError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (5, 5),
        ("5", 5),
        ("200MB", 200_000_000),
        ("200 MB", 200_000_000),
        ("1GB", 10**9),
        ("1.5GB", 1_500_000_000),
        ("1GiB", 1 << 30),
        ("64KiB", 65_536),
        ("2G", 2 * 10**9),
        ("1_000B", 1000),
        ("3TB", 3 * 10**12),
    ],
)
def test_sizes(text: int | str, size: int) -> None:
    assert config.nbytes(text) == size


@pytest.mark.parametrize("text", [0, -5, "", "MB", "1XB", "lots", "nan", "inf", "1GB2", "-1GB", "0.1"])
def test_sizes_that_are_none(text: int | str) -> None:
    with pytest.raises(ParameterError, match="not a size") as caught:
        config.nbytes(text, origin="SHARDLEARN_MEMORY")
    assert caught.value.where == "SHARDLEARN_MEMORY"


def test_counts() -> None:
    assert config.count("3") == 3
    for wrong in ("0", "-1", "two", 0, "1.5"):
        with pytest.raises(ParameterError, match="must be >= 1"):
            config.count(wrong)


def test_the_environment_comes_before_files(tmp_path: Path) -> None:
    (tmp_path / "shardlearn.toml").write_text('memory = "1GB"\nworkers = 3\nprogress = false\n')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    one = config.setting("memory", {"SHARDLEARN_MEMORY": "2GB"}, below)
    assert (one.value, one.origin) == ("2GB", "SHARDLEARN_MEMORY")
    two = config.setting("memory", {"SHARDLEARN_MEMORY": ""}, below)
    assert (two.value, two.origin) == ("1GB", str(tmp_path / "shardlearn.toml"))
    assert config.setting("workers", {}, below).value == "3"
    assert config.setting("progress", {}, below).value == "0"
    three = config.setting("engine", {}, below)
    assert (three.value, three.origin) == (None, "default")


def test_the_nearest_file_counts_and_pyproject_only_with_our_table(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.shardlearn]\nengine = 'serial'\n")
    (inner / "pyproject.toml").write_text("[project]\nname = 'x'\n[tool.other]\nengine = 1\n")
    assert config.setting("engine", {}, inner).value == "serial"
    (inner / "pyproject.toml").write_text("[tool.shardlearn]\nengine = 'threads:2'\n")
    assert config.setting("engine", {}, inner).value == "threads:2"
    (inner / "shardlearn.toml").write_text("engine = 'threads:3'\n")
    assert config.setting("engine", {}, inner).value == "threads:3"


def test_nothing_above(tmp_path: Path) -> None:
    path, values = config.settings_file(Path("/proc"))
    assert (path, dict(values)) == (None, {})


def test_a_settings_file_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("not toml [")
    assert config.settings_file(tmp_path)[0] != tmp_path / "pyproject.toml"
    (tmp_path / "shardlearn.toml").write_text("not toml [")
    with pytest.raises(ParameterError, match="can't be read"):
        config.settings_file(tmp_path)
    (tmp_path / "shardlearn.toml").write_text("memmory = '1GB'")
    with pytest.raises(ParameterError, match="no setting 'memmory'"):
        config.settings_file(tmp_path)


def test_every_setting_is_listed() -> None:
    assert [setting.name for setting in config.settings()] == [
        "engine",
        "workers",
        "memory",
        "cache",
        "progress",
        "simd",
    ]
    assert all(setting.about for setting in config.settings())


def test_shorthands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHARDLEARN_PROGRESS", raising=False)
    monkeypatch.delenv("SHARDLEARN_CACHE", raising=False)
    assert config.progress()
    assert config.cache_folder() is None
    monkeypatch.setenv("SHARDLEARN_PROGRESS", "0")
    monkeypatch.setenv("SHARDLEARN_CACHE", "/tmp/c")
    assert not config.progress()
    assert config.cache_folder() == Path("/tmp/c")
