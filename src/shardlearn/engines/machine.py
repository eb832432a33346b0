"""What this process may use of the machine: CPUs by affinity and quota, free memory by cgroup and kernel."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

ROOT = Path("/")


def cpus(root: Path = ROOT) -> tuple[int, str]:
    """CPUs that this process may use, and what says so."""
    allowed = len(os.sched_getaffinity(0))
    quota = min((q for q in (_quota(at) for at in _groups("cpu", root)) if q is not None), default=None)
    if quota is not None and quota < allowed:
        return max(int(quota), 1), f"the cgroup's quota of {quota:g} CPUs"
    return allowed, f"the {allowed} CPUs that this process may use" if allowed > 1 else "the one CPU there is"


def free_memory(root: Path = ROOT) -> tuple[int, str]:
    """Bytes that this process could still take, and what says so."""
    info = dict(line.split(":", 1) for line in (root / "proc/meminfo").read_text().splitlines())
    free, who = int(info["MemAvailable"].split()[0]) * 1024, "the machine"
    for at in _groups("memory", root):
        left = _left(at)
        if left is not None and left < free:
            free, who = left, "the cgroup"
    return free, who


def trim() -> None:
    """Give the system what the C library has free: it keeps pages between what is in use, and a few large ones."""
    with suppress(AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """Folders of this process's cgroup and those above it, for version 1 and version 2."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        mount = root / "sys/fs/cgroup"
        if controllers:
            if controller not in controllers.split(","):
                continue
            mount /= controller
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts), -1, -1):
            yield mount.joinpath(*parts[:depth])


def _quota(at: Path) -> float | None:
    text = _text(at / "cpu.max")
    if text is not None:
        quota, period = ([*text.split(), "100000"])[:2]
        return None if quota == "max" else int(quota) / int(period)
    quota_us, period_us = _number(at / "cpu.cfs_quota_us"), _number(at / "cpu.cfs_period_us")
    return None if quota_us is None or quota_us <= 0 or not period_us else quota_us / period_us


def _left(at: Path) -> int | None:
    for most, used, cached in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        limit, now = _number(at / most), _number(at / used)
        if limit is not None and now is not None:
            lines = (line.split() for line in (_text(at / "memory.stat") or "").splitlines())
            given_back = next((int(value) for name, value in lines if name == cached), 0)
            return max(limit - now + given_back, 0)
    return None


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text is not None and text.lstrip("-").isdigit() else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
