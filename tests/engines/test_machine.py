"""What a process may use: affinity, quotas, limits of cgroups of both versions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shardlearn.engines.machine import cpus, free_memory

ALLOWED = len(os.sched_getaffinity(0))


def root(tmp_path: Path, groups: str, **files: str) -> Path:
    files = {"proc/meminfo": "MemTotal: 9000 kB\nMemAvailable: 8000 kB\n", "proc/self/cgroup": groups} | files
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_this_machine() -> None:
    count, why = cpus()
    assert 1 <= count <= ALLOWED
    assert why
    free, who = free_memory()
    assert free > 0
    assert who in ("the machine", "the cgroup")


def test_no_cgroup(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemAvailable: 8 kB\n")
    assert free_memory(tmp_path) == (8192, "the machine")
    assert cpus(tmp_path)[0] == ALLOWED


@pytest.mark.parametrize(
    ("quota", "expected"), [("50000 100000", 1), ("max 100000", ALLOWED), ("99000000 100000", ALLOWED)]
)
def test_quota_of_version_2(quota: str, expected: int, tmp_path: Path) -> None:
    at = root(tmp_path, "0::/a/b\n", **{"sys/fs/cgroup/a/cpu.max": quota})
    assert cpus(at)[0] == expected


@pytest.mark.parametrize(("quota", "expected"), [("100000", 1), ("-1", ALLOWED)])
def test_quota_of_version_1(quota: str, expected: int, tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/cpu/x/cpu.cfs_quota_us": quota, "sys/fs/cgroup/cpu/x/cpu.cfs_period_us": "100000"}
    at = root(tmp_path, "3:cpu,cpuacct:/x\n2:memory:/x\n", **files)
    assert cpus(at)[0] == expected
    if quota == "100000" and ALLOWED > 1:
        assert "quota of 1 CPUs" in cpus(at)[1]


def test_memory_of_version_2_counts_groups_above(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/a/memory.max": "6000000",
        "sys/fs/cgroup/a/memory.current": "5000000",
        "sys/fs/cgroup/a/memory.stat": "anon 1\ninactive_file 500\n",
        "sys/fs/cgroup/a/b/memory.max": "max",
        "sys/fs/cgroup/a/b/memory.current": "5",
    }
    assert free_memory(root(tmp_path, "0::/a/b\n", **files)) == (1_000_500, "the cgroup")


def test_memory_of_version_1(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/memory/m/memory.limit_in_bytes": "3000",
        "sys/fs/cgroup/memory/m/memory.usage_in_bytes": "1000",
    }
    assert free_memory(root(tmp_path, "2:memory:/m\n", **files)) == (2000, "the cgroup")
    (tmp_path / "sys/fs/cgroup/memory/m/memory.limit_in_bytes").write_text("9223372036854771712")
    assert free_memory(tmp_path) == (8000 * 1024, "the machine")
