"""Settings and where each comes from: the one place that reads the environment and the settings files.

A setting is taken from the first of: an argument, `with shardlearn.engine(...)`, `shardlearn.set_engine(...)`, a
variable `SHARDLEARN_*`, `shardlearn.toml` or `[tool.shardlearn]` in `pyproject.toml` (of the working directory or the
nearest one above that has either), the default. This module knows the last three.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from .core.errors import ParameterError

Workers: TypeAlias = int | tuple[int, int]  # so many, or at least and at most


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it stands now."""

    name: str
    value: str | None  # None: not set, the default applies
    origin: str  # in words
    about: str


ABOUT: Mapping[str, str] = {
    "engine": 'who computes: "threads", "threads:4", "serial", "ray:auto" or "ray:local" (default: threads)',
    "workers": 'threads, or Ray\'s worker processes, of these also "2-8" (default: the CPUs that may be used)',
    "memory": 'bytes that a fit may add, as "200MB", "1GB", "1GiB" (default: half of what is free)',
    "cache": "folder for what is unpacked and removed after use (default: ~/.cache/shardlearn)",
    "progress": "0: no progress lines (default: 1)",
    "simd": 'instruction set of the kernels: "avx512", "avx2" or "scalar" (default: the best there is; same bits)',
}
_UNITS = {"": 1, "B": 1} | {
    prefix + unit: base**power
    for power, prefix in enumerate("KMGT", start=1)
    for unit, base in (("", 1000), ("B", 1000), ("iB", 1024))
}


def settings() -> list[Setting]:
    """Every setting with its origin: what `shardlearn config` prints."""
    return [setting(name) for name in ABOUT]


def setting(name: str, environ: Mapping[str, str] = os.environ, folder: Path | None = None) -> Setting:
    """One setting, from the environment, a settings file, or not set."""
    variable = f"SHARDLEARN_{name.upper()}"
    if environ.get(variable, "") != "":
        return Setting(name, environ[variable], variable, ABOUT[name])
    path, values = settings_file(Path.cwd() if folder is None else folder)
    if name in values:
        return Setting(name, values[name], str(path), ABOUT[name])
    return Setting(name, None, "default", ABOUT[name])


def settings_file(folder: Path) -> tuple[Path | None, Mapping[str, str]]:
    """The nearest settings file at or above a folder, and what it says."""
    for above in (folder, *folder.parents):
        for path, keys in ((above / "shardlearn.toml", ()), (above / "pyproject.toml", ("tool", "shardlearn"))):
            values = _read(path, keys, path.stat().st_mtime_ns) if path.is_file() else None
            if values is not None:
                return path, values
    return None, {}


def nbytes(value: int | str, name: str = "memory", origin: str = "") -> int:
    """A size in bytes from a number or from text: "200MB" is 200,000,000, "1GiB" is 2**30."""
    if isinstance(value, str):
        text = value.strip().replace("_", "")
        digits = text.rstrip("KMGTiB ")
        unit = text[len(digits) :].strip()
        try:
            size = int(float(digits) * _UNITS[unit])
        except (ValueError, KeyError, OverflowError):
            raise _bad_size(value, name, origin) from None
    else:
        size = int(value)
    if size <= 0:
        raise _bad_size(value, name, origin)
    return size


def seconds(value: float | str, name: str = "every", origin: str = "") -> float:
    """A duration in seconds from a number or from text: "30s", "5min", "2h"."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h|)\s*", str(value))
    if found is None or isinstance(value, bool):
        raise ParameterError(
            f"{name} == {value!r} is not a duration.",
            code="SL1007",
            where=origin,
            needed='seconds from 0 on, or text such as "30s", "5min", "2h"',
        )
    return float(found[1]) * {"": 1, "s": 1, "min": 60, "h": 3600}[found[2]]


def count(value: int | str, name: str = "workers", origin: str = "") -> int:
    """A number of workers, at least 1."""
    try:
        number = int(value)
    except ValueError:
        number = 0
    if number < 1:
        raise ParameterError(
            f"{name} == {value!r}, must be >= 1.", code="SL1002", where=origin, needed="a whole number from 1 on"
        )
    return number


def workers(value: Workers | str, origin: str = "") -> Workers:
    """A number of workers, or the fewest and the most of them: (2, 8), or as text "2-8"."""
    if isinstance(value, str) and re.fullmatch(r"\s*\d+\s*-\s*\d+\s*", value):
        parts: Sequence[int | str] = value.split("-")
    elif isinstance(value, tuple):
        parts = value
    else:
        return count(value, "workers", origin)
    counted = [count(part, "workers", origin) for part in parts]
    if len(counted) != 2 or counted[0] > counted[1]:
        raise ParameterError(
            f"workers == {value!r} is not a fewest and a most.",
            code="SL1002",
            where=origin,
            needed='a number, or two of which the first is not larger, as (2, 8) or "2-8"',
        )
    least, most = counted
    return most if least == most else (least, most)


def progress() -> bool:
    """Whether progress may be shown."""
    return setting("progress").value not in ("0", "false", "False")


def cache_folder() -> Path | None:
    """Where data is unpacked; None: the user's cache folder."""
    value = setting("cache").value
    return None if value is None else Path(value)


def inside_joblib_worker() -> bool:
    """Whether this is a worker process of joblib or multiprocessing, where the others use the other CPUs."""
    processes = sys.modules.get("multiprocessing.process")
    return processes is not None and processes.current_process().name != "MainProcess"


@lru_cache(maxsize=64)  # until the file is another one
def _read(path: Path, keys: tuple[str, ...], _changed: int) -> Mapping[str, str] | None:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        if keys:
            return None  # somebody else's pyproject.toml is not ours to complain about
        raise ParameterError(
            "The settings file can't be read.", code="SL1003", where=str(path), found=str(error)
        ) from None
    for key in keys:
        if key not in table:
            return None
        table = table[key]
    for name in table:
        if name not in ABOUT:
            raise ParameterError(
                f"There is no setting {name!r}.", code="SL1003", where=str(path), needed=f"one of {', '.join(ABOUT)}"
            )
    return {name: str(int(value) if isinstance(value, bool) else value) for name, value in table.items()}


def _bad_size(value: int | str, name: str, origin: str) -> ParameterError:
    return ParameterError(
        f"{name} == {value!r} is not a size.",
        code="SL1001",
        where=origin,
        needed='a number of bytes from 1 on, or text such as "200MB", "1GB", "1GiB"',
    )
