"""The same bits from every build of the extension: AVX-512, AVX2, scalar."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shardlearn import _native, kernels

HERE = Path(__file__).parent


def lacks(isa: str) -> bool:
    """Whether this processor can't run the build."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    return isa not in {"scalar": "scalar", "avx2": flags, "avx512": flags.replace("avx512dq", "avx512")}[isa]


def digest(isa: str) -> dict[str, str]:
    if lacks(isa):
        pytest.skip(f"this processor has no {isa}")
    done = subprocess.run(
        [sys.executable, HERE / "digest.py"],
        env={**os.environ, "SHARDLEARN_SIMD": isa},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found: dict[str, str] = json.loads(done.stdout)
    assert found.pop("simd") == isa
    return found


@pytest.fixture(scope="module")
def scalar() -> dict[str, str]:
    return digest("scalar")


@pytest.mark.parametrize("isa", ["avx2", "avx512"])
def test_every_instruction_set_gives_the_same_bits(isa: str, scalar: dict[str, str]) -> None:
    assert digest(isa) == scalar


def test_the_choice_of_a_build() -> None:
    assert "fused multiply-add" in _native.complaint(False, False, False, "")
    assert _native.complaint(True, False, False, "") == ""
    assert "has no avx512" in _native.complaint(True, True, False, "avx512")
    assert "set it to avx2 or scalar." in _native.complaint(True, True, False, "avx512")
    assert "has no avx2" in _native.complaint(True, False, False, "avx2")
    assert "is none of avx512, avx2, scalar" in _native.complaint(True, True, True, "sse")
    for isa in ("avx512", "avx2", "scalar"):
        assert _native.complaint(True, True, True, isa) == ""


def test_a_wrong_choice_is_an_import_error() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import shardlearn.kernels"],
        env={**os.environ, "SHARDLEARN_SIMD": "sse"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "ImportError: SHARDLEARN_SIMD='sse' is none of" in done.stderr


def test_a_missing_extension_says_how_to_build_it() -> None:
    code = "import sys; sys.modules['shardlearn._native'] = None; import shardlearn.kernels"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "pip install --no-build-isolation -e ." in done.stderr


def test_subnormals_survive() -> None:
    tiny = np.array([2.0**-1070])
    assert kernels.axpy(1.0, tiny, np.zeros(1))[0] == tiny[0]
